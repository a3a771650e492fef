import { hash } from 'node:crypto';
import type { Stripe } from 'stripe';
import type { IntentOrder } from './gateway.ts';

/** Stripe's limit: https://docs.stripe.com/api/metadata */
const MAX_METADATA_KEYS = 50;

/** The metadata keys of our reference, by which an answer is recognised as this order's: the first that the caller leaves free. */
const REFERENCE_KEYS = ['cv_reference', 'cv_reference_2'];

export type IntentParams = Stripe.PaymentIntentCreateParams & { metadata: Record<string, string> };

/**
 * The parameters of an order. The same order gives the same bytes, now, on a retry, and after a deploy: Stripe refuses a
 * retry that differs. So nothing of the moment may be among them, and their order is fixed.
 */
export function intentParams({ cents, methodTypes, metadata, idempotencyKey }: IntentOrder): IntentParams {
  const params = {
    amount: cents,
    currency: 'usd',
    metadata: withReference(metadata, idempotencyKey),
  } satisfies Stripe.PaymentIntentCreateParams;
  if (methodTypes === undefined) return params;
  // The SDK drops an empty list, and Stripe would then offer every type: callers of this function never have one.
  return { ...params, allowed_payment_method_types: [...methodTypes] } satisfies Stripe.PaymentIntentCreateParams;
}

/** Where there is no room for it, the metadata stays as it is. */
function withReference(metadata: Readonly<Record<string, string>>, idempotencyKey: string): Record<string, string> {
  const name = REFERENCE_KEYS.find((key) => !Object.hasOwn(metadata, key));
  const hasRoom = Object.keys(metadata).length < MAX_METADATA_KEYS;
  // A spread keeps a key named __proto__ as what it is here: a key.
  return hasRoom && name ? { ...metadata, [name]: referenceOf(idempotencyKey) } : { ...metadata };
}

function referenceOf(idempotencyKey: string): string {
  return hash('sha256', idempotencyKey, 'hex').slice(0, 32);
}

/**
 * In what way the answer is not the intent asked for, in words for a log; undefined when it is that intent.
 *
 * A connection that is one answer behind brings another customer's secret with status 200, so nothing less will do.
 * `isEchoed`: the answer names our idempotency key.
 */
export function mismatchIn(
  intent: object,
  params: IntentParams,
  idempotencyKey: string,
  isEchoed: boolean,
): string | undefined {
  const { object, id, client_secret: secret, amount, currency, metadata } = intent as Record<string, unknown>;
  if (object !== 'payment_intent') return 'no payment intent';
  if (typeof id !== 'string' || !/^pi_[A-Za-z0-9]+$/.test(id)) return 'no id';
  const isOwnSecret = typeof secret === 'string' && secret.startsWith(`${id}_secret_`);
  if (!isOwnSecret || !/^[A-Za-z0-9]+$/.test(secret.slice(`${id}_secret_`.length))) return 'no secret of its own';
  if (amount !== params.amount) return 'another amount';
  if (currency !== params.currency) return 'another currency';
  if (typeof metadata !== 'object' || metadata === null) return 'another reference';
  const reference = referenceOf(idempotencyKey);
  const name = REFERENCE_KEYS.find((key) => params.metadata[key] === reference);
  const isOurs = name ? isReferred(metadata, name, reference) : isEchoed && isStored(metadata, params.metadata);
  return isOurs ? undefined : 'another reference';
}

function isReferred(stored: object, name: string, reference: string): boolean {
  return Object.hasOwn(stored, name) && (stored as Record<string, unknown>)[name] === reference;
}

/** Where our reference had no place: all of the metadata is there, and no more. */
function isStored(stored: object, sent: Record<string, string>): boolean {
  const kept = new Map<string, unknown>(Object.entries(stored));
  // Stripe takes an empty value for "no such key".
  const expected = Object.entries(sent).filter(([, value]) => value !== '');
  return kept.size === expected.length && expected.every(([key, value]) => kept.get(key) === value);
}
