import { createHash, randomBytes } from 'node:crypto';
import type { Schema } from '../contract/document.ts';

/**
 * Randomises an example: in each text whose schema has a pattern, every long run of letters and digits is replaced, so that
 * `pi_3SG0o8…_secret_CBrw…` becomes another such secret. Texts that would then break their pattern are kept.
 *
 * The same seed gives the same data, so that a retry with the same idempotency key gets the same secret, as from Stripe.
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
  // The first character is kept: in IDs it has a meaning.
  const randomised = example.replace(
    /([A-Za-z0-9])([A-Za-z0-9]{15,})/g,
    (_run, first: string, rest: string, offset: number) => {
      return first + drawText(rest.length, seed === undefined ? undefined : `${seed} ${offset}`);
    },
  );
  return new RegExp(pattern).test(randomised) ? randomised : example;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function drawText(length: number, seed: string | undefined): string {
  const bytes =
    seed === undefined ? randomBytes(length) : createHash('shake256', { outputLength: length }).update(seed).digest();
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join('');
}
