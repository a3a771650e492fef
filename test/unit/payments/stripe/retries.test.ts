import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import dns from 'node:dns';
import type * as Timers from 'node:timers/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GatewayError, type IntentOrder } from '../../../../src/payments/gateway.ts';
import { stripeGateway, type Attempt, type StripeGatewayOptions } from '../../../../src/payments/stripe/gateway.ts';
import { httpResponse, intentFor, rawServer, type Server } from '../../../support/stripeServers.ts';

/**
 * Time that passes only in pauses, which are over at once and have taken what they should: a busy machine changes nothing.
 * Where it `runs`, the machine's own is added.
 */
const time = vi.hoisted(() => ({ skippedMs: 0, runs: false, stands: false, meanwhile: async () => {} }));

vi.mock('node:timers/promises', async (importReal) => {
  const real = await importReal<typeof Timers>();
  return {
    ...real,
    setTimeout: async (ms: number, value: unknown, options: { signal: AbortSignal }) => {
      if (time.stands) return real.setTimeout(60_000, value, options);
      time.skippedMs += ms;
      await time.meanwhile();
      return value;
    },
  };
});

const closers: (() => Promise<void>)[] = [];
beforeEach(() => {
  Object.assign(time, { skippedMs: 0, runs: false, stands: false, meanwhile: async () => {} });
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => (time.runs ? now() : 0) + time.skippedMs);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(closers.splice(0).map((close) => close()));
});

const order: IntentOrder = {
  tenant: 'acme',
  cents: 1999,
  methodTypes: ['card'],
  metadata: {},
  idempotencyKey: 'a-key',
};

const API_ERROR = { error: { type: 'api_error' } };
const KEY_IN_USE = { error: { type: 'invalid_request_error', code: 'idempotency_key_in_use' } };

const ECHO = { 'Idempotency-Key': order.idempotencyKey };

const down = (retryAfter?: string) =>
  httpResponse(API_ERROR, 503, { ...ECHO, ...(retryAfter !== undefined && { 'Retry-After': retryAfter }) });
const keyInUse = () => httpResponse(KEY_IN_USE, 409, ECHO);
/** Closes without an answer: its effect is unknown. */
const cut = undefined;

/** A gateway to a Stripe that answers with these in turn, and with an intent behind them; and when it was asked. */
async function answering(responses: (string | undefined)[], options: Partial<StripeGatewayOptions> = {}) {
  const askedAt: number[] = [];
  const server = await rawServer(({ body, before }, socket) => {
    askedAt.push(performance.now());
    const response = before < responses.length ? responses[before] : httpResponse(intentFor(body, 'pi_1'));
    if (response === cut) socket.destroy();
    else socket.write(response);
  });
  return { askedAt, ...gatewayTo(server, options) };
}

function gatewayTo({ url, close }: Server, options: Partial<StripeGatewayOptions> = {}) {
  const attempts: Attempt[] = [];
  const onAttempt = (attempt: Attempt) => void attempts.push(attempt);
  const gateway = stripeGateway({ secretKey: 'sk_test_1', baseUrl: url, onAttempt, ...options });
  closers.push(close, () => gateway.close());
  const failure = async () => {
    const error: unknown = await gateway.createIntent(order).catch((thrown: unknown) => thrown);
    if (error instanceof GatewayError) return error;
    throw new Error(`expected a GatewayError, got ${String(error)}`);
  };
  return { gateway, attempts, failure };
}

const always = (response: string | undefined) => Array.from({ length: 100 }, () => response);

/** What lies between one call and the next, as Stripe sees it. */
const gaps = (askedAt: readonly number[]) => askedAt.slice(1).map((at, index) => at - askedAt[index]!);

describe('between two attempts', () => {
  it.each([
    ['at least', 0, 300, 600],
    ['at most', 0.999_999, 500, 1000],
  ])('lie %s so many milliseconds, and twice as many before the third', async (_what, random, first, second) => {
    vi.spyOn(Math, 'random').mockReturnValue(random);
    const { askedAt, gateway } = await answering([down(), down()]);
    await gateway.createIntent(order);
    expect(gaps(askedAt).map(Math.round)).toEqual([first, second]);
  });

  it('lies no more before the fourth than before the third', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const { askedAt, gateway } = await answering([cut, keyInUse(), keyInUse(), keyInUse()]);
    await gateway.createIntent(order);
    expect(gaps(askedAt)).toEqual([300, 600, 600, 600]);
  });

  it('lies what Stripe asks for', async () => {
    const { askedAt, gateway } = await answering([down('7')]);
    await gateway.createIntent(order);
    expect(gaps(askedAt)[0]).toBe(7_000);
  });

  it('lies no less than ours where Stripe asks for nothing that makes sense', async () => {
    const { askedAt, gateway } = await answering([down('soon')]);
    await gateway.createIntent(order);
    expect(gaps(askedAt)[0]).toBeGreaterThanOrEqual(300);
  });
});

describe('the deadline', () => {
  it.each([
    ['leaves time for one more attempt', 1_400, 2],
    ['would come before one more could be of use', 1_200, 1],
  ])('decides whether a pause is worth it: it %s', async (_what, deadlineMs, attempts) => {
    const { askedAt, gateway } = await answering(always(down('1')), { deadlineMs });
    await expect(gateway.createIntent(order)).rejects.toThrow(GatewayError);
    expect(askedAt).toHaveLength(attempts);
  });

  it('cuts the last attempt short', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    time.runs = true;
    const limits = { deadlineMs: 1_600, attemptTimeoutMs: 1_000 };
    const { attempts, failure } = gatewayTo(await rawServer(() => {}), limits);
    await failure();
    expect(attempts).toMatchObject([{ outcome: 'timeout' }, { outcome: 'timeout' }]);
    expect(attempts[0]!.durationMs).toBeGreaterThanOrEqual(999);
    expect(attempts[1]!.durationMs).toBeLessThan(900);
  });

  it('is all the time that a call of our own has to end in, which still holds the key', async () => {
    const { askedAt, failure } = await answering([cut, ...always(keyInUse())], { deadlineMs: 10_000 });
    await expect(failure()).resolves.toMatchObject({ fault: 'unavailable' });
    expect(askedAt.length).toBeGreaterThan(8);
  });
});

