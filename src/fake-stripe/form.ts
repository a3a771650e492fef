import { Refusal } from './errors.ts';

export type FormValue = string | Form;

/**
 * Nested parameters, including lists: `a[0]` and `a[1]` have the keys 0 and 1. Items of `a[]` have the keys `[]0` and `[]1`, which no
 * request can contain, so they are never names. Has no prototype.
 */
export interface Form {
  [name: string]: FormValue;
}

/**
 * Decodes Stripe's form encoding: `metadata[email]=a%40b.c&allowed_payment_method_types[0]=card`.
 *
 * Throws Stripe's 400 for another media type, invalid UTF-8, an invalid escape or an invalid nested name.
 */
export function decodeForm(contentType: string | undefined, body: Buffer): Form {
  const form = emptyForm();
  if (body.length === 0) return form;
  if (!/^application\/x-www-form-urlencoded *(;|$)/i.test(contentType ?? '')) throw malformed();
  for (const pair of decodeUtf8(body).split('&')) {
    const [name = '', ...value] = pair.split('=');
    if (pair !== '') put(form, decodePart(name), decodePart(value.join('=')));
  }
  return form;
}

/** The items of a list in order; undefined if the parameter is not a list, whose indexes are consecutive from 0. */
export function readList(value: FormValue): FormValue[] | undefined {
  const isList =
    typeof value === 'object' && Object.keys(value).every((key, index) => key === `${index}` || key === `[]${index}`);
  return isList ? Object.values(value) : undefined;
}

/** Whether it was sent with `[]`, as only lists are. */
export const isBareList = (value: Form): boolean => Object.keys(value).some((key) => key.startsWith('[]'));

/** Equal for equal parameters in any order. */
export function canonicalForm(value: FormValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalForm(inner)}`).join(',')}}`;
}

export function emptyForm(): Form {
  // Without a prototype, `__proto__` and `constructor` are ordinary names.
  return Object.create(null) as Form;
}

/** Deeper than any Stripe parameter. Without a limit, a hostile name overflows the stack. */
const MAX_DEPTH = 10;

function put(form: Form, name: string, value: string): void {
  const [root = '', ...parts] = readPath(name);
  let node = form;
  let key = root;
  for (const part of parts) {
    const inner = (node[key] ??= emptyForm());
    if (typeof inner === 'string') throw malformed(root);
    node = inner;
    key = part === '' ? `[]${Object.keys(node).length}` : part;
  }
  if (typeof node[key] === 'object') throw malformed(root);
  node[key] = value;
}

function readPath(name: string): string[] {
  const [, root, brackets = ''] = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name) ?? [];
  const parts = Array.from(brackets.matchAll(/\[([^\]]*)\]/g), ([, part = '']) => part);
  if (root === undefined || parts.length >= MAX_DEPTH) throw malformed(name.split('[', 1)[0]);
  return [root, ...parts];
}

const decodePart = (text: string): string => decode(() => decodeURIComponent(text.replaceAll('+', ' ')));
const decodeUtf8 = (body: Buffer): string => decode(() => new TextDecoder('utf-8', { fatal: true }).decode(body));

function decode(attempt: () => string): string {
  try {
    return attempt();
  } catch {
    throw malformed();
  }
}

function malformed(param?: string): Refusal {
  const hint = 'check that your POST content type is application/x-www-form-urlencoded';
  const help = 'If you have any questions, we can help at https://support.stripe.com/.';
  return new Refusal(400, `Invalid request (${hint}). ${help}`, { param });
}
