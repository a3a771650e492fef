/** The mock as handlers for MSW. test/contract/parity.test.ts compares them with the mock, request by request. */
import { getResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import { mswPaymentsMock, type MswMockOptions } from '../../../src/mock/msw.ts';

const PATH = '/api/v1/payments/intent';
const HEADERS = { 'cv-api-key': 'any', 'Content-Type': 'application/json' };
const post = (url: string, init: RequestInit = {}) =>
  new Request(url, { method: 'POST', headers: HEADERS, body: '{"amount":1}', ...init });

/** The status and the name of the response; undefined where MSW passes the request on. */
async function respond(options: MswMockOptions, request: Request) {
  const response = await getResponse(mswPaymentsMock(options).handlers, request);
  return response && [response.status, response.headers.get('X-Error-Code')];
}

describe('without a base URL', () => {
  it.each(['https://api.example.com', 'http://localhost:3000'])(
    'handles the paths of the contract on %s',
    async (origin) => {
      expect(await respond({}, post(origin + PATH))).toEqual([200, null]);
      expect(await respond({}, new Request(origin + PATH))).toEqual([405, 'methodNotAllowed']);
    },
  );

  it.each(['/', '/api/v1/payments', `${PATH}/1`, '/api/v1/orders', `/proxy${PATH}`])(
    'leaves %s alone',
    async (path) => {
      expect(await respond({}, post(`https://api.example.com${path}`))).toBeUndefined();
    },
  );
});

describe('with a base URL', () => {
  it.each(['https://api.example.com/pay', 'https://api.example.com/pay/'])('handles all below %s', async (baseUrl) => {
    expect(await respond({ baseUrl }, post(`https://api.example.com/pay${PATH}?page=1`))).toEqual([200, null]);
    expect(await respond({ baseUrl }, post('https://api.example.com/pay/other'))).toEqual([404, 'notFound']);
  });

  it.each([
    'https://api.example.com/payment',
    'https://api.example.com/',
    'https://other.example.com/pay',
    'http://api.example.com/pay',
  ])('leaves %s alone', async (other) => {
    expect(await respond({ baseUrl: 'https://api.example.com/pay' }, post(other + PATH))).toBeUndefined();
  });

  it('that is relative needs a page', () => {
    expect(() => mswPaymentsMock({ baseUrl: '/pay' })).toThrow('Invalid URL');
  });
});

describe('a request', () => {
  it.each<[string, Request, number, string]>([
    [
      'without an API key, whatever else',
      post(`https://a.test${PATH}`, { headers: {}, body: 'no JSON' }),
      401,
      'invalidApiKey',
    ],
    [
      'with another media type',
      post(`https://a.test${PATH}`, { headers: { ...HEADERS, 'Content-Type': 'text/plain' } }),
      415,
      'unsupportedMediaType',
    ],
    [
      'with an encoding',
      post(`https://a.test${PATH}`, { headers: { ...HEADERS, 'Content-Encoding': 'gzip' } }),
      415,
      'unsupportedMediaType',
    ],
    ['that is too large', post(`https://a.test${PATH}`, { body: ' '.repeat(131_073) }), 413, 'bodyTooLarge'],
    ['that is no JSON', post(`https://a.test${PATH}`, { body: '{' }), 400, 'invalidBody'],
    ['without a body', post(`https://a.test${PATH}`, { body: null }), 400, 'amountRequired'],
    [
      'with two keys',
      post(`https://a.test${PATH}`, {
        headers: { ...HEADERS, 'Idempotency-Key': 'a' },
        body: '{"amount":1,"idempotencyKey":"b"}',
      }),
      400,
      'invalidIdempotencyKey',
    ],
    ['with a malformed path', post('https://a.test/%zz'), 400, 'invalidRequest'],
    ['to an encoded path', post('https://a.test/api/v1/%70ayments/intent', { body: '{}' }), 400, 'amountRequired'],
  ])('%s is refused as by the mock', async (_what, request, status, code) => {
    expect(await respond({ baseUrl: 'https://a.test' }, request)).toEqual([status, code]);
  });

  it('with a wrong API key is refused, if there is one', async () => {
    expect(await respond({ apiKey: 'cv_only' }, post(`https://a.test${PATH}`))).toEqual([401, 'invalidApiKey']);
  });
});

it('is controlled like the mock', async () => {
  const mock = mswPaymentsMock({ dynamic: true });
  const send = async (init: RequestInit = {}) =>
    (await getResponse(mock.handlers, post(`https://a.test${PATH}`, init)))!;
  expect(mock.next('providerUnavailable')).toBe(mock);
  expect((await send()).status).toBe(503);
  const keyed = { headers: { ...HEADERS, 'Idempotency-Key': 'order-1' } };
  const [first, replayed] = [await send(keyed), await send(keyed)];
  expect(replayed.headers.get('Idempotent-Replayed')).toBe('true');
  expect(await replayed.text()).toBe(await first.text());
  expect(mock.requests).toMatchObject([
    { method: 'POST', path: PATH, body: { amount: 1 }, scenario: 'providerUnavailable', reason: 'chosen by next' },
    { headers: { 'idempotency-key': 'order-1' }, scenario: 'created', reason: undefined },
    { scenario: 'created' },
  ]);
  mock.reset();
  expect(mock.requests).toEqual([]);
});

it('refuses an unknown option, with the nearest name', () => {
  const options: object = { baseURL: 'https://a.test' };
  expect(() => mswPaymentsMock(options)).toThrow(/^baseURL: unknown option; did you mean baseUrl\?$/);
});