describe('a call that holds the key', () => {
  it.each([
    ['was refused', down()],
    ['was refused in the same way', keyInUse()],
  ])('is none of ours where ours %s: three attempts, and the caller hears of it', async (_what, first) => {
    const { askedAt, failure } = await answering([first, ...always(keyInUse())]);
    await expect(failure()).resolves.toMatchObject({ fault: 'keyInUse' });
    expect(askedAt).toHaveLength(3);
  });

  it.each([
    ['an error', httpResponse(API_ERROR, 500)],
    ['a refusal', httpResponse(API_ERROR, 400)],
    ["an error to another's key", httpResponse(API_ERROR, 500, { 'Idempotency-Key': 'other' })],
  ])(
    'may be ours after %s that does not echo our idempotency key: the caller is told of nothing',
    async (_what, first) => {
      const { failure } = await answering([first, ...always(keyInUse())]);
      await expect(failure()).resolves.toMatchObject({ fault: 'unavailable' });
    },
  );

  it('is not waited for where the response that says so does not echo our idempotency key', async () => {
    const { askedAt, failure } = await answering([cut, ...always(httpResponse(KEY_IN_USE, 409))]);
    await expect(failure()).resolves.toMatchObject({ fault: 'unavailable' });
    expect(askedAt).toHaveLength(3);
  });

  it('is none of ours where ours was never sent', async () => {
    const gone = await rawServer(() => {});
    await gone.close();
    const { attempts, failure } = gatewayTo(gone);
    time.meanwhile = async () => {
      time.meanwhile = async () => {};
      const back = await rawServer((_request, socket) => socket.write(keyInUse()), Number(gone.url.port));
      closers.push(back.close);
    };
    await expect(failure()).resolves.toMatchObject({ fault: 'keyInUse' });
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['unreachable', 'refused', 'refused']);
  });
});

describe('a failure', () => {
  it.each([
    ['1', 1],
    ['60', 60],
    ['61', 60],
    ['999999999', 60],
    ['1000000000', undefined],
    ['0', undefined],
    ['07', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['9 s', undefined],
    ['soon', undefined],
    ['Fri, 01 Jan 2100 00:00:00 GMT', undefined],
    [undefined, undefined],
  ])('passes on the wish of Stripe, within reason: Retry-After %s is %s', async (wish, seconds) => {
    const { failure } = await answering(always(down(wish)), { deadlineMs: 500 });
    await expect(failure()).resolves.toMatchObject({ fault: 'unavailable', retryAfterSeconds: seconds });
  });

  it('says that the answer was to another key', async () => {
    const other = httpResponse(API_ERROR, 400, { 'Idempotency-Key': 'other' });
    const { failure } = await answering(always(other));
    await expect(failure()).resolves.toMatchObject({ message: 'mismatched: a response to another idempotency key' });
  });
});

describe('close', () => {
  it('ends a pause', { timeout: 2_000 }, async () => {
    const asked = Promise.withResolvers<void>();
    const { gateway, failure } = await answering(always(down()), { onAttempt: () => asked.resolve() });
    time.stands = true;
    const failed = failure();
    await asked.promise;
    await nextTurn();
    await gateway.close();
    await expect(failed).resolves.toMatchObject({ message: 'unreachable: closed' });
  });
});

/** Where a gateway connects to, on a machine whose name server knows nobody. */
async function whereTo(baseUrl?: URL): Promise<object[]> {
  vi.spyOn(dns, 'lookup').mockImplementation(((_host: string, _options: object, done: (error: Error) => void) =>
    done(Object.assign(new Error('nobody'), { code: 'ENOTFOUND' }))) as never);
  const places: object[] = [];
  const onConnect = (message: unknown) => {
    const { protocol, hostname, port } = (message as { connectParams: URL }).connectParams;
    places.push({ protocol, hostname, port });
  };
  subscribe('undici:client:beforeConnect', onConnect);
  const gateway = stripeGateway({ secretKey: 'sk_test_1', ...(baseUrl && { baseUrl }) });
  await expect(gateway.createIntent(order)).rejects.toMatchObject({ message: 'unreachable: ENOTFOUND' });
  unsubscribe('undici:client:beforeConnect', onConnect);
  await gateway.close();
  return places;
}

describe('Stripe', () => {
  it('is the real one, over TLS, unless another is named', async () => {
    const place = { protocol: 'https:', hostname: 'api.stripe.com', port: '' };
    expect(await whereTo()).toEqual([place, place, place]);
  });

  it.each([
    ['http://stripe.test', { protocol: 'http:', hostname: 'stripe.test', port: '' }],
    ['https://stripe.test', { protocol: 'https:', hostname: 'stripe.test', port: '' }],
    ['https://stripe.test:8443', { protocol: 'https:', hostname: 'stripe.test', port: '8443' }],
  ])('is at the port of its scheme, or at its own: %s', async (url, place) => {
    expect(await whereTo(new URL(url))).toEqual([place, place, place]);
  });
});
