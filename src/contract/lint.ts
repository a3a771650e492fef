import type { Dereferenced, Operation, Schema } from './document.ts';
import { bodyProblemNames, sharedProblemNames } from './problems.ts';

/** A fault of the contract. */
export interface ContractIssue {
  /** Names the operation. */
  text: string;
  /** The keys from the root to the fault, through `$ref`. */
  path: readonly string[];
}

/** A contract that can't be served. */
export class ContractError extends Error {
  readonly issues: readonly ContractIssue[];
  constructor(summary: string, issues: readonly ContractIssue[]) {
    super(`${summary}:\n- ${issues.map(({ text }) => text).join('\n- ')}`);
    this.name = 'ContractError';
    this.issues = issues;
  }
}

/** The only supported security scheme, by its name in the document. */
export const API_KEY_SCHEME = 'apiKey';

/**
 * Finds everything that the engine would not check or could not respond to: rules that are not enforced, rules without a named
 * 400 example, missing responses, security other than one API key.
 */
export function lint(
  definition: Dereferenced,
  operations: readonly Operation[],
  hasHandler: (id: string) => boolean,
): ContractIssue[] {
  if (operations.length === 0) return [issue('no operation', 'paths')];
  return [
    ...checkIds(operations),
    ...operations.flatMap((operation) =>
      checkOperation(definition, operation, hasHandler).map(({ text, path }) => ({
        text: `${operation.method} ${operation.path}: ${text}`,
        path: ['paths', operation.path, operation.method.toLowerCase(), ...path],
      })),
    ),
  ];
}

const issue = (text: string, ...path: string[]): ContractIssue => ({ text, path });

function checkIds(operations: readonly Operation[]): ContractIssue[] {
  return operations
    .filter(({ id }, index) => operations.findIndex((other) => other.id === id) !== index)
    .map(({ id, path, method }) => issue(`the operationId ${id} is used twice`, 'paths', path, method.toLowerCase()));
}

function checkOperation(
  definition: Dereferenced,
  operation: Operation,
  hasHandler: (id: string) => boolean,
): ContractIssue[] {
  const { id, requestBody, parameters, examples } = operation;
  const names = new Set(examples.map(({ name }) => name));
  const needed = [...sharedProblemNames, ...(requestBody ? bodyProblemNames : [])];
  const badRequests = examples.filter(({ status }) => status === 400).map(({ name }) => name);
  return [
    ...(hasHandler(id) ? [] : [issue(`no handler for the operation ${id}`, 'operationId')]),
    ...(isApiKey(definition, operation) ? [] : [issue('security is not exactly one API key in a header', 'security')]),
    ...needed
      .filter((name) => !names.has(name))
      .map((name) => issue(`no response has an example named ${name}`, 'responses')),
    ...examples
      .filter(({ body }) => typeof body !== 'object' || body === null)
      .map(({ name, status }) => issue(`the example ${name} has no object as its value`, ...examplePath(status, name))),
    ...[...operation.path.matchAll(/\{([^}]+)\}/g)]
      .filter(([, name]) => !parameters.some((parameter) => parameter.in === 'path' && parameter.name === name))
      .map(([, name]) => issue(`the path parameter ${name} is not described`)),
    ...checkBody(requestBody, badRequests),
    ...parameters.flatMap((parameter, index) => checkParameter(parameter, String(index), badRequests)),
  ];
}

function examplePath(status: number, name: string): string[] {
  return ['responses', String(status), 'content', 'application/json', 'examples', name];
}

function isApiKey({ components }: Dereferenced, { security }: Operation): boolean {
  const [requirement, ...alternatives] = security;
  const scheme = components?.securitySchemes?.[API_KEY_SCHEME];
  const isAlone = alternatives.length === 0 && Object.keys(requirement ?? {}).join() === API_KEY_SCHEME;
  return isAlone && scheme?.type === 'apiKey' && scheme.in === 'header';
}

function checkBody(requestBody: Operation['requestBody'], badRequests: readonly string[]): ContractIssue[] {
  if (!requestBody) return [];
  const contents = Object.entries(requestBody.content);
  return [
    ...contents
      .filter(([type]) => type !== 'application/json')
      .map(([type]) => issue(`a body of type ${type} is not read`, 'requestBody', 'content', type)),
    ...(requestBody['x-body-limit-bytes'] ? [] : [issue('no x-body-limit-bytes', 'requestBody')]),
    ...contents.flatMap(([type, { schema }]) =>
      checkSchema(schema ?? {}, type, ['requestBody', 'content', type, 'schema'], badRequests),
    ),
  ];
}

