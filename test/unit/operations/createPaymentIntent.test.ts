import { describe, expect, it } from 'vitest';
import { createPaymentIntent } from '../../../src/operations/createPaymentIntent.ts';
import type { OperationRequest } from '../../../src/contract/handler.ts';
import {
  GatewayError,
  type CreatedPaymentIntent,
  type GatewayFault,
  type PaymentGateway,
  type PaymentOrder,
} from '../../../src/payments/gateway.ts';
import { Problem } from '../../../src/contract/problems.ts';

type Request = OperationRequest<'createPaymentIntent'>;

const request: Request = {
  operationId: 'createPaymentIntent',
  tenant: 'acme',
  body: { amount: 100 },
  params: {},
  query: {},
  headers: {},
};

const withKey = (key: string): Request => ({ ...request, headers: { 'idempotency-key': key } });

/** A provider that makes one intent per idempotency key, and replays it. */
class MemoryGateway implements PaymentGateway {
  readonly orders: PaymentOrder[] = [];
  readonly #intents = new Map<string, CreatedPaymentIntent>();
  readonly #droppedMethodTypes: readonly string[];

  constructor({ droppedMethodTypes = [] as readonly string[] } = {}) {
    this.#droppedMethodTypes = droppedMethodTypes;
  }

  async createPaymentIntent(order: PaymentOrder): Promise<CreatedPaymentIntent> {
    this.orders.push(order);
    const earlier = this.#intents.get(order.idempotencyKey);
    if (earlier) return { ...earlier, replayed: true };
    const intent = {
      clientSecret: `pi_${this.#intents.size}_secret_x`,
      replayed: false,
      requestId: `req_${this.#intents.size}`,
      droppedMethodTypes: this.#droppedMethodTypes,
    };
    this.#intents.set(order.idempotencyKey, intent);
    return intent;
  }

  async createSetupIntent(): Promise<never> {
    throw new Error('not called');
  }

  async close(): Promise<void> {}
}

const failing = (error: unknown): PaymentGateway => ({
  createPaymentIntent: async () => {
    throw error;
  },
  createSetupIntent: async () => {
    throw error;
  },
  close: async () => {},
});

/** The orders that the provider gets for these requests. */
async function ordersFor(...requests: readonly Request[]): Promise<readonly PaymentOrder[]> {
  const gateway = new MemoryGateway();
  for (const one of requests) await createPaymentIntent(gateway)(one);
  return gateway.orders;
}

async function providerKeys(...requests: readonly Request[]): Promise<readonly string[]> {
  return (await ordersFor(...requests)).map(({ idempotencyKey }) => idempotencyKey);
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

  it('knows whether the client has left', async () => {
    const [order] = await ordersFor({ ...request, isAbandoned: () => true });
    expect(order!.isAbandoned?.()).toBe(true);
  });

  it('has no payment method types where none are sent, so that the provider chooses', async () => {
    const [order] = await ordersFor(request);
    expect(order).not.toHaveProperty('methodTypes');
  });
});

describe('the idempotency key', () => {
  it('is the same bare and quoted', async () => {
    const [bare, quoted] = await providerKeys(withKey('order-1'), withKey('"order-1"'));
    expect(quoted).toBe(bare);
  });

  it.each([
    ['a quote', String.raw`or"der`, String.raw`"or\"der"`],
    ['a backslash', String.raw`or\der`, String.raw`"or\\der"`],
    ['a backslash before a quote', String.raw`or\"der`, String.raw`"or\\\"der"`],
  ])('is the same bare and quoted with %s escaped', async (_what, bareText, quotedText) => {
    const [bare, quoted] = await providerKeys(withKey(bareText), withKey(quotedText));
    expect(quoted).toBe(bare);
  });

  it('keeps a quote at its end that is not at its start', async () => {
    const [one, other] = await providerKeys(withKey('xorder"'), withKey('order'));
    expect(other).not.toBe(one);
  });

  it('differs for another key', async () => {
    const [one, other] = await providerKeys(withKey('order-1'), withKey('order-2'));
    expect(other).not.toBe(one);
  });

  it('differs for another tenant', async () => {
    const [one, other] = await providerKeys(withKey('order-1'), { ...withKey('order-1'), tenant: 'other' });
    expect(other).not.toBe(one);
  });

  it('does not depend on the body, so that Stripe detects a reuse', async () => {
    const [one, other] = await providerKeys(withKey('order-1'), { ...withKey('order-1'), body: { amount: 200 } });
    expect(other).toBe(one);
  });

  it('is a new one for each request without one', async () => {
    expect(new Set(await providerKeys(request, request, request)).size).toBe(3);
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

  it('has the reference of the intent for the log, the same for each retry and each outcome', async () => {
    const create = createPaymentIntent(new MemoryGateway());
    const { logFields } = await create(withKey('order-1'));
    const again = await create(withKey('order-1'));
    const other = await create(withKey('order-2'));
    expect(again.logFields?.cv_reference).toBe(logFields?.cv_reference);
    expect(other.logFields?.cv_reference).not.toBe(logFields?.cv_reference);
    for (const error of [new GatewayError('unavailable', 'said by the test'), new TypeError('a bug')]) {
      const failure = createPaymentIntent(failing(error))(withKey('order-1'));
      await expect(failure).rejects.toMatchObject({ reference: logFields?.cv_reference });
    }
  });

  it('says in a header and in the log that the intent is replayed', async () => {
    const create = createPaymentIntent(new MemoryGateway());
    await create(withKey('order-1'));
    expect(await create(withKey('order-1'))).toMatchObject({
      fields: { data: { paymentIntentSecret: 'pi_0_secret_x' } },
      headers: { 'Idempotent-Replayed': 'true' },
      logFields: { replayed: true },
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
    ['metadataRefused', 'invalidMetadata'],
    ['keyReused', 'idempotencyKeyReused'],
    ['keyInUse', 'idempotencyKeyInUse'],
    ['unavailable', 'providerUnavailable'],
    ['broken', 'internalError'],
  ])('is for the gateway fault %s the problem %s, with its cause for the log', async (fault, example) => {
    const cause = new GatewayError(fault, 'said by the test');
    const failure = createPaymentIntent(failing(cause))(withKey('order-1'));
    await expect(failure).rejects.toBeInstanceOf(Problem);
    await expect(failure).rejects.toMatchObject({ example, cause });
  });

  it('is providerUnavailable where a key is in use that the client did not send', async () => {
    const cause = new GatewayError('keyInUse', 'said by the test');
    await expect(createPaymentIntent(failing(cause))(request)).rejects.toMatchObject({
      example: 'providerUnavailable',
      cause,
    });
  });

  it('is the same problem without an idempotency key as with one', async () => {
    const cause = new GatewayError('amountTooSmall', 'said by the test');
    await expect(createPaymentIntent(failing(cause))(request)).rejects.toMatchObject({ example: 'amountTooSmall' });
  });

  it('is internalError for an unknown error, with the cause for the log', async () => {
    const bug = new TypeError('a bug');
    await expect(createPaymentIntent(failing(bug))(request)).rejects.toMatchObject({
      example: 'internalError',
      cause: bug,
    });
  });
});
