import { Problem } from './problems.ts';
import type { RequestBody, Schema } from './document.ts';

/**
 * Reads a body, at bounded cost for its validation. Throws the Problem `invalidBody`.
 *
 * A missing required body is validated as an empty object, so that the response names the first missing field.
 */
export function readJson(bytes: Uint8Array, { required, content }: RequestBody): unknown {
  const missing = required ? {} : undefined;
  return bytes.length > 0 ? truncate(parseJson(bytes), content['application/json']!.schema) : missing;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses JSON in UTF-8. Throws the Problem `invalidBody`. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (error) {
    // The parser's message quotes the body, so it must not be the cause, which is logged.
    throw new Problem('invalidBody', { detail: () => (error as Error).message });
  }
}

/**
 * Truncates arrays and objects to one item above their schema's limit: still invalid, at bounded cost.
 *
 * Ajv collects all violations, and 128 KiB of `[1,1,1,…]` would give 131,000.
 */
function truncate(value: unknown, schema: Schema | boolean | undefined): unknown {
  if (typeof schema !== 'object' || typeof value !== 'object' || value === null) return value;
  const { allOf, ...rules } = schema;
  if (allOf) return [rules, ...allOf].reduce<unknown>(truncate, value);
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