function checkParameter(
  { name, in: place, required, schema }: Operation['parameters'][number],
  index: string,
  badRequests: readonly string[],
): ContractIssue[] {
  const path = ['parameters', index];
  if (!['path', 'query', 'header'].includes(place))
    return [issue(`${name}: a parameter in ${place} is not supported`, ...path)];
  if (!schema) return [issue(`${name}: a parameter without a schema is not supported`, ...path)];
  // `required` can't fail for a path parameter: without it, the path does not match.
  const rules = required && place !== 'path' ? { required, ...schema } : schema;
  return checkSchema(rules, name, [...path, 'schema'], badRequests);
}

/** Keywords that can't fail themselves: descriptions and containers of other schemas. */
const NEVER_FAIL = new Set(
  `title description example examples default deprecated readOnly writeOnly externalDocs
  properties items allOf`.split(/\s+/),
);

/**
 * Keywords that the engine enforces: those that OpenAPI 3.1 shares with JSON Schema draft 7, which openapi-backend's Ajv
 * implements. Other keywords would be ignored, or violationProblem() would find no response for them.
 */
const ENFORCED = new Set(
  `type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern format
  maxItems minItems uniqueItems maxProperties minProperties required propertyNames additionalProperties
  x-whole-cents`.split(/\s+/),
);

/** Formats that the engine checks: our own, and those of openapi-backend. Every JSON number is a `double`. */
const FORMATS = ['unicode', 'int32', 'int64', 'byte', 'double'];

function checkSchema(schema: Schema, place: string, path: string[], badRequests: readonly string[]): ContractIssue[] {
  const problems = schema['x-problems'] ?? {};
  const keywords = Object.keys(schema).filter(
    (keyword) => ENFORCED.has(keyword) || !(keyword.startsWith('x-') || NEVER_FAIL.has(keyword)),
  );
  const issueAt = (keyword: string, text: string) => issue(`${place}: ${text}`, ...path, keyword);
  const canFail = (keyword: string) =>
    ENFORCED.has(keyword) &&
    !(keyword === 'additionalProperties' && schema[keyword] !== false) &&
    !(keyword === 'format' && schema[keyword] === 'double');
  const hasResponse = (keyword: string) =>
    badRequests.includes(typeof problems === 'string' ? problems : (problems[keyword] ?? ''));
  const { format } = schema;
  return [
    ...keywords
      .filter((keyword) => !ENFORCED.has(keyword))
      .map((keyword) => issueAt(keyword, `${keyword} is not supported`)),
    ...(format === undefined || FORMATS.includes(format)
      ? []
      : [issueAt('format', `the format ${format} is not checked; use one of ${FORMATS.join(', ')}`)]),
    ...keywords
      .filter((keyword) => canFail(keyword) && !hasResponse(keyword))
      .map((keyword) => issueAt(keyword, `x-problems names no 400 example for ${keyword}`)),
    ...innerSchemas(schema).flatMap(([keys, inner]) => {
      // The text names a property without the keyword before it.
      const name = keys[0] === 'properties' ? keys[1] : keys[0];
      // `additionalProperties: false` is supported: x-problems names its response.
      if (inner === false && name !== 'additionalProperties') {
        return [issue(`${place}/${name}: a schema that is false is not supported`, ...path, ...keys)];
      }
      return typeof inner === 'object' ? checkSchema(inner, `${place}/${name}`, [...path, ...keys], badRequests) : [];
    }),
  ];
}

type InnerSchema = [keys: string[], schema: Schema | boolean | undefined];

function innerSchemas(schema: Schema): InnerSchema[] {
  return [
    ...Object.entries(schema.properties ?? {}).map(([name, inner]): InnerSchema => [['properties', name], inner]),
    ...(schema.allOf ?? []).map((inner, index): InnerSchema => [['allOf', String(index)], inner]),
    [['items'], schema.items],
    [['propertyNames'], schema.propertyNames],
    [['additionalProperties'], schema.additionalProperties],
  ];
}
