import { describe, expect, it } from 'vitest';
import { storedMetadata } from '../../../../src/payments/stripe/intents.ts';
import { paymentIntentCall, paymentIntentParams } from '../../../../src/payments/stripe/paymentIntents.ts';

const order = { tenant: 'acme', cents: 1999, metadata: { email: 'jane@example.com' }, idempotencyKey: 'key-1' };
const metadata = storedMetadata(order);

describe('the parameters of a payment intent', () => {
  it('are the cents in US dollars and the metadata, and leave the payment method types to Stripe', () => {
    expect(paymentIntentParams(order)).toEqual({ amount: 1999, currency: 'usd', metadata });
  });

  it('allow only these payment method types, where there are some', () => {
    const types = ['card', 'klarna'];
    expect(paymentIntentParams({ ...order, methodTypes: types })).toEqual({
      amount: 1999,
      currency: 'usd',
      metadata,
      allowed_payment_method_types: types,
    });
  });
});

describe('the response to a payment intent', () => {
  const right = {
    object: 'payment_intent',
    id: 'pi_1',
    client_secret: 'pi_1_secret_2',
    amount: 1999,
    currency: 'usd',
    metadata,
  };

  it.each([
    ['another amount', { amount: 2000 }],
    ['another amount', { amount: '1999' }],
    ['another amount', { amount: undefined }],
    ['another currency', { currency: 'eur' }],
  ])('is refused, because it has %s: %o', (mismatch, wrong) => {
    expect(paymentIntentCall(order).mismatchIn({ ...right, ...wrong }, true)).toBe(mismatch);
  });
});
