/**
 * The client for consumers, against the live server on a fake Stripe with faults, the mock, and a network that fails.
 * test/unit/client/ has its clock, its keys and its names.
 */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { problems } from '../../../generated/problems.ts';
import type { operations } from '../../../generated/openapi.d.ts';
import {
  paymentsClient,
  type CallOptions,
  type PaymentResult,
  type PaymentsClient,
  type PaymentsClientOptions,
} from '../../../src/client/index.ts';
import { findProblem, scenarios } from '../../support/contractDocument.ts';
import { liveTarget, mockTarget, type Target } from '../../support/targets.ts';

const payment = { amount: 19.99, paymentMethodTypes: ['card'], metadata: { orderId: 'order-1' } } as const;
const SECRET = /^pi_[A-Za-z0-9]+_secret_[A-Za-z0-9]+$/;

type Result = PaymentResult<unknown>;
type Live = Awaited<ReturnType<typeof liveTarget>>;
let live: Live;
let mock: Target;
beforeAll(async () => {
  [live, mock] = await Promise.all([liveTarget(), mockTarget()]);
});
afterAll(() => Promise.all([live.close(), mock.close()]));
beforeEach(() => live.stripe.reset());

const createClient = ({ baseUrl, apiKey }: Target, options: Partial<PaymentsClientOptions> = {}) =>
  paymentsClient({ baseUrl, apiKey, ...options });

