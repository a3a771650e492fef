import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { gatewayCalls } from '../support/gatewayCalls.ts';
import { STRIPE_DESCRIPTION } from './judges.ts';

/** Validates the requests that create an intent, and their responses, against Stripe's OpenAPI description. */
export interface StripeDescription {
  version: string;
  /** Violations in the form-encoded body of a creation; empty if it is valid. */
  findRequestFaults: (request: { path: string; body: string }) => string[];
  /** Violations in the JSON of a response from this path, including fields that are not in the description. */
  findResponseFaults: (path: string, status: number, body: string) => string[];
}

export function stripeDescription(): StripeDescription {
  const document = JSON.parse(readFileSync(STRIPE_DESCRIPTION, 'utf8')) as Description;
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema({ $id: 'stripe', components: toJsonSchema(document.components, 'response') as object });
  const creations = Object.values(gatewayCalls).map(({ path }) => ({ path, ...readCreation(document, ajv, path) }));
  // Errors have the same schema everywhere.
  const at = (path: string) => creations.find((creation) => creation.path === path) ?? creations[0]!;

  return {
    version: document.info.version,
    findRequestFaults: ({ path, body }) => at(path).findRequestFaults(body),
    findResponseFaults: (path, status, body) => at(path).findResponseFaults(status, body),
  };
}

function readCreation(document: Description, ajv: Ajv2020, path: string) {
  const { requestBody, responses } = document.paths[path]!.post;

  const requestSchema = requestBody.content['application/x-www-form-urlencoded'].schema;
  const request = ajv.compile(toJsonSchema(requestSchema, 'request') as object);
  const validators = { success: responseValidator('200'), error: responseValidator('default') };

  function responseValidator(status: '200' | 'default') {
    const { $ref } = responses[status].content['application/json'].schema;
    const name = $ref.split('/').at(-1)!;
    const known = Object.keys(document.components.schemas[name]!.properties);
    return { validate: ajv.compile({ $ref: `stripe${$ref}` }), known };
  }

  return {
    findRequestFaults: (form: string) => faults(request, coerceTypes(decodeForm(form), requestSchema)),
    findResponseFaults(status: number, body: string) {
      const { validate, known } = status === 200 ? validators.success : validators.error;
      const value = JSON.parse(body) as object;
      const unknown = Object.keys(value).filter((name) => !known.includes(name));
      return [...faults(validate, value), ...unknown.map((name) => `/${name} is unknown`)];
    },
  };
}

interface Description {
  info: { version: string };
  paths: Record<
    string,
    {
      post: {
        requestBody: { content: { 'application/x-www-form-urlencoded': { schema: Schema } } };
        responses: Record<'200' | 'default', { content: { 'application/json': { schema: { $ref: string } } } }>;
      };
    }
  >;
  components: { schemas: Record<string, { properties: Record<string, Schema> }> };
}

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
}

function faults(validate: ValidateFunction, value: unknown): string[] {
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/**
 * Converts OpenAPI 3.0 to JSON Schema. Of the differences between the two, Stripe's description uses only `nullable`.
 *
 * Enums that Stripe marks as open (`x-stripeBypassValidation`) stay open in responses and are closed in requests.
 */
function toJsonSchema(node: unknown, direction: 'request' | 'response'): unknown {
  if (Array.isArray(node)) return node.map((inner) => toJsonSchema(inner, direction));
  if (typeof node !== 'object' || node === null) return node;
  const isOpen = direction === 'response' && 'x-stripeBypassValidation' in node;
  const { nullable, ...schema } = Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => !(isOpen && key === 'enum'))
      .map(([key, value]) => [key, toJsonSchema(value, direction)]),
  ) as Record<string, unknown>;
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema;
}

// Not the decoder of the fake, whose defects these tests look for.

interface Branch {
  [name: string]: string | Branch;
}

/** `a[b]=1&c[0]=2` as nested objects; the items of `a[]` get keys that no form can contain, `[]0` and `[]1`. */
function decodeForm(form: string): Branch {
  const root: Branch = Object.create(null);
  for (const [name, value] of new URLSearchParams(form)) {
    const path = name.replaceAll(']', '').split('[');
    let node = root;
    for (const part of path.slice(0, -1)) {
      const inner: string | Branch = node[part] ?? (Object.create(null) as Branch);
      node[part] = inner;
      // A name used both as a value and as an object is invalid: the text is dropped, and the rest violates the schema.
      node = typeof inner === 'string' ? (Object.create(null) as Branch) : inner;
    }
    node[path.at(-1) || `[]${Object.keys(node).length}`] = value;
  }
  return root;
}

/** Converts texts to the types in the schema, if they can be parsed as such. */
function coerceTypes(value: string | Branch, schema: Schema | boolean | undefined): unknown {
  if (typeof schema !== 'object') return value;
  if (typeof value === 'string') {
    if (schema.type === 'integer' && /^[+-]?\d+$/.test(value)) return Number(value);
    return schema.type === 'boolean' && /^(true|false)$/.test(value) ? value === 'true' : value;
  }
  const entries = Object.entries(value);
  const isBare = entries.some(([key]) => key.startsWith('[]'));
  const isIndexed = schema.type === 'array' && entries.every(([key], index) => key === `${index}`);
  if (isBare || isIndexed) return entries.map(([, item]) => coerceTypes(item, schema.items));
  return Object.fromEntries(
    entries.map(([key, inner]) => [key, coerceTypes(inner, schema.properties?.[key] ?? schema.additionalProperties)]),
  );
}
