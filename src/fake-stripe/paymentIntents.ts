import type Stripe from 'stripe';
import { Refusal } from './errors.ts';
import type { Form, FormValue } from './form.ts';
import { newClientSecret, newIntentId } from './ids.ts';
import type { Collection } from './intents.ts';
import { emptyParameter, missing, readMetadata, readText, rejectUnknown, unknownParameters } from './parameters.ts';
import { readMethodTypes } from './paymentMethodTypes.ts';

/** Stripe's type, with the client secret that responses to a secret key always have. */
export type PaymentIntent = Stripe.PaymentIntent & { client_secret: string };

/** The minimum for USD and eight digits: Stripe, PaymentIntent.amount. */
const MIN_CENTS = 50;
const MAX_CENTS = 99_999_999;

/** `maxLength` in Stripe's OpenAPI description. */
const MAX_DESCRIPTION_LENGTH = 1000;

/** The modelled part of the SDK's PaymentIntentCreateParams, and `payment_method_types`, which has its own error. */
const KNOWN_PARAMETERS: readonly string[] = [
  'allowed_payment_method_types',
  'amount',
  'automatic_payment_methods',
  'currency',
  'description',
  'metadata',
  'payment_method_types',
  'receipt_email',
] satisfies (keyof Stripe.PaymentIntentCreateParams | 'payment_method_types')[];

export const paymentIntents: Collection<PaymentIntent> = {
  path: '/v1/payment_intents',
  noun: 'payment_intent',
  prepare(form) {
    const order = readOrder(form);
    return () => newPaymentIntent(order);
  },
};

function readOrder(form: Form) {
  rejectUnknown(form, KNOWN_PARAMETERS);
  return {
    amount: readAmount(form['amount']),
    currency: readCurrency(form['currency']),
    methodTypes: readMethodTypes(form),
    allowRedirects: readAllowRedirects(form['automatic_payment_methods']),
    metadata: readMetadata(form['metadata']),
    description: readText(form, 'description', MAX_DESCRIPTION_LENGTH),
    receiptEmail: readText(form, 'receipt_email'),
  };
}

/** A new intent with all required fields of the SDK's PaymentIntent. */
function newPaymentIntent(order: ReturnType<typeof readOrder>): PaymentIntent {
  const id = newIntentId('pi_3');
  const { allowed, offered } = order.methodTypes;
  return {
    id,
    object: 'payment_intent',
    allowed_payment_method_types: allowed ?? null,
    amount: order.amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: allowed === undefined ? { allow_redirects: order.allowRedirects, enabled: true } : null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: 'automatic_async',
    client_secret: newClientSecret(id),
    confirmation_method: 'automatic',
    created: Math.floor(Date.now() / 1000),
    currency: order.currency,
    customer: null,
    customer_account: null,
    description: order.description,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: order.metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: offered,
    payment_record: null,
    processing: null,
    receipt_email: order.receiptEmail,
    review: null,
    setup_future_usage: null,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'requires_payment_method',
    transfer_data: null,
    transfer_group: null,
  };
}

/** In US cents. */
function readAmount(value: FormValue | undefined): number {
  if (value === undefined) throw missing('amount');
  if (value === '') throw emptyParameter('amount');
  if (typeof value !== 'string' || !/^[+-]?\d+$/.test(value)) {
    throw badAmount('parameter_invalid_integer', `Invalid integer: ${JSON.stringify(value)}`);
  }
  const amount = Number(value);
  if (amount < 1) throw badAmount('parameter_invalid_integer', 'This value must be greater than or equal to 1.');
  if (amount < MIN_CENTS) throw badAmount('amount_too_small', 'Amount must be at least $0.50 usd');
  if (amount > MAX_CENTS) throw badAmount('amount_too_large', 'Amount must be no more than $999,999.99');
  return amount;
}

function readCurrency(value: FormValue | undefined): 'usd' {
  if (value === undefined) throw missing('currency');
  if (value === '') throw emptyParameter('currency');
  if (typeof value === 'string' && value.toLowerCase() === 'usd') return 'usd';
  const message = `Invalid currency: ${JSON.stringify(value)}. Stripe currently supports these currencies: usd`;
  throw new Refusal(400, message, { param: 'currency' });
}

/** Reads `automatic_payment_methods`, of which only `enabled=true` is modelled. */
function readAllowRedirects(automatic: FormValue | undefined): 'always' | 'never' {
  const name = 'automatic_payment_methods';
  if (automatic === undefined) return 'always';
  if (typeof automatic === 'string') throw new Refusal(400, 'Invalid object', { param: name });
  const { enabled, allow_redirects: redirects = 'always', ...others } = automatic;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw unknownParameters([`${name}[${unknown}]`]);
  if (enabled === undefined) throw missing(`${name}[enabled]`);
  if (enabled !== 'true') throw new Refusal(400, 'Here only true is modelled.', { param: `${name}[enabled]` });
  if (redirects === 'always' || redirects === 'never') return redirects;
  const param = `${name}[allow_redirects]`;
  throw new Refusal(400, `Invalid ${param}: must be one of always or never`, { param });
}

const badAmount = (code: string, message: string): Refusal => new Refusal(400, message, { code, param: 'amount' });
