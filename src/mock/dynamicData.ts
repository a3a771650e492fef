import { createHash, randomBytes } from 'node:crypto';

import type { Schema } from '../contract/document.ts';

/**
 * The example with data of its own: in each text that the schema has a pattern for, every long run of letters and digits
 * is drawn anew. `pi_3SG0o8…_secret_CBrw…` stays such a secret, and never comes twice.
 *
 * The same seed draws the same data: a retry with the same idempotency key gets the same secret, as it does from Stripe.
 * Where that would break the pattern, the text stays the example's.
 */
export function createDynamicData(example: unknown, schema: Schema | boolean | undefined, seed?: string): unknown {
  if (typeof schema !== 'object') return example;
  if (typeof example === 'string' && schema.pattern !== undefined)
    return createDynamicText(example, schema.pattern, seed);
  if (Array.isArray(example)) return example.map((item) => createDynamicData(item, schema.items, seed));
  if (typeof example !== 'object' || example === null) return example;
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => [name, createDynamicData(value, schema.properties?.[name], seed)]),
  );
}

function createDynamicText(example: string, pattern: string, seed: string | undefined): string {
  // The first character says what kind of thing it is, and stays.
  const fresh = example.replace(
    /([A-Za-z0-9])([A-Za-z0-9]{15,})/g,
    (_run, first: string, rest: string, place: number) => {
      return first + drawText(rest.length, seed === undefined ? undefined : `${seed} ${place}`);
    },
  );
  return new RegExp(pattern).test(fresh) ? fresh : example;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function drawText(length: number, seed: string | undefined): string {
  const bytes =
    seed === undefined ? randomBytes(length) : createHash('shake256', { outputLength: length }).update(seed).digest();
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join('');
}
