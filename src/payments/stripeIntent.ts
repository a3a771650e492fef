import { hash } from 'node:crypto';
import type { Stripe } from 'stripe';
import type { IntentOrder } from './gateway.ts';

/** Stripe's limit: https://docs.stripe.com/api/metadata */
const MAX_METADATA_KEYS = 50;

/** The metadata key of our reference, by which an answer is recognised as this order's. */
const REFERENCE_KEY = 'cv_reference';

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

/** With the caller's own use of our key, or no room for it, the metadata stays as it is. */
function withReference(metadata: Readonly<Record<string, string>>, idempotencyKey: string): Record<string, string> {
  const hasRoom = Object.keys(metadata).length < MAX_METADATA_KEYS && !Object.hasOwn(metadata, REFERENCE_KEY);
  // A spread keeps a key named __proto__ as what it is here: a key.
  return hasRoom ? { ...metadata, [REFERENCE_KEY]: referenceOf(idempotencyKey) } : { ...metadata };
}

function referenceOf(idempotencyKey: string): string {
  return hash('sha256', idempotencyKey, 'hex').slice(0, 32);
}

/**
 * In what way the answer is not the intent asked for, in words for a log; undefined when it is that intent.
 *
 * A connection that is one answer behind brings another customer's secret with status 200, so nothing less will do.
 */
export function mismatchIn(intent: object, params: IntentParams, idempotencyKey: string): string | undefined {
  const { object, id, client_secret: secret, amount, currency, metadata } = intent as Record<string, unknown>;
  if (object !== 'payment_intent') return 'no payment intent';
  if (typeof id !== 'string' || id === '') return 'no id';
  if (typeof secret !== 'string' || !secret.startsWith(`${id}_secret_`)) return 'no secret of its own';
  if (amount !== params.amount) return 'another amount';
  if (currency !== params.currency) return 'another currency';
  if (!isStored(metadata, params.metadata, referenceOf(idempotencyKey))) return 'another reference';
  return undefined;
}

/** Our reference settles it; where it had no place, all of the metadata must be there, and no more. */
function isStored(stored: unknown, sent: Record<string, string>, reference: string): boolean {
  if (typeof stored !== 'object' || stored === null) return false;
  if (sent[REFERENCE_KEY] === reference) {
    return Object.hasOwn(stored, REFERENCE_KEY) && (stored as Record<string, unknown>)[REFERENCE_KEY] === reference;
  }
  const kept = new Map<string, unknown>(Object.entries(stored));
  // Stripe takes an empty value for "no such key".
  const expected = Object.entries(sent).filter(([, value]) => value !== '');
  return kept.size === expected.length && expected.every(([key, value]) => kept.get(key) === value);
}
