import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import dns from 'node:dns';
import type * as Timers from 'node:timers/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GatewayError, type PaymentGateway, type PaymentOrder } from '../../../../src/payments/gateway.ts';
import { stripeGateway, type Attempt, type StripeGatewayOptions } from '../../../../src/payments/stripe/gateway.ts';
import { gatewayCalls } from '../../../support/gatewayCalls.ts';
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

const order: PaymentOrder = {
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
/** Closes without a response: the effect is unknown. */
const cut = undefined;

/** A gateway to a Stripe that sends these responses in turn and then intents, with the times of its requests. */
async function respondingWith(responses: (string | undefined)[], options: Partial<StripeGatewayOptions> = {}) {
  const requestedAt: number[] = [];
  const server = await rawServer((request, socket) => {
    requestedAt.push(performance.now());
    const { before } = request;
    const response = before < responses.length ? responses[before] : httpResponse(intentFor(request, 1));
    if (response === cut) socket.destroy();
    else socket.write(response);
  });
  return { requestedAt, ...gatewayTo(server, options) };
}

function gatewayTo({ url, close }: Server, options: Partial<StripeGatewayOptions> = {}) {
  const attempts: Attempt[] = [];
  const onAttempt = (attempt: Attempt) => void attempts.push(attempt);
  const gateway = stripeGateway({ secretKey: 'sk_test_1', baseUrl: url, onAttempt, ...options });
  closers.push(close, () => gateway.close());
  return { gateway, attempts };
}

const always = (response: string | undefined) => Array.from({ length: 100 }, () => response);

/** The milliseconds between one request and the next. */
const gaps = (requestedAt: readonly number[]) => requestedAt.slice(1).map((at, index) => at - requestedAt[index]!);

describe.each(Object.entries(gatewayCalls))('%s', (_name, { create }) => {
  const readFailure = async (gateway: PaymentGateway) => {
    const error: unknown = await create(gateway, order).catch((thrown: unknown) => thrown);
    if (error instanceof GatewayError) return error;
    throw new Error(`expected a GatewayError, got ${String(error)}`);
  };

  describe('the pause before a retry', () => {
    it.each([
      ['at least', 0, 300, 600],
      ['at most', 0.999_999, 500, 1000],
    ])(
      'lasts %s so many milliseconds, and twice as many before the third attempt',
      async (_what, random, first, second) => {
        vi.spyOn(Math, 'random').mockReturnValue(random);
        const { requestedAt, gateway } = await respondingWith([down(), down()]);
        await create(gateway, order);
        expect(gaps(requestedAt).map(Math.round)).toEqual([first, second]);
      },
    );

    it('is no longer before the fourth attempt than before the third', async () => {
      vi.spyOn(Math, 'random').mockReturnValue(0);
      const { requestedAt, gateway } = await respondingWith([cut, keyInUse(), keyInUse(), keyInUse()]);
      await create(gateway, order);
      expect(gaps(requestedAt)).toEqual([300, 600, 600, 600]);
    });

    it('lasts as long as Retry-After says', async () => {
      const { requestedAt, gateway } = await respondingWith([down('7')]);
      await create(gateway, order);
      expect(gaps(requestedAt)[0]).toBe(7_000);
    });

    it('is ours where Retry-After is invalid', async () => {
      const { requestedAt, gateway } = await respondingWith([down('soon')]);
      await create(gateway, order);
      expect(gaps(requestedAt)[0]).toBeGreaterThanOrEqual(300);
    });
  });

  describe('the deadline', () => {
    it.each([
      ['leaves time for one more attempt', 1_400, 2],
      ['would come before one more could be of use', 1_200, 1],
    ])('limits the attempts: it %s', async (_what, deadlineMs, attempts) => {
      const { requestedAt, gateway } = await respondingWith(always(down('1')), { deadlineMs });
      await expect(create(gateway, order)).rejects.toThrow(GatewayError);
      expect(requestedAt).toHaveLength(attempts);
    });

    it('cuts the last attempt short', async () => {
      vi.spyOn(Math, 'random').mockReturnValue(0);
      time.runs = true;
      const limits = { deadlineMs: 1_900, attemptTimeoutMs: 1_000 };
      const { attempts, gateway } = gatewayTo(await rawServer(() => {}), limits);
      await readFailure(gateway);
      expect(attempts).toMatchObject([{ outcome: 'timeout' }, { outcome: 'timeout' }]);
      expect(attempts[0]!.durationMs).toBeGreaterThanOrEqual(999);
      expect(attempts[1]!.durationMs).toBeLessThan(999);
    });

    it('is how long we wait for an earlier attempt of our own that still holds the key', async () => {
      const { requestedAt, gateway } = await respondingWith([cut, ...always(keyInUse())], { deadlineMs: 10_000 });
      await expect(readFailure(gateway)).resolves.toMatchObject({ fault: 'unavailable' });
      expect(requestedAt.length).toBeGreaterThan(8);
    });
  });

  describe('a key in use', () => {
    it.each([
      ['was refused', down()],
      ['was refused in the same way', keyInUse()],
    ])('is reported as keyInUse after three attempts where our own attempt %s', async (_what, first) => {
      const { requestedAt, gateway } = await respondingWith([first, ...always(keyInUse())]);
      await expect(readFailure(gateway)).resolves.toMatchObject({ fault: 'keyInUse' });
      expect(requestedAt).toHaveLength(3);
    });

    it.each([
      ['an error', httpResponse(API_ERROR, 500)],
      ['a refusal', httpResponse(API_ERROR, 400)],
      ["an error to another's key", httpResponse(API_ERROR, 500, { 'Idempotency-Key': 'other' })],
    ])(
      'is reported as unavailable after %s that does not name our key, because it may be our own',
      async (_what, first) => {
        const { gateway } = await respondingWith([first, ...always(keyInUse())]);
        await expect(readFailure(gateway)).resolves.toMatchObject({ fault: 'unavailable' });
      },
    );

    it('is not waited for where the 409 does not name our key', async () => {
      const { requestedAt, gateway } = await respondingWith([cut, ...always(httpResponse(KEY_IN_USE, 409))]);
      await expect(readFailure(gateway)).resolves.toMatchObject({ fault: 'unavailable' });
      expect(requestedAt).toHaveLength(3);
    });

    it('is reported as keyInUse where our own attempt was never sent', async () => {
      const gone = await rawServer(() => {});
      await gone.close();
      const { attempts, gateway } = gatewayTo(gone);
      time.meanwhile = async () => {
        time.meanwhile = async () => {};
        const back = await rawServer((_request, socket) => socket.write(keyInUse()), Number(gone.url.port));
        closers.push(back.close);
      };
      await expect(readFailure(gateway)).resolves.toMatchObject({ fault: 'keyInUse' });
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
    ])('passes on a valid Retry-After of at most 60 seconds: %s is %s', async (retryAfter, seconds) => {
      const { gateway } = await respondingWith(always(down(retryAfter)), { deadlineMs: 500 });
      await expect(readFailure(gateway)).resolves.toMatchObject({ fault: 'unavailable', retryAfterSeconds: seconds });
    });

    it('says that the response was to another key', async () => {
      const other = httpResponse(API_ERROR, 400, { 'Idempotency-Key': 'other' });
      const { gateway } = await respondingWith(always(other));
      await expect(readFailure(gateway)).resolves.toMatchObject({
        message: 'mismatched: a response to another idempotency key',
      });
    });
  });

  describe('close', () => {
    it('ends a pause', { timeout: 2_000 }, async () => {
      const attempted = Promise.withResolvers<void>();
      const { gateway } = await respondingWith(always(down()), { onAttempt: () => attempted.resolve() });
      time.stands = true;
      const failed = readFailure(gateway);
      await attempted.promise;
      await nextTurn();
      await gateway.close();
      await expect(failed).resolves.toMatchObject({ message: 'unreachable: closed' });
    });
  });
});

/** The addresses that a gateway connects to, on a machine that can resolve none. */
async function connectTargets(baseUrl?: URL): Promise<object[]> {
  vi.spyOn(dns, 'lookup').mockImplementation(((_host: string, _options: object, done: (error: Error) => void) =>
    done(Object.assign(new Error('nobody'), { code: 'ENOTFOUND' }))) as never);
  const places: object[] = [];
  const onConnect = (message: unknown) => {
    const { protocol, hostname, port } = (message as { connectParams: URL }).connectParams;
    places.push({ protocol, hostname, port });
  };
  subscribe('undici:client:beforeConnect', onConnect);
  const gateway = stripeGateway({ secretKey: 'sk_test_1', ...(baseUrl && { baseUrl }) });
  await expect(gateway.createPaymentIntent(order)).rejects.toMatchObject({ message: 'unreachable: ENOTFOUND' });
  unsubscribe('undici:client:beforeConnect', onConnect);
  await gateway.close();
  return places;
}

describe('the address of Stripe', () => {
  it('is the real one, over TLS, by default', async () => {
    const place = { protocol: 'https:', hostname: 'api.stripe.com', port: '' };
    expect(await connectTargets()).toEqual([place, place, place]);
  });

  it.each([
    ['http://stripe.test', { protocol: 'http:', hostname: 'stripe.test', port: '' }],
    ['https://stripe.test', { protocol: 'https:', hostname: 'stripe.test', port: '' }],
    ['https://stripe.test:8443', { protocol: 'https:', hostname: 'stripe.test', port: '8443' }],
  ])('has the port of its scheme or its own: %s', async (url, place) => {
    expect(await connectTargets(new URL(url))).toEqual([place, place, place]);
  });
});