describe.each([
  ['the live server', () => live],
  ['the mock', () => mock],
])('on %s', (_name, target) => {
  it('a payment returns its secret', async () => {
    const result = await createClient(target()).createPaymentIntent(payment);
    expect(result).toMatchObject({
      ok: true,
      data: {
        paymentIntentSecret: expect.stringMatching(SECRET),
        paymentIntentId: expect.stringMatching(/^pi_[A-Za-z0-9]+$/),
      },
      attempts: 1,
    });
    expect(result.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('a setup returns its secret, with and without metadata', async () => {
    const client = createClient(target());
    for (const setup of [undefined, { metadata: { email: 'testemail@example.com' } }]) {
      expect(await client.createSetupIntent(setup)).toMatchObject({
        ok: true,
        data: {
          paymentSecret: expect.stringMatching(/^seti_[A-Za-z0-9]+_secret_[A-Za-z0-9]+$/),
          setupIntentId: expect.stringMatching(/^seti_[A-Za-z0-9]+$/),
        },
        attempts: 1,
      });
    }
  });

  it('a refusal returns its name, its status and its body', async () => {
    const result = await createClient(target()).createPaymentIntent({ amount: 0.1 });
    const { status, body } = findProblem('amountTooSmall');
    expect(result).toMatchObject({ ok: false, problem: { name: 'amountTooSmall', status, body }, attempts: 1 });
  });

  it('a wrong key is reported without a retry', async () => {
    const result = await createClient(target(), { apiKey: 'cv_wrong' }).createPaymentIntent(payment);
    expect(result).toMatchObject({ ok: false, problem: { name: 'invalidApiKey', status: 401 }, attempts: 1 });
  });
});

describe('on the mock', () => {
  const requests: Record<keyof operations, (client: PaymentsClient, options: CallOptions) => Promise<Result>> = {
    createPaymentIntent: (client, options) => client.createPaymentIntent(payment, options),
    createSetupIntent: (client, options) => client.createSetupIntent({}, options),
  };
  const failures = scenarios.filter(({ status }) => status >= 400);

  it.each(failures)('recognizes $operation.operationId $example', async ({ operation, example }) => {
    const client = createClient(mock, { attempts: 1 });
    const request = requests[operation.operationId];
    const result = await request(client, { headers: { 'Mock-Scenario': example } });
    expect(result).toMatchObject({ ok: false, problem: { name: example } });
    expect(problems.map(({ name }) => name)).toContain(example);
  });

  it.each(problems.map(({ name, status }) => [name, status] as const))(
    'retries after %s (%d) only where the contract says so',
    async (example, status) => {
      const retried = [
        'requestTimeout',
        'idempotencyKeyInUse',
        'tooManyRequests',
        'internalError',
        'providerUnavailable',
      ];
      const client = createClient(mock, { attempts: 2 });
      const result = await client.createPaymentIntent(payment, { headers: { 'Mock-Scenario': example } });
      expect(result).toMatchObject({ problem: { status }, attempts: retried.includes(example) ? 2 : 1 });
    },
  );
});

const outage = (count: number) =>
  // Three per request are the server's own attempts.
  Array.from({ length: count * 3 }, () => ({ kind: 'status', status: 500, effect: 'none' }) as const);

describe('on the live server, with faults of Stripe', () => {
  it('a payment survives an outage, and is made once', async () => {
    live.stripe.play(...outage(1));
    const result = await createClient(live).createPaymentIntent(payment);
    expect(result).toMatchObject({ ok: true, attempts: 2 });
    expect(live.stripe.ledger.intentCount).toBe(1);
  });

  it('a payment whose response was lost is replayed under its key, not made again', async () => {
    const client = createClient(live);
    const first = await client.createPaymentIntent(payment);
    const again = await client.createPaymentIntent(payment, { idempotencyKey: first.idempotencyKey });
    expect(again).toMatchObject({ ok: true, data: first.ok && first.data });
    expect(live.stripe.ledger.intentCount).toBe(1);
  });

  it('two calls are two payments', async () => {
    const client = createClient(live);
    await Promise.all([client.createPaymentIntent(payment), client.createPaymentIntent(payment)]);
    expect(live.stripe.ledger.intentCount).toBe(2);
  });

  it('a setup survives an outage, and is made once', async () => {
    live.stripe.play(...outage(1));
    const result = await createClient(live).createSetupIntent();
    expect(result).toMatchObject({ ok: true, attempts: 2 });
    expect(live.stripe.ledger.setupIntents.length).toBe(1);
  });

  it('the same key names one payment and one setup', async () => {
    const options = { idempotencyKey: 'order-8' };
    const client = createClient(live);
    const results = [await client.createPaymentIntent(payment, options), await client.createSetupIntent({}, options)];
    expect(results).toMatchObject([{ ok: true }, { ok: true }]);
  });

  it('a key of another payment is refused', async () => {
    const client = createClient(live);
    await client.createPaymentIntent(payment, { idempotencyKey: 'order-7' });
    const other = await client.createPaymentIntent({ amount: 5 }, { idempotencyKey: 'order-7' });
    expect(other).toMatchObject({ problem: { name: 'idempotencyKeyReused', status: 409 }, attempts: 1 });
  });
});

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

interface Seen {
  key: string | undefined;
  apiKey: string | undefined;
  body: string;
}

/** A server that plays one listener after the other, the last one again and again. */
async function network(...plays: RequestListener[]) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const header = (name: string) => request.headers[name]?.toString();
      seen.push({
        key: header('idempotency-key'),
        apiKey: header('cv-api-key'),
        body: Buffer.concat(chunks).toString(),
      });
      plays[Math.min(seen.length, plays.length) - 1]!(request, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = (options: Partial<PaymentsClientOptions> = {}) =>
    paymentsClient({ baseUrl, apiKey: 'cv_x', ...options });
  return { baseUrl, seen, client };
}

const created = scenarios.find(({ example }) => example === 'created')!.body;
const respond =
  (status: number, body: object | string, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(text);
  };
const good = respond(200, created);
const reset: RequestListener = (request) => request.socket.resetAndDestroy();
const silent: RequestListener = () => {};
const cut: RequestListener = (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '200' }).write('{"status":');
  setImmediate(() => response.destroy());
};

describe('on a network that fails', () => {
  it.each<[string, RequestListener]>([
    ['a reset', reset],
    ['a response that is cut', cut],
    ['a success that is no JSON', respond(200, '<html>', { 'Content-Type': 'text/html' })],
    ["a proxy's 502", respond(502, '<html>Bad gateway')],
  ])('retries after %s, with the same key and body', async (_what, failure) => {
    const { seen, client } = await network(failure, failure, good);
    expect(await client().createPaymentIntent(payment)).toMatchObject({ ok: true, attempts: 3 });
    expect(new Set(seen.map(({ key, apiKey, body }) => `${key} ${apiKey} ${body}`)).size).toBe(1);
    expect(seen[0]).toMatchObject({
      key: expect.stringMatching(/^[0-9a-f]{32}$/),
      apiKey: 'cv_x',
      body: JSON.stringify(payment),
    });
  });

  it('retries after an attempt without a response', async () => {
    const { client } = await network(silent, good);
    expect(await client({ attemptMs: 100 }).createPaymentIntent(payment)).toMatchObject({ ok: true, attempts: 2 });
  });
});

const followRedirects = (request: Request) => fetch(new Request(request, { redirect: 'follow' }));

describe.each([301, 302, 303, 307, 308])('a redirect with %d', (status) => {
  it.each<[string, Partial<PaymentsClientOptions>]>([
    ['the global fetch', {}],
    ['a fetch of its own', { fetch: (request) => globalThis.fetch(request) }],
  ])('is a result, and nothing reaches the other origin by %s', async (_by, options) => {
    const other = await network(good);
    const { seen, client } = await network(respond(status, 'moved', { Location: `${other.baseUrl}/elsewhere` }));
    const result = await client(options).createPaymentIntent(payment);
    expect(result).toMatchObject({
      ok: false,
      problem: { name: 'unknownResponse', status, body: 'moved' },
      attempts: 1,
    });
    expect(seen.length).toBe(1);
    expect(other.seen).toEqual([]);
  });

  it('that a fetch follows against `redirect: manual` is reported, and followed no second time', async () => {
    const other = await network(respond(503, 'busy'));
    const { client } = await network(respond(status, 'moved', { Location: `${other.baseUrl}/elsewhere` }));
    const result = await client({ fetch: followRedirects }).createPaymentIntent(payment);
    expect(result).toMatchObject({ ok: false, problem: { name: 'unknownResponse', status: 0 }, attempts: 1 });
    expect(other.seen.length).toBe(1);
  });

  it('is not followed within its origin either', async () => {
    const { seen, client } = await network(respond(status, '', { Location: '/elsewhere' }), good);
    expect(await client().createPaymentIntent(payment)).toMatchObject({ ok: false, problem: { status }, attempts: 1 });
    expect(seen.length).toBe(1);
  });
});
