import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { type DocumentedOperation, scenarios } from '../support/contractDocument.ts';
import type { WireResponse } from '../support/exchange.ts';

// Not the server's Ajv, but an instance for the dialect of OpenAPI 3.1.
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });

/** The client secret, the only part of a body that differs between responses. */
const SECRET = /"(?:pi|seti)_[A-Za-z0-9]+_secret_[A-Za-z0-9]+"/;

/** The body as text, with the client secret masked. */
export const maskSecret = (text: string): string => text.replace(SECRET, '"<secret>"');

/** The text with the API key and all client secrets masked, wherever a response may contain them. */
export const hideSecrets = (text: string, apiKey: string): string =>
  text
    .replaceAll(apiKey, '$API_KEY')
    .replace(/[^"\s]{0,99}_secret_[^"\s]*/g, (found) =>
      SECRET.test(`"${found}"`) ? '<secret>' : '<malformed secret>',
    );

/** The named example of an operation, with its status and headers. */
export const findScenario = (operation: DocumentedOperation, example: string) =>
  scenarios.find((known) => known.operation === operation && known.example === example)!;

/** Fails unless the response is this example of the contract, to the byte. */
export function expectExample(response: WireResponse, operation: DocumentedOperation, example: string): void {
  const scenario = findScenario(operation, example);
  expect({ status: response.status, body: maskSecret(response.text) }).toEqual({
    status: scenario.status,
    body: maskSecret(JSON.stringify(scenario.body)),
  });
  expect(Object.keys(response.headers)).toEqual(
    expect.arrayContaining(Object.keys(scenario.headers).map((name) => name.toLowerCase())),
  );
  if (scenario.status >= 300) expect(response.headers['x-error-code']).toBe(example);
  expectDocumented(response, operation);
}

/** Fails unless the contract allows this response: status, media type, body and headers. */
export function expectDocumented(response: WireResponse, operation: DocumentedOperation): void {
  const documented = operation.responses[response.status];
  expect(documented, `${response.status} is not documented for ${operation.operationId}`).toBeDefined();
  expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(violations(documented!.content['application/json'].schema, JSON.parse(response.text))).toEqual([]);
  for (const [name, header] of Object.entries(documented!.headers)) {
    const value = response.headers[name.toLowerCase()];
    if (header.required) expect(value, `header ${name}`).toBeDefined();
    if (value !== undefined) expect(violations(header.schema, headerValue(value, header.schema)), name).toEqual([]);
  }
}

function violations(schema: object, value: unknown): string[] {
  const validate = ajv.compile(schema);
  validate(value);
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}

/** A header is text; where the contract says integer, its digits are read as one. */
function headerValue(value: string | string[], schema: object): unknown {
  return (schema as { type?: string }).type === 'integer' && /^\d+$/.test(String(value)) ? Number(value) : value;
}
