/** Whatever Stripe, or what lies between, does: the contract's answer in time, a server that lives on, and one intent. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../../../src/access/apiKeys.ts';
import { readConfig } from '../../../src/config.ts';
import { startFakeStripe, type FakeStripe, type Fault } from '../../../src/fake-stripe/server.ts';
import { serve } from '../../../src/live.ts';
import { expectExample } from '../../contract/judge.ts';
import { operations } from '../../support/contractDocument.ts';
import { send, type WireResponse } from '../../support/exchange.ts';
import { liveTarget } from '../../support/targets.ts';
import { blackHole, rawServer } from '../../support/stripeServers.ts';
import { forwardTo, impostor, lagging, secure, wayTo, type Upstream, type Wire } from './upstreams.ts';

const LIVE_PROCESS = fileURLToPath(new URL('../../support/liveProcess.ts', import.meta.url));

const intent = operations.find(({ operationId }) => operationId === 'createPaymentIntent')!;

/** Promise 4. */
const DEADLINE_MS = 10_000 + 250;

/** For this process, which measures, on a machine with other work to do. */
const SLACK_MS = 1_500;

/** A deadline, and then a retry. */
const TIMEOUT_MS = 30_000;

const API_KEY = 'cv_test_key';

const environment = {
  HOST: '127.0.0.1',
  PORT: '0',
  ADMIN_PORT: '0',
  DRAIN_MS: '0',
  API_KEYS: `test:${sha256(API_KEY).toString('hex')}`,
  STRIPE_SECRET_KEY: 'sk_test_faults',
};

// Closed at the end, not after each test: the tests run at the same time, most of them waiting between two attempts.
const closers: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(closers.map((close) => close())));

const strayRejections: unknown[] = [];
const onStray = (reason: unknown) => strayRejections.push(reason);
beforeAll(() => void process.on('unhandledRejection', onStray));
afterAll(() => void process.off('unhandledRejection', onStray));

/** Asks for the payment `key` of 19.99, and holds the answer to the deadline. */
async function pay(baseUrl: string, key = 'order-1'): Promise<WireResponse> {
  const startedAt = performance.now();
  const response = await send(baseUrl, {
    method: intent.method,
    path: intent.path,
    headers: [
      ['Host', 'faults.test'],
      ['cv-api-key', API_KEY],
      ['Content-Type', 'application/json'],
      ['Idempotency-Key', key],
    ],
    body: JSON.stringify({ amount: 19.99, metadata: { order: key } }),
  });
  expect(performance.now() - startedAt).toBeLessThan(DEADLINE_MS + SLACK_MS);
  return response;
}

/** The live server on a fake Stripe. */
async function live() {
  const target = await liveTarget();
  closers.push(() => target.close());
  return target;
}

/** The live server on whatever is at that URL. */
async function liveOn(stripeUrl: URL): Promise<string> {
  const server = await serve(readConfig(environment), pino({ level: 'silent' }), stripeUrl);
  closers.push(() => server.stop());
  return server.url;
}

async function fakeStripe(): Promise<FakeStripe> {
  const stripe = await startFakeStripe();
  closers.push(() => stripe.close());
  return stripe;
}

/** Another customer's intent, or refusals that would be the caller's own, by when they come. */
const strays = (['before', 'with', { laterMs: 0 }, { laterMs: 5 }] as const).flatMap((when) =>
  (
    [
      { sameAmount: true, echo: 'none' },
      { sameAmount: false, echo: 'another' },
      { error: { status: 400, code: 'amount_too_small' }, echo: 'none' },
      { error: { status: 400, param: 'metadata' }, echo: 'another' },
      { error: { status: 400, type: 'idempotency_error' }, echo: 'none' },
      { error: { status: 409, code: 'idempotency_key_in_use' }, echo: 'none' },
    ] as const
  ).map((stray) => [when, stray] as const),
);

/** Fails unless the client that now comes back with its key gets the secret of the one intent that there is. */
async function expectOneIntentAfterRetry(baseUrl: string, { ledger }: FakeStripe): Promise<void> {
  await vi.waitFor(async () => expectExample(await pay(baseUrl), intent, 'created'), {
    timeout: 10_000,
    interval: 200,
  });
  const again = await pay(baseUrl);
  expect(ledger.intents).toMatchObject([{ amount: 1999, currency: 'usd', metadata: { order: 'order-1' } }]);
  expect(secretIn(again)).toBe(ledger.intents[0]!.clientSecret);
  expect(again.headers['idempotent-replayed']).toBe('true');
}

function secretIn({ text }: WireResponse): string {
  return (JSON.parse(text) as { data: { paymentIntentSecret: string } }).data.paymentIntentSecret;
}

