/**
 * Whatever Stripe, or what lies between, does: the whole server responds as the contract says and in time, lives on, and there is
 * one intent for each order. One fault of each kind: test/unit/payments/stripe/ has all of them.
 *
 * Each test orders from all operations at once, under the same key.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { OperationId } from '../../../src/contract/handler.ts';
import { sha256 } from '../../../src/access/apiKeys.ts';
import { readConfig } from '../../../src/config.ts';
import { startFakeStripe, type FakeStripe, type Fault } from '../../../src/fake-stripe/server.ts';
import { serve } from '../../../src/live.ts';
import { expectExample, readSecret } from '../../contract/judge.ts';
import { operations, type DocumentedOperation } from '../../support/contractDocument.ts';
import { send, type WireResponse } from '../../support/exchange.ts';
import { allCreated, gatewayCalls } from '../../support/gatewayCalls.ts';
import { liveTarget } from '../../support/targets.ts';
import { blackHole } from '../../support/stripeServers.ts';

const LIVE_PROCESS = fileURLToPath(new URL('../../support/liveProcess.ts', import.meta.url));

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

/** Requests the order `key`, of 19.99 if it is a payment, and expects the response within the deadline. */
async function order({ method, path }: DocumentedOperation, baseUrl: string, key = 'order-1'): Promise<WireResponse> {
  const startedAt = performance.now();
  const response = await send(baseUrl, {
    method,
    path,
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

/** Orders from each operation at once, and expects this example of each. */
async function expectFromEach(baseUrl: string, example: string): Promise<void> {
  const responses = await Promise.all(operations.map((operation) => order(operation, baseUrl)));
  responses.forEach((response, index) => expectExample(response, operations[index]!, example));
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

/** Fails unless each client that now comes back with its key gets the secret of the one intent that there is. */
async function expectOneIntentAfterRetry(baseUrl: string, stripe: FakeStripe): Promise<void> {
  await Promise.all(operations.map((operation) => expectOneIntentOf(operation, baseUrl, stripe)));
}

async function expectOneIntentOf(operation: DocumentedOperation, baseUrl: string, { ledger }: FakeStripe) {
  const retry = async () => expect((await order(operation, baseUrl)).status).toBe(200);
  await vi.waitFor(retry, { timeout: 10_000, interval: 200 });
  const again = await order(operation, baseUrl);
  const intents = gatewayCalls[operation.operationId].created(ledger);
  expect(intents).toMatchObject([{ ...OWN_FIELDS[operation.operationId], metadata: { order: 'order-1' } }]);
  expect(readSecret(again.text)).toBe(intents[0]!.clientSecret);
  expect(again.headers['idempotent-replayed']).toBe('true');
}

const OWN_FIELDS: Record<OperationId, object> = {
  createPaymentIntent: { amount: 1999, currency: 'usd' },
  createSetupIntent: {},
};

const status = (code: number, more: Partial<Fault & { kind: 'status' }> = {}): Fault => ({
  kind: 'status',
  status: code,
  effect: 'none',
  ...more,
});

const raw = (body: string): Fault => ({
  kind: 'raw',
  status: 200,
  contentType: 'application/json',
  body,
  effect: 'kept',
});

/** An SDK that fails outside its promise would end the process. */
const NO_INTENTS = ['42', '"ok"', 'null', '{}', '', '<!doctype html>'];

const rows: [what: string, example: string, fault: Fault][] = [
  ['resets the connection after the effect', 'providerUnavailable', { kind: 'reset', effect: 'kept' }],
  ['never responds', 'providerUnavailable', { kind: 'hang', effect: 'kept' }],
  ['responds after 12 s', 'providerUnavailable', { kind: 'delay', delayMs: 12_000, effect: 'none' }],
  ['drips its response', 'providerUnavailable', { kind: 'drip', part: 'all', bytes: 1, everyMs: 30 }],
  ["responds with another customer's intent", 'internalError', { kind: 'anotherIntent', sameAmount: true }],
  [
    "sends another customer's intent first",
    'internalError',
    { kind: 'strayResponse', stray: { sameAmount: true, echo: 'none' }, when: 'before' },
  ],
  [
    'sends the refusal of another request first',
    'providerUnavailable',
    {
      kind: 'strayResponse',
      stray: { error: { status: 400, code: 'amount_too_small', param: 'amount' }, echo: 'none' },
      when: 'before',
    },
  ],
  ['sends 3 MiB', 'providerUnavailable', { kind: 'huge', mebibytes: 3 }],
  ['redirects', 'internalError', { kind: 'redirect', status: 307, location: '/v1/else' }],
  ['responds with 400', 'internalError', status(400)],
  ['responds with 401', 'internalError', status(401)],
  ['has the key in use', 'idempotencyKeyInUse', status(409, { code: 'idempotency_key_in_use' })],
  ['responds with 429', 'providerUnavailable', status(429)],
  ['responds with 500 after the effect', 'providerUnavailable', status(500, { effect: 'kept' })],
  ['responds with 503 and Retry-After: 60', 'providerUnavailable', status(503, { headers: { 'Retry-After': '60' } })],
];

// All at the same time: most of them wait, some for the whole deadline.
describe.concurrent('one order makes one intent', () => {
  it.each(rows)(
    'where Stripe %s: we respond with %s in time, and the retry finds the intent',
    { timeout: TIMEOUT_MS },
    async (_what, example, fault) => {
      const { baseUrl, stripe } = await live();
      stripe.playWith(() => fault);
      await expectFromEach(baseUrl, example);

      stripe.playWith(undefined);
      await expectOneIntentAfterRetry(baseUrl, stripe);
    },
  );

  it('where Stripe fails and stores that under the key: we say so for as long as it does, and there is no intent', async () => {
    const { baseUrl, stripe } = await live();
    stripe.play(...operations.map(() => status(500, { effect: 'failed' })));
    await expectFromEach(baseUrl, 'providerUnavailable');
    await expectFromEach(baseUrl, 'providerUnavailable');
    expect(allCreated(stripe.ledger)).toEqual([]);
  });

  it(
    'where no connection can be opened: we respond in time, and a retry through another server makes the intent',
    { timeout: TIMEOUT_MS },
    async () => {
      const { url, close } = await blackHole();
      closers.push(close);
      await expectFromEach(await liveOn(url), 'providerUnavailable');
      const stripe = await fakeStripe();
      await expectOneIntentAfterRetry(await liveOn(new URL(stripe.url)), stripe);
    },
  );

  it('the process lives on after responses that are no intents', { timeout: TIMEOUT_MS }, async () => {
    const stripe = await fakeStripe();
    const { url, child } = await liveProcess(stripe.url);
    for (const body of NO_INTENTS) {
      stripe.playWith(() => raw(body));
      await expectFromEach(url, 'internalError');
    }
    stripe.playWith(undefined);
    await expectOneIntentAfterRetry(url, stripe);
    expect(child.exitCode).toBeNull();
  });
});

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
