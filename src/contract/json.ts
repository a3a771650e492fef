import { Problem } from './problems.ts';
import type { Schema } from './document.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads JSON in UTF-8. Throws the Problem `invalidBody` where it is neither. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (error) {
    // The parser's message quotes the body: it is no cause, which would be logged.
    throw new Problem('invalidBody', { detail: () => (error as Error).message });
  }
}

/**
 * The value, cut to one item past what its schema allows: still refused, at a bounded cost.
 *
 * All violations are collected, and 128 KiB of `[1,1,1,…]` would make 131,000 of them.
 */
export function truncate(value: unknown, schema: Schema | boolean | undefined): unknown {
  if (typeof schema !== 'object' || typeof value !== 'object' || value === null) return value;
  const { maxItems = Infinity, maxProperties = Infinity, properties = {} } = schema;
  if (Array.isArray(value)) return value.length > maxItems ? value.slice(0, maxItems + 1) : value;
  const names = maxProperties === Infinity ? [] : Object.keys(value);
  if (names.length > maxProperties) return Object.fromEntries(Object.entries(value).slice(0, maxProperties + 1));
  const object = value as Record<string, unknown>;
  for (const [name, property] of Object.entries(properties)) {
    if (Object.hasOwn(object, name)) object[name] = truncate(object[name], property);
  }
  return value;
}
