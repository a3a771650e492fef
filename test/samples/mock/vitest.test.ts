/** A sample: tests with the mock in the same process, without a socket. A project of yours imports '@carevalidate/payments-mock'. */
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startPaymentsMock, type PaymentsMock } from '../../../src/mock/index.ts';
import { createPayment } from './createPayment.ts';

let mock: PaymentsMock;
beforeAll(async () => {
  mock = await startPaymentsMock({ dynamic: true });
  vi.stubGlobal('fetch', mock.fetch);
});
afterEach(() => mock.reset());
afterAll(async () => {
  vi.unstubAllGlobals();
  await mock.close();
});

it('creates a payment', async () => {
  expect(await createPayment(19.99)).toMatch(/^pi_/);
  expect(mock.requests).toMatchObject([
    { path: '/api/v1/payments/intent', body: { amount: 19.99 }, scenario: 'created' },
  ]);
});

it('survives two failures, and sends the same key again', async () => {
  mock.next(['providerUnavailable', 'providerUnavailable', 'created']);
  expect(await createPayment(19.99)).toMatch(/^pi_/);
  const keys = mock.requests.map(({ headers }) => headers['idempotency-key']);
  expect(keys.length).toBe(3);
  expect(new Set(keys).size).toBe(1);
});

it('gives up after the third failure', async () => {
  mock.next('providerUnavailable', { times: 3 });
  await expect(createPayment(19.99)).rejects.toThrow('providerUnavailable');
});

it('passes the reason for a refusal on', async () => {
  await expect(createPayment(0.1)).rejects.toThrow('amountTooSmall');
  expect(mock.requests[0]!.reason).toBe('body/amount must be >= 0.5');
});
