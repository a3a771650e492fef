/** Parameters that several collections have, with Stripe's errors. */
import { Refusal } from './errors.ts';
import { isBareList, type Form, type FormValue } from './form.ts';

/** https://docs.stripe.com/api/metadata */
const MAX_METADATA_KEYS = 50;
const MAX_METADATA_KEY_LENGTH = 40;
const MAX_METADATA_VALUE_LENGTH = 500;

export function rejectUnknown(form: Form, known: readonly string[]): void {
  const unknown = Object.keys(form).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw unknownParameters(unknown);
}

export function readMetadata(value: FormValue | undefined): Record<string, string> {
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

export function readText(form: Form, param: string, maxLength = Infinity): string | null {
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

export function unknownParameters(params: readonly string[]): Refusal {
  const message = `Received unknown parameter${params.length > 1 ? 's' : ''}: ${params.join(', ')}`;
  return new Refusal(400, message, { code: 'parameter_unknown', param: params[0] });
}

export const missing = (param: string): Refusal =>
  new Refusal(400, `Missing required param: ${param}.`, { code: 'parameter_missing', param });

export function emptyParameter(param: string): Refusal {
  const message =
    `You passed an empty string for '${param}'. We assume empty values are an attempt to unset a parameter; however ` +
    `'${param}' cannot be unset. You should remove '${param}' from your request or supply a non-empty value.`;
  return new Refusal(400, message, { code: 'parameter_invalid_empty', param });
}
