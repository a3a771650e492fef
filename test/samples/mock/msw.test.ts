/** A sample: tests with MSW in Node. A project of yours imports '@carevalidate/payments-mock/msw'. */
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { mswPaymentsMock } from '../../../src/mock/msw.ts';
import { createPayment } from './createPayment.ts';

const API = 'https://payments.example.com';
const mock = mswPaymentsMock({ baseUrl: API });
const server = setupServer(...mock.handlers);
beforeAll(() => server.listen());
afterEach(() => mock.reset());
afterAll(() => server.close());

it('survives two failures', async () => {
  mock.next('providerUnavailable', { times: 2 });
  expect(await createPayment(19.99, API)).toMatch(/^pi_/);
  expect(mock.requests.map(({ scenario }) => scenario)).toEqual([
    'providerUnavailable',
    'providerUnavailable',
    'created',
  ]);
});

it('refuses what the service would refuse', async () => {
  await expect(createPayment(1.155, API)).rejects.toThrow('amountTooPrecise');
});
