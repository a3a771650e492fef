import type Stripe from 'stripe';
import { newClientSecret, newIntentId } from './ids.ts';
import type { Collection } from './intents.ts';
import { readMetadata, rejectUnknown } from './parameters.ts';
import { rejectRetired } from './paymentMethodTypes.ts';

/** Stripe's type, with what responses to a secret key always have. */
export type SetupIntent = Stripe.SetupIntent & { client_secret: string; metadata: Stripe.Metadata };

/** The modelled part of the SDK's SetupIntentCreateParams. */
const KNOWN_PARAMETERS: readonly string[] = ['metadata'] satisfies (keyof Stripe.SetupIntentCreateParams)[];

export const setupIntents: Collection<SetupIntent> = {
  path: '/v1/setup_intents',
  noun: 'setupintent',
  prepare(form) {
    rejectRetired(form);
    rejectUnknown(form, KNOWN_PARAMETERS);
    const metadata = readMetadata(form['metadata']);
    return () => newSetupIntent(metadata);
  },
};

/** A new intent with all required fields of the SDK's SetupIntent. */
function newSetupIntent(metadata: Record<string, string>): SetupIntent {
  const id = newIntentId('seti_1');
  return {
    id,
    object: 'setup_intent',
    allowed_payment_method_types: null,
    application: null,
    automatic_payment_methods: { allow_redirects: 'always', enabled: true },
    cancellation_reason: null,
    client_secret: newClientSecret(id),
    created: Math.floor(Date.now() / 1000),
    customer: null,
    customer_account: null,
    description: null,
    excluded_payment_method_types: null,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: false,
    managed_payments: null,
    mandate: null,
    metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: OFFERED,
    single_use_mandate: null,
    status: 'requires_payment_method',
    usage: 'off_session',
  };
}

/** Enabled in the account's dashboard, and can be saved for later. */
const OFFERED = ['card', 'klarna', 'link', 'cashapp', 'us_bank_account'];
