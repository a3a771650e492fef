import type { Stripe } from 'stripe';
import type { CreatedIntent, Order } from '../gateway.ts';
import type { StripeCall } from './call.ts';
import { mismatchIn, storedMetadata } from './intents.ts';

type Created = Pick<CreatedIntent, 'clientSecret'>;

/** Without further parameters, Stripe chooses the payment method types, and `usage` is `off_session`. */
export function setupIntentCall(order: Order): StripeCall<Stripe.SetupIntent, Created> {
  const params = { metadata: storedMetadata(order) } satisfies Stripe.SetupIntentCreateParams;
  const expected = {
    object: 'setup_intent',
    idPrefix: 'seti_',
    fields: {},
    metadata: params.metadata,
    idempotencyKey: order.idempotencyKey,
  };
  return {
    name: 'setupIntents.create',
    send: (stripe, options) => stripe.setupIntents.create(params, options),
    mismatchIn: (response, isEchoed) => mismatchIn(response, expected, isEchoed),
    read: (intent) => ({ clientSecret: String(intent.client_secret) }),
  };
}
