import type { Schema } from '../contract/document.ts';

/**
 * Randomises an example: in each text whose schema has a pattern, every long run of letters and digits is replaced, so that
 * `pi_3SG0o8…_secret_CBrw…` becomes another such secret. Texts that would then break their pattern are kept.
 */
export function createDynamicData(example: unknown, schema: Schema | boolean | undefined): unknown {
  if (typeof schema !== 'object') return example;
  if (typeof example === 'string' && schema.pattern !== undefined) return createDynamicText(example, schema.pattern);
  if (Array.isArray(example)) return example.map((item) => createDynamicData(item, schema.items));
  if (typeof example !== 'object' || example === null) return example;
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => [name, createDynamicData(value, schema.properties?.[name])]),
  );
}

function createDynamicText(example: string, pattern: string): string {
  // The first character is kept: in IDs it has a meaning.
  const randomised = example.replace(
    /([A-Za-z0-9])([A-Za-z0-9]{15,})/g,
    (_run, first: string, rest: string) => first + drawText(rest.length),
  );
  return new RegExp(pattern).test(randomised) ? randomised : example;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

const drawText = (length: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
