import { webcrypto } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findProblem } from '../../support/contractDocument.ts';
import {
  paymentsClient,
  type AttemptReport,
  type CallOptions,
  type PaymentsClientOptions,
} from '../../../src/client/index.ts';
import {
  followedRedirect,
  good,
  hiddenRedirect,
  network,
  reset,
  respond,
  silent,
  unavailable,
  type Play,
} from './networks.ts';

const payment = { amount: 19.99 };
const intent = { paymentIntentSecret: 'pi_1_secret_2', paymentIntentId: 'pi_1' };

function clientOn(plays: Play[], options: Partial<PaymentsClientOptions> = {}) {
  const { fetch, seen } = network(...plays);
  return { seen, client: paymentsClient({ baseUrl: 'http://payments.test', apiKey: 'cv_x', fetch, ...options }) };
}

describe('a result', () => {
  const call = { idempotencyKey: 'order-7' };
  const named = { 'X-Request-Id': 'r1' };
  const { status, body } = findProblem('amountTooSmall');

  it.each<[string, Play, object]>([
    [
      'the data, with the id of the intent',
      respond(200, { data: { paymentIntentSecret: 'pi_1_secret_2' } }, named),
      { ok: true, data: intent, requestId: 'r1' },
    ],
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
    ...['pi_1', ' pi_1_secret_2', ['pi_1_secret_2'], null].map((secret): [string, Play, object] => {
      const text = JSON.stringify({ data: { paymentIntentSecret: secret } });
      const problem = { name: 'unknownResponse', status: 200, body: text };
      return [
        `a success whose secret is none, but ${JSON.stringify(secret)}`,
        respond(200, text),
        { ok: false, problem },
      ];
    }),
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

  it.each([
    ['a browser hid', hiddenRedirect],
    ['the given fetch followed', followedRedirect],
  ])('is unknownResponse with status 0 for a redirect that %s, and the key is not sent again', async (_who, play) => {
    const { client, seen } = clientOn([play]);
    expect(await client.createPaymentIntent(payment, call)).toEqual({
      ok: false,
      problem: { name: 'unknownResponse', status: 0, body: 'The service redirected the request' },
      requestId: undefined,
      attempts: 1,
      ...call,
    });
    expect(seen.map(({ redirect }) => redirect)).toEqual(['manual']);
  });

  it('is noResponse with a reason where none was received', async () => {
    const { client } = clientOn([reset], { attempts: 1 });
    expect(await client.createPaymentIntent(payment, call)).toEqual({
      ok: false,
      problem: { name: 'noResponse', status: undefined, body: undefined, message: 'fetch failed: read ECONNRESET' },
      requestId: undefined,
      attempts: 1,
      ...call,
    });
  });

  it('of a setup has the id of the intent', async () => {
    const { client } = clientOn([respond(200, { success: true, paymentSecret: 'seti_1_secret_2' })]);
    const data = { paymentSecret: 'seti_1_secret_2', setupIntentId: 'seti_1' };
    expect(await client.createSetupIntent()).toMatchObject({ ok: true, data });
  });
});

describe('a base URL', () => {
  it.each([
    'http://user:canary@payments.test',
    'http://canary@payments.test',
    'http://payments.test?key=canary',
    'http://payments.test/#canary',
    'ftp://payments.test',
    'payments.test',
    '',
  ])('is refused, and not quoted, where a path cannot follow it: %j', (baseUrl) => {
    expect(() => paymentsClient({ baseUrl, apiKey: 'cv_x' })).toThrow(
      new TypeError('baseUrl: expected https://host/path, or http, without user name, password, query or fragment'),
    );
  });

  it.each(['https://payments.test/base', 'https://payments.test/base/'])('may have a path: %s', async (baseUrl) => {
    const { client, seen } = clientOn([good], { baseUrl });
    await client.createPaymentIntent(payment);
    await client.createSetupIntent();
    expect(seen.map(({ url }) => url)).toEqual([
      'https://payments.test/base/api/v1/payments/intent',
      'https://payments.test/base/api/v1/payments/setup',
    ]);
  });
});

describe('an API key', () => {
  it.each(['cv_canary\ncv_other', 'cv_canary\u2019'])(
    'that is no valid header is refused, and not quoted: %j',
    (apiKey) => {
      expect(() => paymentsClient({ baseUrl: 'http://payments.test', apiKey })).toThrow(
        new TypeError('apiKey: expected characters that a header can hold, without line breaks'),
      );
    },
  );

  it.each([undefined, '', ' '])('that is missing is reported when the client is created: %j', (apiKey) => {
    const options = { baseUrl: 'http://payments.test', apiKey } as PaymentsClientOptions;
    expect(() => paymentsClient(options)).toThrow(new TypeError('apiKey: missing'));
  });

  it('is refused in a browser, unless the option allows it', async () => {
    vi.stubGlobal('document', {});
    expect(() => clientOn([good])).toThrow(/^apiKey: .* dangerouslyAllowBrowser$/);
    const { client } = clientOn([good], { dangerouslyAllowBrowser: true });
    expect(await client.createPaymentIntent(payment)).toMatchObject({ ok: true });
  });

  it('may end with a line break', async () => {
    const { client, seen } = clientOn([good], { apiKey: 'cv_x\n' });
    await client.createPaymentIntent(payment);
    expect(seen[0]!.headers.get('cv-api-key')).toBe('cv_x');
  });
});

/** Everything of a result or an error that a log would show. */
const shown = (value: unknown) => inspect(value, { depth: Infinity, showHidden: true });

describe('no secret is in', () => {
  const apiKey = 'cv_canary';
  const ownError = Object.assign(new Error('POST failed for cv-api-key: cv_canary'), {
    request: { headers: { 'cv-api-key': apiKey } },
    cause: new Error('cv_canary was refused'),
  });

  it.each<[string, Play]>([
    ['the reason of a fetch that fails with its request', () => Promise.reject(ownError)],
    ['the reason of an incomplete success', respond(200, '{"data":{"paymentIntentSecret":"pi_canary_secret_canary"')],
    ['the body of a proxy that echoes the request', respond(502, '<pre>cv-api-key: cv_canary</pre>')],
  ])('%s', async (_where, play) => {
    const onAttempt = vi.fn<(report: AttemptReport) => void>();
    const { client } = clientOn([play], { apiKey, attempts: 1, onAttempt });
    const result = await client.createPaymentIntent(payment);
    expect(result).toMatchObject({ ok: false });
    expect(shown([result, onAttempt.mock.calls])).not.toContain('canary');
    expect(onAttempt).toHaveBeenCalledOnce();
  });

  it.each<[string, CallOptions]>([
    ['an idempotency key', { idempotencyKey: 'canary\nx' }],
    ['a header', { headers: { Authorization: 'canary\nx' } }],
  ])('the error about %s that cannot be sent', async (_what, options) => {
    const { client, seen } = clientOn([good], { apiKey });
    const error: unknown = await client.createPaymentIntent(payment, options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect(shown(error)).not.toContain('canary');
    expect(seen).toEqual([]);
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

  it('has a random idempotency key where crypto.randomUUID is missing, as on a page without https', async () => {
    vi.stubGlobal('crypto', { getRandomValues: (array: Uint8Array<ArrayBuffer>) => webcrypto.getRandomValues(array) });
    const { client, seen } = clientOn([good]);
    await client.createPaymentIntent(payment);
    await client.createPaymentIntent(payment);
    const keys = seen.map(({ headers }) => headers.get('idempotency-key'));
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(keys[0]).not.toBe(keys[1]);
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