const status = (code: number, more: Partial<Fault & { kind: 'status' }> = {}): Fault => ({
  kind: 'status',
  status: code,
  effect: 'none',
  ...more,
});

const raw = (body: string, code = 200, contentType = 'application/json'): Fault => ({
  kind: 'raw',
  status: code,
  contentType,
  body,
  effect: 'kept',
});

const HTML = '<!doctype html><title>Log in to the proxy</title>';
const NO_INTENTS = ['42', '"ok"', 'true', 'null', '{}', '[]', '', '{"id": "pi_', HTML];

type Row = [what: string, example: string, fault: Fault];

/** Every error status that https://docs.stripe.com/api/errors names, with what we make of it. */
const STATUSES: [code: number, example: string][] = [
  [400, 'internalError'],
  [401, 'internalError'],
  [402, 'internalError'],
  [403, 'internalError'],
  [404, 'internalError'],
  [409, 'idempotencyKeyInUse'],
  [424, 'internalError'],
  [429, 'providerUnavailable'],
  [500, 'providerUnavailable'],
  [502, 'providerUnavailable'],
  [503, 'providerUnavailable'],
  [504, 'providerUnavailable'],
];

const rows: Row[] = [
  ['resets before it reads', 'providerUnavailable', { kind: 'reset', effect: 'none' }],
  ['resets after the effect', 'providerUnavailable', { kind: 'reset', effect: 'kept' }],
  ['hangs up before the effect', 'providerUnavailable', { kind: 'close', effect: 'none' }],
  ['hangs up after the effect', 'providerUnavailable', { kind: 'close', effect: 'kept' }],
  ['never answers', 'providerUnavailable', { kind: 'hang', effect: 'none' }],
  ['never answers after the effect', 'providerUnavailable', { kind: 'hang', effect: 'kept' }],
  [
    'answers after 12 s, at work all the time',
    'providerUnavailable',
    { kind: 'delay', delayMs: 12_000, effect: 'none' },
  ],
  ['drips its answer', 'providerUnavailable', { kind: 'drip', part: 'all', bytes: 1, everyMs: 30 }],
  ['drips its body', 'providerUnavailable', { kind: 'drip', part: 'body', bytes: 1, everyMs: 30 }],
  ['stops within its body', 'providerUnavailable', { kind: 'drip', part: 'body', bytes: 100, everyMs: 60_000 }],
  ['sends less than it announced', 'providerUnavailable', { kind: 'truncated' }],
  ['sends more than it announced', 'internalError', { kind: 'wrongLength' }],
  ["answers with another customer's intent", 'internalError', { kind: 'anotherIntent', sameAmount: false }],
  [
    "answers with another customer's intent over the same amount",
    'internalError',
    { kind: 'anotherIntent', sameAmount: true },
  ],
  ['answers 40 KiB of headers', 'providerUnavailable', { kind: 'headersFlood', kibibytes: 40 }],
  ['answers 3 MiB', 'providerUnavailable', { kind: 'huge', mebibytes: 3 }],
  ...([301, 302, 303, 307, 308] as const).map((code): Row => [
    `redirects with ${code}`,
    'internalError',
    { kind: 'redirect', status: code, location: '/v1/else' },
  ]),
  ...NO_INTENTS.map((body): Row => [`answers 200 and ${JSON.stringify(body)}`, 'internalError', raw(body)]),
  ...NO_INTENTS.map((body): Row => [`answers 502 and ${JSON.stringify(body)}`, 'providerUnavailable', raw(body, 502)]),
  ...['42', '{}', HTML].flatMap((body): Row[] => [
    [`answers 400 and ${JSON.stringify(body)}`, 'internalError', raw(body, 400)],
    [`answers 429 and ${JSON.stringify(body)}`, 'providerUnavailable', raw(body, 429)],
  ]),
  ['answers 200 and HTML as such', 'internalError', raw(HTML, 200, 'text/html')],
  ['answers 200 and an error', 'internalError', raw('{"error": {"type": "api_error"}}')],
  ['answers 500 and an intent', 'providerUnavailable', raw('{"object": "payment_intent"}', 500)],
  ['answers 204', 'internalError', raw('', 204)],
  ['answers 304', 'internalError', raw('', 304)],
  ['answers 599', 'providerUnavailable', status(599)],
  ...STATUSES.flatMap(([code, example]): Row[] => [
    [`answers ${code}`, example, status(code)],
    [`answers ${code} and to come back in 1 s`, example, status(code, { headers: { 'Retry-After': '1' } })],
    [`answers ${code} and to come back in 60 s`, example, status(code, { headers: { 'Retry-After': '60' } })],
  ]),
  ...STATUSES.map(([code]): Row => [
    `answers ${code} and names no key`,
    // Stripe refuses our secret key before it reads the idempotency key.
    code === 401 || code === 403 ? 'internalError' : 'providerUnavailable',
    status(code, { effect: 'kept', echo: 'none' }),
  ]),
  ['answers 503 and to come back on a day', 'providerUnavailable', retryAfter('Fri, 01 Jan 2100 00:00:00 GMT')],
  ['answers 503 and to come back at -1', 'providerUnavailable', retryAfter('-1')],
  ['answers 500 after the effect', 'providerUnavailable', status(500, { effect: 'kept' })],
  ['answers 409 after the effect', 'idempotencyKeyInUse', status(409, { effect: 'kept' })],
  ['waits for a lock', 'providerUnavailable', status(429, { code: 'lock_timeout' })],
  ['has the key in use', 'idempotencyKeyInUse', status(409, { code: 'idempotency_key_in_use' })],
];

