/** Idempotency keys, as production has them. test/contract/parity.test.ts compares sequences of requests with the live server. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { OperationResponse } from '../../../src/contract/engine.ts';
import { IdempotencyKeys } from '../../../src/mock/idempotencyKeys.ts';
import { startPaymentsMock } from '../../../src/mock/index.ts';

const mock = await startPaymentsMock({ dynamic: true });
afterAll(() => mock.close());
beforeEach(() => mock.reset());

async function post(body: object, headers: Record<string, string> = {}, path = '/api/v1/payments/intent') {
  const response = await mock.fetch(path, {
    method: 'POST',
    headers: { 'cv-api-key': 'any', 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    code: response.headers.get('x-error-code'),
    isReplayed: response.headers.get('idempotent-replayed') === 'true',
    retryAfter: response.headers.get('retry-after'),
    reason: response.headers.get('mock-reason'),
    text,
  };
}
const KEY = { 'Idempotency-Key': 'order-1' };

describe('a request under the same key', () => {
  it('is replayed, with the same secret', async () => {
    const first = await post({ amount: 1 }, KEY);
    expect(first).toMatchObject({ status: 200, isReplayed: false });
    expect(await post({ amount: 1 }, KEY)).toEqual({ ...first, isReplayed: true });
  });

  it.each<[string, object, Record<string, string>]>([
    ['fields in another order', { metadata: { b: '2', a: '1' }, amount: 1 }, KEY],
    ['fields that are ignored', { amount: 1, metadata: { a: '1', b: '2' }, currency: 'eur' }, KEY],
    ['the key quoted', { amount: 1, metadata: { a: '1', b: '2' } }, { 'Idempotency-Key': '"order-1"' }],
    ['the key in the body', { amount: 1, metadata: { a: '1', b: '2' }, idempotencyKey: 'order-1' }, {}],
    ['the key in both', { amount: 1, metadata: { a: '1', b: '2' }, idempotencyKey: 'order-1' }, KEY],
    ['another API key', { amount: 1, metadata: { a: '1', b: '2' } }, { ...KEY, 'cv-api-key': 'rotated' }],
  ])('is the same with %s', async (_what, body, headers) => {
    await post({ amount: 1, metadata: { a: '1', b: '2' } }, KEY);
    expect(await post(body, headers)).toMatchObject({ status: 200, isReplayed: true });
  });

  it('is the same with empty metadata as with none', async () => {
    await post({ amount: 1 }, KEY);
    expect(await post({ amount: 1, metadata: {} }, KEY)).toMatchObject({ status: 200, isReplayed: true });
  });

  it.each([
    ['amount', { amount: 2, paymentMethodTypes: ['card', 'link'], metadata: { a: '1' } }],
    ['list of types', { amount: 1, paymentMethodTypes: ['link', 'card'], metadata: { a: '1' } }],
    ['types', { amount: 1, metadata: { a: '1' } }],
    ['metadata', { amount: 1, paymentMethodTypes: ['card', 'link'], metadata: { a: '2' } }],
    ['empty value of metadata', { amount: 1, paymentMethodTypes: ['card', 'link'], metadata: { a: '1', b: '' } }],
  ])('but with another %s is a 409', async (_what, body) => {
    await post({ amount: 1, paymentMethodTypes: ['card', 'link'], metadata: { a: '1' } }, KEY);
    expect(await post(body, KEY)).toMatchObject({
      status: 409,
      code: 'idempotencyKeyReused',
      isReplayed: false,
      reason: expect.stringMatching(/./),
    });
  });

  it('to the other operation is a request of its own', async () => {
    await post({ metadata: { a: '1' }, amount: 1 }, KEY);
    const setup = await post({ metadata: { a: '1' } }, KEY, '/api/v1/payments/setup');
    expect(setup).toMatchObject({ status: 200, isReplayed: false, text: expect.stringContaining('seti_') });
  });

  it('is new after an invalid request, which never held the key', async () => {
    expect(await post({ amount: 0.1 }, KEY)).toMatchObject({ status: 400 });
    expect(await post({ amount: 1 }, KEY)).toMatchObject({ status: 200, isReplayed: false });
  });

  it('is new after a reset', async () => {
    await post({ amount: 1 }, KEY);
    mock.reset();
    expect(await post({ amount: 2 }, KEY)).toMatchObject({ status: 200, isReplayed: false });
  });

  it('without any key is new each time', async () => {
    const [one, other] = [await post({ amount: 1 }), await post({ amount: 1 })];
    expect([one.isReplayed, other.isReplayed]).toEqual([false, false]);
    expect(other.text).not.toBe(one.text);
  });
});

describe('while the first request is in progress', () => {
  it('the same one is a 409 with Retry-After, and another one a 409 that is final', async () => {
    const first = post({ amount: 1 }, { ...KEY, 'Mock-Latency': '300' });
    await expect.poll(() => mock.requests.length).toBe(1);
    const [same, another] = await Promise.all([post({ amount: 1 }, KEY), post({ amount: 2 }, KEY)]);
    expect(same).toMatchObject({ status: 409, code: 'idempotencyKeyInUse', retryAfter: '1' });
    expect(another).toMatchObject({ status: 409, code: 'idempotencyKeyReused', retryAfter: null });
    expect(await first).toMatchObject({ status: 200, isReplayed: false });
    expect(await post({ amount: 1 }, KEY)).toEqual({ ...(await first), isReplayed: true });
  });
});

describe('a failure that was chosen', () => {
  it('is not remembered: a retry with the same key creates the payment', async () => {
    mock.next(['providerUnavailable', 'internalError', 'created']);
    const statuses = [];
    for (let sent = 0; sent < 4; sent++) statuses.push(await post({ amount: 1 }, KEY));
    expect(statuses.map(({ status, isReplayed }) => [status, isReplayed])).toEqual([
      [503, false],
      [500, false],
      [200, false],
      [200, true],
    ]);
  });

  it('does not forget the success before it', async () => {
    const first = await post({ amount: 1 }, KEY);
    expect(await post({ amount: 1 }, { ...KEY, 'Mock-Scenario': 'providerUnavailable' })).toMatchObject({
      status: 503,
    });
    expect(await post({ amount: 1 }, KEY)).toEqual({ ...first, isReplayed: true });
  });

  it('holds the key while it is in progress', async () => {
    const failing = post({ amount: 1 }, { ...KEY, 'Mock-Latency': '300', 'Mock-Scenario': 'providerUnavailable' });
    await expect.poll(() => mock.requests.length).toBe(1);
    expect(await post({ amount: 1 }, KEY)).toMatchObject({ status: 409, code: 'idempotencyKeyInUse' });
    expect(await failing).toMatchObject({ status: 503 });
    expect(await post({ amount: 2 }, KEY)).toMatchObject({ status: 200 });
  });
});

it('a chosen success does not hide that a key was reused', async () => {
  await post({ amount: 1 }, KEY);
  expect(await post({ amount: 2 }, { ...KEY, 'Mock-Scenario': 'created' })).toMatchObject({ status: 409 });
});

const created = async (): Promise<OperationResponse> => ({ status: 200, headers: {}, body: {} });

it('the memory is bounded: beyond 10,000 keys the oldest is forgotten', async () => {
  const keys = new IdempotencyKeys();
  for (let key = 0; key <= 10_000; key++) await keys.hold(String(key), 'content', created);
  expect(keys.find('0', 'content')).toBeUndefined();
  expect(keys.find('1', 'content')).toMatchObject({ status: 200 });
});
