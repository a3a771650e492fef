import type Stripe from 'stripe';
import { Refusal } from './errors.ts';
import { isBareList, type Form, type FormValue } from './form.ts';
import { newClientSecret, newIntentId } from './ids.ts';
import { emptyParameter, readMethodTypes } from './paymentMethodTypes.ts';

/** Stripe's type, with the client secret that responses to a secret key always have. */
export type PaymentIntent = Stripe.PaymentIntent & { client_secret: string };

/** The minimum for USD and eight digits: Stripe, PaymentIntent.amount. */
const MIN_CENTS = 50;
const MAX_CENTS = 99_999_999;

/** https://docs.stripe.com/api/metadata */
const MAX_METADATA_KEYS = 50;
const MAX_METADATA_KEY_LENGTH = 40;
const MAX_METADATA_VALUE_LENGTH = 500;

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

/** Reads the parameters of a creation. Throws Stripe's 400 for the first invalid one. */
export function readOrder(form: Form) {
  const unknown = Object.keys(form).filter((name) => !KNOWN_PARAMETERS.includes(name));
  if (unknown.length > 0) throw unknownParameters(unknown);
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
export function newPaymentIntent(order: ReturnType<typeof readOrder>): PaymentIntent {
  const id = newIntentId();
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

/**
 * A valid intent of another customer: another ID, other values under the same metadata keys, and another amount unless
 * `sameAmount`, which leaves only the ID and the metadata to tell the two apart.
 */
export function otherCustomersIntent(mine: PaymentIntent, sameAmount: boolean): PaymentIntent {
  const id = newIntentId();
  const metadata = Object.fromEntries(Object.keys(mine.metadata).map((key) => [key, `someone-else-${id}`]));
  const amount = sameAmount ? mine.amount : (mine.amount % MAX_CENTS) + MIN_CENTS;
  return { ...mine, id, client_secret: newClientSecret(id), amount, metadata };
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

function readMetadata(value: FormValue | undefined): Record<string, string> {
  // An empty value unsets the metadata, or one of its keys: https://docs.stripe.com/api/metadata.
  if (value === undefined || value === '') return {};
  if (typeof value === 'string' || isBareList(value)) throw new Refusal(400, 'Invalid object', { param: 'metadata' });
  const entries = Object.entries(value).map(([key, inner]): [string, string] => [key, readMetadataValue(key, inner)]);
  if (entries.length > MAX_METADATA_KEYS) {
    const message = `Metadata can have up to ${MAX_METADATA_KEYS} keys, but you passed in ${entries.length}.`;
    throw new Refusal(400, message, { param: 'metadata' });
  }
  return Object.fromEntries(entries.filter(([, text]) => text !== ''));
}

function readMetadataValue(key: string, value: FormValue): string {
  const param = `metadata[${key}]`;
  // A key with brackets arrives as a nested object.
  if (typeof value === 'object') throw new Refusal(400, `Invalid string: ${JSON.stringify(value)}`, { param });
  if (characters(key) > MAX_METADATA_KEY_LENGTH) throw tooLong('key', MAX_METADATA_KEY_LENGTH, key, param);
  if (characters(value) > MAX_METADATA_VALUE_LENGTH) throw tooLong('value', MAX_METADATA_VALUE_LENGTH, value, param);
  return value;
}

function readText(form: Form, param: string, maxLength = Infinity): string | null {
  const value = form[param];
  if (typeof value === 'object') throw new Refusal(400, `Invalid string: ${JSON.stringify(value)}`, { param });
  if (characters(value ?? '') > maxLength) {
    throw new Refusal(400, `Invalid string: must be at most ${maxLength} characters`, { param });
  }
  return value || null;
}

/** Stripe counts Unicode characters, not UTF-16 units. */
const characters = (text: string): number => Array.from(text).length;

/** Stripe's message quotes the customer's data: it must not be passed on or logged. */
function tooLong(what: 'key' | 'value', limit: number, text: string, param: string): Refusal {
  const message =
    `Metadata ${what}s can have up to ${limit} characters, but you passed in a ${what} that is ` +
    `${characters(text)} characters. Invalid ${what}: ${text}`;
  return new Refusal(400, message, { param });
}

function unknownParameters(params: readonly string[]): Refusal {
  const message = `Received unknown parameter${params.length > 1 ? 's' : ''}: ${params.join(', ')}`;
  return new Refusal(400, message, { code: 'parameter_unknown', param: params[0] });
}

const missing = (param: string): Refusal =>
  new Refusal(400, `Missing required param: ${param}.`, { code: 'parameter_missing', param });

const badAmount = (code: string, message: string): Refusal => new Refusal(400, message, { code, param: 'amount' });
