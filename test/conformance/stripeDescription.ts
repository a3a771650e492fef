import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { STRIPE_DESCRIPTION } from './judges.ts';

/** What Stripe's OpenAPI description says of `POST /v1/payment_intents`. */
export interface StripeDescription {
  version: string;
  /** What is wrong with a form-encoded body: empty when nothing is. */
  findRequestFaults: (form: string) => string[];
  /** What is wrong with the JSON of an answer, among it fields that the description doesn't know. */
  findResponseFaults: (status: number, body: string) => string[];
}

export function stripeDescription(): StripeDescription {
  const document = JSON.parse(readFileSync(STRIPE_DESCRIPTION, 'utf8')) as Description;
  const { requestBody, responses } = document.paths['/v1/payment_intents'].post;
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema({ $id: 'stripe', components: translated(document.components, 'answer') as object });

  const requestSchema = requestBody.content['application/x-www-form-urlencoded'].schema;
  const request = ajv.compile(translated(requestSchema, 'request') as object);
  const answers = { good: answer('200'), bad: answer('default') };

  function answer(status: '200' | 'default') {
    const { $ref } = responses[status].content['application/json'].schema;
    const name = $ref.split('/').at(-1)!;
    const known = Object.keys(document.components.schemas[name]!.properties);
    return { validate: ajv.compile({ $ref: `stripe${$ref}` }), known };
  }

  return {
    version: document.info.version,
    findRequestFaults: (form) => faults(request, shaped(decoded(form), requestSchema)),
    findResponseFaults(status, body) {
      const { validate, known } = status === 200 ? answers.good : answers.bad;
      const value = JSON.parse(body) as object;
      const unknown = Object.keys(value).filter((name) => !known.includes(name));
      return [...faults(validate, value), ...unknown.map((name) => `/${name} is unknown`)];
    },
  };
}

interface Description {
  info: { version: string };
  paths: {
    '/v1/payment_intents': {
      post: {
        requestBody: { content: { 'application/x-www-form-urlencoded': { schema: Schema } } };
        responses: Record<'200' | 'default', { content: { 'application/json': { schema: { $ref: string } } } }>;
      };
    };
  };
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
 * OpenAPI 3.0 as JSON Schema: all that Stripe's description uses of what the two differ in is `nullable`.
 *
 * Enums that Stripe marks as open (`x-stripeBypassValidation`) are open in answers. In requests they are held closed.
 */
function translated(node: unknown, part: 'request' | 'answer'): unknown {
  if (Array.isArray(node)) return node.map((inner) => translated(inner, part));
  if (typeof node !== 'object' || node === null) return node;
  const isOpen = part === 'answer' && 'x-stripeBypassValidation' in node;
  const { nullable, ...schema } = Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => !(isOpen && key === 'enum'))
      .map(([key, value]) => [key, translated(value, part)]),
  ) as Record<string, unknown>;
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema;
}

// Not the fake's decoder, which has the mistakes that are looked for here.

interface Branch {
  [name: string]: string | Branch;
}

/** `a[b]=1&c[0]=2` as nested objects; the items of `a[]` have keys that nobody can write, `[]0` and `[]1`. */
function decoded(form: string): Branch {
  const root: Branch = Object.create(null);
  for (const [name, value] of new URLSearchParams(form)) {
    const path = name.replaceAll(']', '').split('[');
    let node = root;
    for (const part of path.slice(0, -1)) {
      const inner: string | Branch = node[part] ?? (Object.create(null) as Branch);
      node[part] = inner;
      // A value that is an object, too, is neither: the text is lost here, and what is left breaks the schema.
      node = typeof inner === 'string' ? (Object.create(null) as Branch) : inner;
    }
    node[path.at(-1) || `[]${Object.keys(node).length}`] = value;
  }
  return root;
}

/** The values with the types that the schema asks for, where their text can be read as such. */
function shaped(value: string | Branch, schema: Schema | boolean | undefined): unknown {
  if (typeof schema !== 'object') return value;
  if (typeof value === 'string') {
    if (schema.type === 'integer' && /^[+-]?\d+$/.test(value)) return Number(value);
    return schema.type === 'boolean' && /^(true|false)$/.test(value) ? value === 'true' : value;
  }
  const entries = Object.entries(value);
  const isBare = entries.some(([key]) => key.startsWith('[]'));
  const isIndexed = schema.type === 'array' && entries.every(([key], index) => key === `${index}`);
  if (isBare || isIndexed) return entries.map(([, item]) => shaped(item, schema.items));
  return Object.fromEntries(
    entries.map(([key, inner]) => [key, shaped(inner, schema.properties?.[key] ?? schema.additionalProperties)]),
  );
}
