import { afterEach, describe, expect, it, vi } from 'vitest';
import { findProblem } from '../../support/contractDocument.ts';
import { paymentsClient, type PaymentsClientOptions } from '../../../src/client/index.ts';
import { good, hiddenRedirect, network, reset, respond, silent, unavailable, type Play } from './networks.ts';

const payment = { amount: 19.99 };
const intent = { paymentIntentSecret: 'pi_1_secret_2' };

function clientOn(plays: Play[], options: Partial<PaymentsClientOptions> = {}) {
  const { fetch, seen } = network(...plays);
  return { seen, client: paymentsClient({ baseUrl: 'http://payments.test', apiKey: 'cv_x', fetch, ...options }) };
}

describe('a result', () => {
  const call = { idempotencyKey: 'order-7' };
  const named = { 'X-Request-Id': 'r1' };
  const { status, body } = findProblem('amountTooSmall');

  it.each<[string, Play, object]>([
    ['the data', respond(200, { data: intent }, named), { ok: true, data: intent, requestId: 'r1' }],
    [
      'a problem of the contract',
      respond(status, body, named),
      { ok: false, problem: { name: 'amountTooSmall', status, body }, requestId: 'r1' },
    ],
    [
      'an unknown response',
      respond(418, 'short and stout'),
      { ok: false, problem: { name: 'unknownResponse', status: 418, body: 'short and stout' } },
    ],
    [
      'a response without a body',
      respond(304, null),
      { ok: false, problem: { name: 'unknownResponse', status: 304, body: '' } },
    ],
    [
      'a success without data',
      respond(200, {}),
      { ok: false, problem: { name: 'unknownResponse', status: 200, body: '{}' } },
    ],
    [
      'a success that is null',
      respond(200, 'null'),
      { ok: false, problem: { name: 'unknownResponse', status: 200, body: 'null' } },
    ],
  ])('is %s', async (_what, play, expected) => {
    const { client } = clientOn([play]);
    expect(await client.createPaymentIntent(payment, call)).toEqual({
      requestId: undefined,
      ...expected,
      ...call,
      attempts: 1,
    });
  });

  it('is noResponse with a cause where a browser hides a redirect', async () => {
    const { client, seen } = clientOn([hiddenRedirect]);
    expect(await client.createPaymentIntent(payment, call)).toEqual({
      ok: false,
      problem: {
        name: 'noResponse',
        status: undefined,
        body: undefined,
        cause: new Error('The service redirected the request, and redirects are not followed'),
      },
      requestId: undefined,
      attempts: 1,
      ...call,
    });
    expect(seen[0]!.redirect).toBe('manual');
  });

  it('is noResponse with a cause where no response came', async () => {
    const { client } = clientOn([reset], { attempts: 1 });
    expect(await client.createPaymentIntent(payment, call)).toEqual({
      ok: false,
      problem: { name: 'noResponse', status: undefined, body: undefined, cause: new TypeError('fetch failed') },
      requestId: undefined,
      attempts: 1,
      ...call,
    });
  });
});

describe('an API key', () => {
  it.each(['cv_canary\ncv_other', 'cv_canary\u2019'])(
    'that is no valid header is refused, and not repeated: %j',
    (apiKey) => {
      expect(() => paymentsClient({ baseUrl: 'http://payments.test', apiKey })).toThrow(
        new TypeError('apiKey: expected characters that a header can hold, without line breaks'),
      );
    },
  );

  it('may end with a line break', async () => {
    const { client, seen } = clientOn([good], { apiKey: 'cv_x\n' });
    await client.createPaymentIntent(payment);
    expect(seen[0]!.headers.get('cv-api-key')).toBe('cv_x');
  });
});

describe('a request', () => {
  it('has the API key, the idempotency key, and the headers of the call', async () => {
    const { client, seen } = clientOn([good]);
    await client.createPaymentIntent(payment, { idempotencyKey: 'order-7', headers: { 'Mock-Scenario': 'created' } });
    expect(Object.fromEntries(seen[0]!.headers)).toMatchObject({
      'cv-api-key': 'cv_x',
      'idempotency-key': 'order-7',
      'mock-scenario': 'created',
      'content-type': 'application/json',
    });
    expect(seen[0]).toMatchObject({
      url: 'http://payments.test/api/v1/payments/intent',
      body: '{"amount":19.99}',
    });
  });

  it('has a random idempotency key by default, which the result returns', async () => {
    const { client, seen } = clientOn([good]);
    const results = [await client.createPaymentIntent(payment), await client.createPaymentIntent(payment)];
    expect(seen.map(({ headers }) => headers.get('idempotency-key'))).toEqual(results.map((one) => one.idempotencyKey));
    expect(new Set(results.map((one) => one.idempotencyKey)).size).toBe(2);
  });

  it('has the idempotency key of its body in the header too, so that the two agree', async () => {
    const { client, seen } = clientOn([good]);
    const result = await client.createPaymentIntent({ ...payment, idempotencyKey: 'order-7' });
    expect(seen[0]!.headers.get('idempotency-key')).toBe('order-7');
    expect(result.idempotencyKey).toBe('order-7');
  });

  it('ends with its signal, and the reason of that', async () => {
    const { client, seen } = clientOn([good]);
    const reason = new Error('the customer left');
    const call = client.createPaymentIntent(payment, { signal: AbortSignal.abort(reason) });
    await expect(call).rejects.toBe(reason);
    expect(seen.length).toBe(0);
  });

  it('uses the current global fetch by default', async () => {
    const client = paymentsClient({ baseUrl: 'http://payments.test', apiKey: 'cv_x' });
    const { fetch, seen } = network(good);
    vi.stubGlobal('fetch', fetch);
    expect(await client.createPaymentIntent(payment)).toMatchObject({ ok: true });
    expect(seen.length).toBe(1);
  });
});
afterEach(() => void vi.unstubAllGlobals());

/** The attempts and the duration of a payment. */
async function paidOn(play: Play, options: Partial<PaymentsClientOptions> = {}) {
  vi.useFakeTimers({ now: 0, toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
  // The clock jumps to what is next whenever nothing else is to be done.
  vi.setTimerTickMode('nextTimerAsync');
  const { client } = clientOn([play], options);
  const result = await client.createPaymentIntent(payment);
  return { attempts: result.attempts, tookMs: Date.now() };
}

describe('by default', () => {
  afterEach(() => void vi.useRealTimers());

  it('there are four attempts', async () => {
    expect(await paidOn(unavailable())).toMatchObject({ attempts: 4 });
  });

  it('an attempt takes 15 seconds at most', async () => {
    expect(await paidOn(silent, { attempts: 1 })).toEqual({ attempts: 1, tookMs: 15_000 });
  });

  it('a call takes a minute at most', async () => {
    expect(await paidOn(silent, { attempts: 100 })).toMatchObject({ tookMs: 60_000 });
  });
});
