import type { Stripe } from 'stripe';
import type { IntentOrder } from '../gateway.ts';
import { intentReference } from '../idempotency.ts';

/** Stripe's limit: https://docs.stripe.com/api/metadata */
const MAX_METADATA_KEYS = 50;

/** Metadata keys for our reference, which ties a response to its order: the first that the caller does not use. */
export const REFERENCE_KEYS = ['cv_reference', 'cv_reference_2'];

/** The metadata key of the tenant, unless the caller uses it. */
const TENANT_KEY = 'cv_tenant';

export type IntentParams = Stripe.PaymentIntentCreateParams & { metadata: Record<string, string> };

/**
 * The parameters of an order. The same order must give the same bytes now, on a retry and after a deploy, because Stripe
 * rejects a retry that differs. So no parameter depends on the time, and their sequence is fixed.
 */
export function intentParams(order: IntentOrder): IntentParams {
  const { cents, methodTypes } = order;
  const params: IntentParams = { amount: cents, currency: 'usd', metadata: storedMetadata(order) };
  if (methodTypes === undefined) return params;
  // Never empty here: the SDK drops an empty list, and Stripe would then offer every type.
  return { ...params, allowed_payment_method_types: [...methodTypes] };
}

/**
 * The caller's metadata and, where there is room, our reference and then the tenant. Sorted by key, because a caller may send
 * the keys in another sequence on each retry.
 */
function storedMetadata({ metadata, tenant, idempotencyKey }: IntentOrder): Record<string, string> {
  const entries = Object.entries(metadata);
  const name = REFERENCE_KEYS.find((key) => !Object.hasOwn(metadata, key));
  if (name && entries.length < MAX_METADATA_KEYS) entries.push([name, intentReference(idempotencyKey)]);
  const hasTenant = Object.hasOwn(metadata, TENANT_KEY);
  if (!hasTenant && entries.length < MAX_METADATA_KEYS) entries.push([TENANT_KEY, tenant]);
  // By code unit. Object.fromEntries treats __proto__ as an ordinary key.
  return Object.fromEntries(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * How a response differs from the intent of this order, as text for the log; undefined if it is that intent.
 *
 * A connection that is one response behind delivers another customer's secret with status 200, so every field is compared.
 * `isEchoed`: the response echoes our idempotency key.
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
  const reference = intentReference(idempotencyKey);
  const name = REFERENCE_KEYS.find((key) => params.metadata[key] === reference);
  const isOurs = name ? hasReference(metadata, name, reference) : isEchoed && isStored(metadata, params.metadata);
  return isOurs ? undefined : 'another reference';
}

function hasReference(stored: object, name: string, reference: string): boolean {
  return Object.hasOwn(stored, name) && (stored as Record<string, unknown>)[name] === reference;
}

/** For orders without room for our reference: whether exactly the metadata that we sent is stored. */
function isStored(stored: object, sent: Record<string, string>): boolean {
  const kept = new Map<string, unknown>(Object.entries(stored));
  // Stripe does not store a key with an empty value.
  const expected = Object.entries(sent).filter(([, value]) => value !== '');
  return kept.size === expected.length && expected.every(([key, value]) => kept.get(key) === value);
}
