import { describe, expect, it } from 'vitest';
import { createSetupIntent } from '../../../src/operations/createSetupIntent.ts';
import type { OperationRequest } from '../../../src/contract/handler.ts';
import { GatewayError, type GatewayFault } from '../../../src/payments/gateway.ts';
import { failingGateway, MemoryGateway } from '../../support/memoryGateway.ts';

type Request = OperationRequest<'createSetupIntent'>;

const request: Request = {
  operationId: 'createSetupIntent',
  tenant: 'acme',
  idempotencyKey: undefined,
  body: undefined,
  params: {},
  query: {},
  headers: {},
};

describe('the order of createSetupIntent', () => {
  it.each<[string, Request['body'], object]>([
    ['no body', undefined, {}],
    ['an empty body', {}, {}],
    ['metadata', { metadata: { email: 'a@b.c' } }, { email: 'a@b.c' }],
    ['fields that are ignored', { amount: 1, paymentMethodTypes: ['card'] } as Request['body'], {}],
  ])('has the metadata as sent, and nothing else, for %s', async (_what, body, metadata) => {
    const gateway = new MemoryGateway();
    await createSetupIntent(gateway)({ ...request, body });
    expect(gateway.orders).toEqual([{ tenant: 'acme', metadata, idempotencyKey: expect.any(String) }]);
  });
});

describe('the result of createSetupIntent', () => {
  it('has the secret of the intent', async () => {
    expect(await createSetupIntent(new MemoryGateway())(request)).toEqual({
      example: 'setupCreated',
      fields: { paymentSecret: 'seti_0_secret_x' },
      headers: {},
      logFields: { cv_reference: expect.stringMatching(/^[0-9a-f]{32}$/), stripeRequestId: 'req_0', replayed: false },
    });
  });

  it.each<GatewayFault>(['amountTooSmall', 'amountTooLarge', 'methodTypesRefused'])(
    'is internalError for the gateway fault %s, which only our own parameters can cause',
    async (fault) => {
      const cause = new GatewayError(fault, 'said by the test');
      const failure = createSetupIntent(failingGateway(cause))(request);
      await expect(failure).rejects.toMatchObject({ example: 'internalError', cause });
    },
  );
});
