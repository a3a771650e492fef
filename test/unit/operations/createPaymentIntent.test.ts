import { describe, expect, it } from 'vitest';
import { createPaymentIntent } from '../../../src/operations/createPaymentIntent.ts';
import type { OperationRequest } from '../../../src/contract/handler.ts';
import { GatewayError, type GatewayFault } from '../../../src/payments/gateway.ts';
import { failingGateway, MemoryGateway } from '../../support/memoryGateway.ts';

type Request = OperationRequest<'createPaymentIntent'>;

const request: Request = {
  operationId: 'createPaymentIntent',
  tenant: 'acme',
  idempotencyKey: undefined,
  body: { amount: 100 },
  params: {},
  query: {},
  headers: {},
};

/** The orders that the provider gets for these requests. */
async function ordersFor(...requests: readonly Request[]): Promise<MemoryGateway['orders']> {
  const gateway = new MemoryGateway();
  for (const one of requests) await createPaymentIntent(gateway)(one);
  return gateway.orders;
}

describe('the order of createPaymentIntent', () => {
  it('has exact cents', async () => {
    const [order] = await ordersFor({ ...request, body: { amount: 1.15 } });
    expect(order!.cents).toBe(115);
  });

  it('has the payment method types and the metadata as sent, and nothing else', async () => {
    const body = { amount: 100, paymentMethodTypes: ['klarna', 'card'], metadata: { email: 'a@b.c' }, currency: 'eur' };
    expect(await ordersFor({ ...request, body: body as Request['body'] })).toEqual([
      {
        tenant: 'acme',
        cents: 10_000,
        methodTypes: ['klarna', 'card'],
        metadata: { email: 'a@b.c' },
        idempotencyKey: expect.any(String),
      },
    ]);
  });

  it('has no payment method types where none are sent, so that the provider chooses', async () => {
    const [order] = await ordersFor(request);
    expect(order).not.toHaveProperty('methodTypes');
  });
});

describe('the result of createPaymentIntent', () => {
  it('has the secret of the intent', async () => {
    expect(await createPaymentIntent(new MemoryGateway())(request)).toEqual({
      example: 'created',
      fields: { data: { paymentIntentSecret: 'pi_0_secret_x' } },
      headers: {},
      logFields: { cv_reference: expect.stringMatching(/^[0-9a-f]{32}$/), stripeRequestId: 'req_0', replayed: false },
    });
  });

  it('has the dropped payment method types for the log', async () => {
    const { logFields } = await createPaymentIntent(new MemoryGateway({ droppedMethodTypes: ['oxxo'] }))(request);
    expect(logFields).toMatchObject({ droppedMethodTypes: ['oxxo'] });
  });

  it.each<[GatewayFault, string]>([
    ['amountTooSmall', 'amountTooSmall'],
    ['amountTooLarge', 'amountTooLarge'],
    ['methodTypesRefused', 'invalidPaymentMethodTypes'],
  ])('is for the gateway fault %s the problem %s', async (fault, example) => {
    const cause = new GatewayError(fault, 'said by the test');
    await expect(createPaymentIntent(failingGateway(cause))(request)).rejects.toMatchObject({ example, cause });
  });
});
