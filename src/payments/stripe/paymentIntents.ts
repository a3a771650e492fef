import type { Stripe } from 'stripe';
import { GatewayError, type CreatedPaymentIntent, type PaymentOrder } from '../gateway.ts';
import type { StripeCall } from './call.ts';
import { mismatchIn, storedMetadata } from './intents.ts';

type Created = Pick<CreatedPaymentIntent, 'clientSecret' | 'droppedMethodTypes'>;

/** Throws GatewayError for an order that the SDK would send altered. */
export function paymentIntentCall(order: PaymentOrder): StripeCall<Stripe.PaymentIntent, Created> {
  const params = paymentIntentParams(order);
  const { amount, currency, metadata } = params;
  const expected = {
    object: 'payment_intent',
    idPrefix: 'pi_',
    fields: { amount, currency },
    metadata,
    idempotencyKey: order.idempotencyKey,
  };
  return {
    name: 'paymentIntents.create',
    send: (stripe, options) => stripe.paymentIntents.create(params, options),
    mismatchIn: (response, isEchoed) => mismatchIn(response, expected, isEchoed),
    read: (intent) => ({
      clientSecret: String(intent.client_secret),
      droppedMethodTypes: findDropped(intent.payment_method_types, order.methodTypes ?? []),
    }),
  };
}

/**
 * The parameters of an order. The same order must give the same bytes now, on a retry and after a deploy, because Stripe
 * rejects a retry that differs. So no parameter depends on the time, and their sequence is fixed.
 */
export function paymentIntentParams(order: PaymentOrder) {
  const { cents, methodTypes } = order;
  const params = {
    amount: cents,
    currency: 'usd',
    metadata: storedMetadata(order),
  } satisfies Stripe.PaymentIntentCreateParams;
  if (methodTypes === undefined) return params;
  if (methodTypes.length === 0) {
    // The SDK leaves an empty list out, and Stripe would then offer every type.
    throw new GatewayError('methodTypesRefused', 'payment method types: expected at least one');
  }
  return { ...params, allowed_payment_method_types: [...methodTypes] } satisfies Stripe.PaymentIntentCreateParams;
}

function findDropped(offered: unknown, requested: readonly string[]): readonly string[] {
  return requested.filter((type) => !(Array.isArray(offered) && offered.includes(type)));
}