function retryAfter(text: string): Fault {
  return status(503, { headers: { 'Retry-After': text } });
}

const bytes =
  (...parts: (string | Uint8Array)[]): Wire =>
  (socket) => {
    for (const part of parts) socket.write(part);
  };

/** Again and again, until the connection is closed. */
const endlessly =
  (head: string, part: string, everyMs: number): Wire =>
  (socket) => {
    socket.write(head);
    const writing = setInterval(() => socket.write(part), everyMs);
    socket.once('close', () => clearInterval(writing));
  };

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n';
const CHUNK = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
const ZIPPED = gzipSync('{"object": "payment_intent"}');

const wires: [what: string, example: string, wire: Wire][] = [
  ['only early hints', 'providerUnavailable', endlessly('', 'HTTP/1.1 103 Early Hints\r\n\r\n', 100)],
  ['100 Continue, which nobody asked for', 'providerUnavailable', bytes('HTTP/1.1 100 Continue\r\n\r\n')],
  ['a switch of protocols', 'providerUnavailable', bytes('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n')],
  ['a head that never ends', 'providerUnavailable', endlessly(`${OK}X-Drip: `, 'x', 30)],
  ['a body that never ends', 'providerUnavailable', endlessly(`${OK}${CHUNKED}`, CHUNK, 1)],
  ['bytes that are no HTTP', 'providerUnavailable', bytes('SSH-2.0-OpenSSH_9.9\r\n')],
  ['a version that is none', 'providerUnavailable', bytes('HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}')],
  ['two lengths', 'providerUnavailable', bytes(`${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`)],
  ['a length below zero', 'providerUnavailable', bytes(`${OK}Content-Length: -1\r\n\r\n{}`)],
  ['a length and chunks', 'providerUnavailable', bytes(`${OK}Content-Length: 2\r\n${CHUNKED}2\r\n{}\r\n0\r\n\r\n`)],
  ['a chunk that is none', 'providerUnavailable', bytes(`${OK}${CHUNKED}zz\r\n{}`)],
  [
    'compressed bytes',
    'internalError',
    bytes(`${OK}Content-Encoding: gzip\r\nContent-Length: ${ZIPPED.length}\r\n\r\n`, ZIPPED),
  ],
  ['the end of the connection', 'providerUnavailable', (socket) => socket.end()],
];

