import type { Order } from '../gateway.ts';
import { intentReference } from '../idempotency.ts';

/** Stripe's limit: https://docs.stripe.com/api/metadata */
const MAX_METADATA_KEYS = 50;

/** Metadata keys for our reference, which ties a response to its order: the first that the caller does not use. */
export const REFERENCE_KEYS = ['cv_reference', 'cv_reference_2'];

/** The metadata key of the tenant, unless the caller uses it. */
const TENANT_KEY = 'cv_tenant';

/**
 * The caller's metadata and, where there is room, our reference and then the tenant. Sorted by key, because a caller may send
 * the keys in another sequence on each retry.
 */
export function storedMetadata({ metadata, tenant, idempotencyKey }: Order): Record<string, string> {
  const entries = Object.entries(metadata);
  const name = REFERENCE_KEYS.find((key) => !Object.hasOwn(metadata, key));
  if (name && entries.length < MAX_METADATA_KEYS) entries.push([name, intentReference(idempotencyKey)]);
  const hasTenant = Object.hasOwn(metadata, TENANT_KEY);
  if (!hasTenant && entries.length < MAX_METADATA_KEYS) entries.push([TENANT_KEY, tenant]);
  // By code unit. Object.fromEntries treats __proto__ as an ordinary key.
  return Object.fromEntries(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** What identifies the intent of an order. */
export interface ExpectedIntent {
  object: string;
  idPrefix: string;
  /** Further fields that were sent, and that Stripe returns unchanged. */
  fields: Readonly<Record<string, unknown>>;
  /** As sent. */
  metadata: Readonly<Record<string, string>>;
  idempotencyKey: string;
}

/**
 * How a response differs from the intent of an order, as text for the log; undefined if it is that intent.
 *
 * A connection that is one response behind delivers another customer's secret with status 200, so every field is compared.
 * `isEchoed`: the response echoes our idempotency key.
 */
export function mismatchIn(response: object, expected: ExpectedIntent, isEchoed: boolean): string | undefined {
  const intent = response as Record<string, unknown>;
  const { id, client_secret: secret, metadata } = intent;
  if (intent['object'] !== expected.object) return `no ${expected.object}`;
  if (!isToken(id, expected.idPrefix)) return 'no id';
  if (!isToken(secret, `${id}_secret_`)) return 'no secret of its own';
  const other = Object.entries(expected.fields).find(([name, value]) => intent[name] !== value);
  if (other) return `another ${other[0]}`;
  if (typeof metadata !== 'object' || metadata === null) return 'another reference';
  const reference = intentReference(expected.idempotencyKey);
  const name = REFERENCE_KEYS.find((key) => expected.metadata[key] === reference);
  const isOurs = name ? hasReference(metadata, name, reference) : isEchoed && isStored(metadata, expected.metadata);
  return isOurs ? undefined : 'another reference';
}

/** Whether the value is this prefix, followed only by letters and digits. */
function isToken(value: unknown, prefix: string): value is string {
  return typeof value === 'string' && value.startsWith(prefix) && /^[A-Za-z0-9]+$/.test(value.slice(prefix.length));
}

function hasReference(stored: object, name: string, reference: string): boolean {
  return Object.hasOwn(stored, name) && (stored as Record<string, unknown>)[name] === reference;
}

/** For orders without room for our reference: whether exactly the metadata that we sent is stored. */
function isStored(stored: object, sent: Readonly<Record<string, string>>): boolean {
  const kept = new Map<string, unknown>(Object.entries(stored));
  // Stripe does not store a key with an empty value.
  const expected = Object.entries(sent).filter(([, value]) => value !== '');
  return kept.size === expected.length && expected.every(([key, value]) => kept.get(key) === value);
}
