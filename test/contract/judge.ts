import { Ajv2020 } from 'ajv/dist/2020.js';
import { type DocumentedOperation, scenarios } from '../support/contractDocument.ts';
import type { WireResponse } from '../support/exchange.ts';
import type { Case } from './case.ts';

/** One way in which a response differs from the contract. */
export interface Violation {
  /** `status`, `message`, `body`, or the name of a header. */
  part: string;
  expected: string;
  /** Undefined where it is missing. */
  got?: string;
}

// Not the server's Ajv, but an instance for the dialect of OpenAPI 3.1.
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });

/** The client secret, the only part of a body that differs between responses. */
const SECRET = /"(?:pi|seti)_[A-Za-z0-9]+_secret_[A-Za-z0-9]+"/;

/** The body as text, with the client secret masked. */
export const maskSecret = (text: string): string => text.replace(SECRET, '"<secret>"');

/** The client secret in a body. */
export const readSecret = (text: string): string | undefined => SECRET.exec(text)?.[0].slice(1, -1);

/** The text with all client secrets masked, wherever a response may contain them. */
export const hideClientSecrets = (text: string): string =>
  // The pattern is slow on the long texts of some cases, which have none.
  text.includes('_secret_')
    ? text.replace(/[^"\s]{0,99}_secret_[^"\s]*/g, (found) =>
        SECRET.test(`"${found}"`) ? '<secret>' : '<malformed secret>',
      )
    : text;

/** The named example of an operation, with its status and headers. */
export const findScenario = (operation: DocumentedOperation, example: string) =>
  scenarios.find((known) => known.operation === operation && known.example === example)!;

/** For people: which case this is. */
export const describeCase = ({ operation, example, title }: Pick<Case, 'operation' | 'example' | 'title'>): string =>
  `${operation.operationId} ${findScenario(operation, example).status} ${example}: ${title}`;

/** Throws unless the response is this example of the contract. */
export const expectExample = (response: WireResponse, operation: DocumentedOperation, example: string): void =>
  expectNone(judgeExample(response, operation, example));

/** Throws unless the contract allows this response: status, media type, body and headers. */
export const expectDocumented = (response: WireResponse, operation: DocumentedOperation): void =>
  expectNone(judgeDocumented(response, operation));

function expectNone(violations: readonly Violation[]): void {
  if (violations.length > 0) throw new Error(violations.map(describeViolation).join('\n'));
}

export const describeViolation = ({ part, expected, got }: Violation): string =>
  got === undefined ? `${part}: expected ${expected}, and it is missing` : `${part}: expected ${expected}, got ${got}`;

/** All differences between the response and this example of the contract. White space between the parts of a body is free. */
export function judgeExample(response: WireResponse, operation: DocumentedOperation, example: string): Violation[] {
  const { status, body, headers } = findScenario(operation, example);
  if (response.status !== status) {
    // The rest is judged as what the status claims. Where that is not documented, the expected headers still apply.
    return [
      { part: 'status', expected: String(status), got: String(response.status) },
      ...(operation.responses[response.status]
        ? judgeDocumented(response, operation)
        : judgeHeaders(response, operation, status)),
    ];
  }
  const values = Object.entries(headers).flatMap(([name, value]) => {
    const { schema } = operation.responses[status]!.headers[name]!;
    // A number may vary: that it is one is checked with the other headers.
    return isNumeric(schema) ? [] : judgeHeaderValue(response, name, value);
  });
  const named = new Set(values.map(({ part }) => part));
  return [
    ...judgeMediaType(response),
    ...(response.isHead ? [] : judgeBody(response, body)),
    ...values,
    ...judgeHeaders(response, operation, status).filter(({ part }) => !named.has(part)),
  ];
}

/** All differences between the response and what the contract says of its status. */
function judgeDocumented(response: WireResponse, operation: DocumentedOperation): Violation[] {
  const documented = operation.responses[response.status];
  if (documented === undefined) {
    const expected = `one of ${Object.keys(operation.responses).join(', ')}`;
    return [{ part: 'status', expected, got: String(response.status) }];
  }
  const errors = response.isHead ? [] : bodyErrors(response.text, documented.content['application/json'].schema);
  return [
    ...judgeMediaType(response),
    ...errors.map((error) => ({
      part: 'body',
      expected: `what the contract documents for ${response.status}`,
      got: `${response.text} (${error})`,
    })),
    ...judgeHeaders(response, operation, response.status),
  ];
}

function bodyErrors(text: string, schema: object): string[] {
  const body = parseJson(text);
  return body === undefined ? ['no JSON'] : describeErrors(schema, body);
}

/** RFC 8259 defines no charset for JSON, which is UTF-8; naming UTF-8 is common. */
const JSON_MEDIA_TYPE = /^application\/json[ \t]*(;[ \t]*charset=("?)utf-8\2[ \t]*)?$/i;

function judgeMediaType({ headers }: WireResponse): Violation[] {
  const value = headers['content-type'];
  if (typeof value === 'string' && JSON_MEDIA_TYPE.test(value.trim())) return [];
  return [violation('Content-Type', 'application/json', value && JSON.stringify(value))];
}

function judgeBody({ text }: WireResponse, expected: object): Violation[] {
  const body = parseJson(text);
  if (body === undefined) return [violation('body', maskSecret(JSON.stringify(expected)), `no JSON: ${text}`)];
  const [right, got] = [JSON.stringify(expected), JSON.stringify(body)].map(maskSecret) as [string, string];
  if (right === got) return [];
  const { message } = expected as { message?: string };
  const theirs = (body as Record<string, unknown> | null)?.['message'];
  // Only the words differ.
  return message !== undefined && got === maskSecret(JSON.stringify({ ...expected, message: theirs }))
    ? [violation('message', JSON.stringify(message), JSON.stringify(theirs))]
    : [violation('body', right, got)];
}

function judgeHeaders(response: WireResponse, { responses }: DocumentedOperation, status: number): Violation[] {
  return Object.entries(responses[status]!.headers).flatMap(([name, { required, schema }]) => {
    const value = response.headers[name.toLowerCase()];
    if (value === undefined) return required ? [violation(name, describeSchema(schema))] : [];
    const isValid = describeErrors(schema, readHeader(value, schema)).length === 0;
    return isValid ? [] : [violation(name, describeSchema(schema), JSON.stringify(value))];
  });
}

/** A list, as in `Allow`, in any order. */
function judgeHeaderValue({ headers }: WireResponse, name: string, expected: string): Violation[] {
  const value = headers[name.toLowerCase()];
  if (value !== undefined && sortItems(String(value)) === sortItems(expected)) return [];
  return [violation(name, expected, value === undefined ? undefined : JSON.stringify(value))];
}

const sortItems = (list: string): string =>
  list
    .split(',')
    .map((item) => item.trim())
    .toSorted()
    .join();

const violation = (part: string, expected: string, got?: string): Violation => ({
  part,
  expected,
  ...(got !== undefined && { got }),
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function describeErrors(schema: object, value: unknown): string[] {
  const validate = ajv.compile(schema);
  validate(value);
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`.trim());
}

interface HeaderSchema {
  type?: string;
  enum?: string[];
}
const isNumeric = (schema: HeaderSchema) => schema.type === 'integer';

const describeSchema = (schema: HeaderSchema): string =>
  schema.enum?.join(' or ') ?? (isNumeric(schema) ? 'a whole number' : 'a value');

/** A header is text; where the contract says integer, its digits are read as one. */
const readHeader = (value: string | string[], schema: HeaderSchema): unknown =>
  isNumeric(schema) && /^\d+$/.test(String(value)) ? Number(value) : value;