// All at the same time: most of them wait, some for the whole deadline.
describe.concurrent('one payment, one intent:', () => {
  describe('while Stripe', () => {
    it.each(rows)(
      '%s, we answer %s in time, and the retry finds one intent',
      { timeout: TIMEOUT_MS },
      async (_what, example, fault) => {
        const { baseUrl, stripe } = await live();
        stripe.playWith(() => fault);
        expectExample(await pay(baseUrl), intent, example);

        stripe.playWith(undefined);
        await expectOneIntentAfterRetry(baseUrl, stripe);
      },
    );

    it('breaks off and keeps that under the key, we say so for as long as it does, and there is no intent', async () => {
      const { baseUrl, stripe } = await live();
      stripe.play(status(500, { effect: 'failed' }));
      expectExample(await pay(baseUrl), intent, 'providerUnavailable');
      expectExample(await pay(baseUrl), intent, 'providerUnavailable');
      expect(stripe.ledger.intents).toEqual([]);
    });
  });

  describe('when there comes, in place of an answer,', () => {
    it.each(wires)(
      '%s, we answer %s in time, and the retry finds one intent',
      { timeout: TIMEOUT_MS },
      async (_what, example, wire) => {
        const stripe = await fakeStripe();
        const way = await wayTo(stripe, wire);
        closers.push(way.close);
        const baseUrl = await liveOn(way.url);
        expectExample(await pay(baseUrl), intent, example);

        way.mend();
        await expectOneIntentAfterRetry(baseUrl, stripe);
      },
    );

    it('early hints and then the answer, all is well', async () => {
      const stripe = await fakeStripe();
      const way = await wayTo(stripe, (socket, first) => {
        socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n');
        forwardTo(stripe)(socket, first);
      });
      closers.push(way.close);
      const baseUrl = await liveOn(way.url);
      expectExample(await pay(baseUrl), intent, 'created');
      await expectOneIntentAfterRetry(baseUrl, stripe);
    });
  });

  describe('when Stripe cannot be reached, because', () => {
    it.each<[string, () => Promise<Upstream>]>([
      ['nobody listens', nobody],
      ['nobody accepts the connection', blackHole],
      ['the address has no name', async () => ({ url: new URL('http://stripe.invalid'), close: async () => {} })],
      ['the handshake of TLS gets no answer', async () => secure(await rawServer(() => {}))],
    ])(
      '%s, we answer in time, and a retry elsewhere finds one intent',
      { timeout: TIMEOUT_MS },
      async (_what, start) => {
        const { url, close } = await start();
        closers.push(close);
        const baseUrl = await liveOn(url);
        expectExample(await pay(baseUrl), intent, 'providerUnavailable');
        await expectOneIntentElsewhere(await fakeStripe());
      },
    );

    it.each<[string, (stripe: FakeStripe) => Promise<Upstream>]>([
      ['TLS meets plain HTTP', async ({ url }) => secure({ url: new URL(url), close: async () => {} })],
      ['its certificate is nobody we trust', impostor],
    ])('%s, nothing is sent, and a retry elsewhere finds one intent', { timeout: TIMEOUT_MS }, async (_what, start) => {
      const stripe = await fakeStripe();
      const { url, close } = await start(stripe);
      closers.push(close);
      const baseUrl = await liveOn(url);
      expectExample(await pay(baseUrl), intent, 'providerUnavailable');
      expect(stripe.ledger.requests).toEqual([]);
      await expectOneIntentElsewhere(stripe);
    });
  });

  describe('the next customer on a connection', () => {
    const customers = Array.from({ length: 6 }, (_, i) => `order-${i}`);

    it.each(strays)(
      'gets their own secret, and nobody a refusal, while stray responses come %j: %j',
      { timeout: TIMEOUT_MS },
      async (when, stray) => {
        const { baseUrl, stripe } = await live();
        let calls = 0;
        // With a stray response each time, no attempt would get its own.
        stripe.playWith(() => (calls++ % 3 === 0 ? { kind: 'strayResponse', stray, when } : undefined));
        expect(await readSecrets(customers, baseUrl)).toEqual(intentsIn(stripe));
      },
    );

    it('gets their own secret where each answer comes one request late', { timeout: TIMEOUT_MS }, async () => {
      const stripe = await fakeStripe();
      const way = await lagging(stripe);
      closers.push(way.close);
      expect(await readSecrets(customers, await liveOn(way.url))).toEqual(intentsIn(stripe));
      // The second customer on a connection, and nobody after: it is not used again.
      expect(way.late()).toBeGreaterThan(0);
      expect(way.late()).toBeLessThan(customers.length);
    });
  });

  it('the process lives on after answers that are no intents', { timeout: TIMEOUT_MS }, async () => {
    const stripe = await fakeStripe();
    const { url, child } = await liveProcess(stripe.url);
    for (const body of NO_INTENTS) {
      stripe.playWith(() => raw(body));
      expectExample(await pay(url), intent, 'internalError');
    }
    stripe.playWith(undefined);
    await expectOneIntentAfterRetry(url, stripe);
    expect(child.exitCode).toBeNull();
  });
});

// Stands last: it looks back on all tests above.
it('no rejection is left unhandled, whatever Stripe answers', () => {
  expect(strayRejections).toEqual([]);
});

async function expectOneIntentElsewhere(stripe: FakeStripe): Promise<void> {
  await expectOneIntentAfterRetry(await liveOn(new URL(stripe.url)), stripe);
}

/** By order: what each customer in turn is told. */
async function readSecrets(orders: readonly string[], baseUrl: string): Promise<string[][]> {
  const secrets: string[][] = [];
  for (const order of orders) secrets.push([order, secretIn(await pay(baseUrl, order))]);
  return secrets;
}

const intentsIn = ({ ledger }: FakeStripe) =>
  ledger.intents.map(({ metadata, clientSecret }) => [metadata['order'], clientSecret]);

async function nobody(): Promise<Upstream> {
  const server = await rawServer(() => {});
  await server.close();
  return server;
}

/** The live server as a process of its own. */
async function liveProcess(stripeUrl: string) {
  const child = fork(LIVE_PROCESS, [stripeUrl], {
    env: environment,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  closers.push(async () => void child.kill('SIGKILL'));
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
  return { child, url: (JSON.parse(line) as { url: string }).url };
}
