import type { ErrorObject } from 'ajv';
import { OpenAPIRouter, OpenAPIValidator } from 'openapi-backend';
import type { OperationId, OperationRequest, Success } from './handler.ts';
import { isWholeCents } from '../payments/money.ts';
import { Problem, problemNames, type ProblemName } from './problems.ts';
import { dereference } from './references.ts';

/** The contract, opened: what it asks of a request, in the order in which it is asked, and what it answers. */
export interface Contract {
  operations: readonly Operation[];
  /** The answer to a request that belongs to no operation. */
  response(problem: ProblemName): ContractResponse;
}

export interface Operation {
  id: OperationId;
  /** Upper case. */
  method: string;
  /** As in the contract: `/things/{id}`. */
  path: string;
  /** The header that carries the API key, in lower case. */
  apiKeyHeader: string;
  /** Undefined where the operation takes no body. */
  bodyLimitBytes: number | undefined;
  /** The media types that a body may have, in lower case. */
  mediaTypes: readonly string[];
  /** The examples that the contract names for this operation, in its order. */
  scenarios: readonly Scenario[];
  /** What the contract allows as an answer, by status. */
  responses: Readonly<Record<string, DocumentedResponse>>;
  /**
   * Reads the body, checks it and the headers, and carries the operation out.
   *
   * Throws a Problem for the first rule of the contract that the request breaks: body before headers, fields in the contract's order.
   */
  run(request: RawRequest): Promise<Success<OperationId>>;
  /** The answer that stands in the contract under this example's name. */
  response(example: string): ContractResponse;
}

export interface Scenario {
  status: number;
  example: string;
}

interface RawRequest {
  tenant: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The bytes as they came; undefined or empty where there was no body. */
  body: Uint8Array | undefined;
  /** Whether the client has closed its side of the connection. */
  isAbandoned?: () => boolean;
}

export interface ContractResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: object;
}

/**
 * Opens the contract: compiles its rules and finds its answers, once.
 *
 * Throws one ContractError that names every rule without an answer, every answer that code needs and the contract lacks,
 * every operation without a handler, and every security requirement that would not be checked.
 */
export async function openContract(document: object, findHandler: FindHandler): Promise<Contract> {
  const definition = dereference(document) as never;
  const router = new OpenAPIRouter({ definition });
  const engine = new Engine({
    definition,
    router,
    // Only requests are checked by it, and each operation's rules are compiled below: no answer's, which takes seconds
    // where there are some hundred operations.
    lazyCompileValidators: true,
    // strictNumbers: 1e400 is Infinity, and no number. allErrors: the contract says which of several violations answers.
    // validateSchema: the schemas were checked where generated/ is made, and one that makes no sense does not compile.
    ajvOpts: { verbose: true, allErrors: true, strictNumbers: true, validateSchema: false },
    customizeAjv: (ajv) =>
      ajv
        .addFormat('usd', { type: 'number', validate: isWholeCents })
        .addFormat('unicode', (text: string) => text.isWellFormed()),
  });
  const described = router.getOperations() as unknown as DescribedOperation[];
  const schemes = (definition as DescribedDocument).components?.securitySchemes ?? {};
  const examples = new Map(described.flatMap(readExamples));
  const issues = [
    ...problemNames
      .filter((name) => !examples.has(name))
      .map((name) => ({ text: `no response has an example named ${name}`, path: ['components', 'responses'] })),
    ...[...examples]
      .filter(([, { body }]) => !isObject(body))
      .map(([name]) => ({ text: `the example ${name} has no object as its value`, path: ['components', 'responses'] })),
    ...described.flatMap((operation) => findIssues(operation, findHandler, schemes)),
  ];
  if (issues.length > 0) throw new ContractError("The contract can't be served", issues);
  return {
    operations: described.map((operation) =>
      openOperation(operation, findHandler(operation.operationId)!, schemes, engine),
    ),
    response: (problem) => examples.get(problem)!,
  };
}

/** The handler of an operation; undefined, and the contract does not open, where there is none. */
export type FindHandler = (id: OperationId) => AnyHandler | undefined;

/** A handler of one operation or another: which one decides what it takes. */
type AnyHandler = (request: never) => Promise<Success<OperationId>>;

/** openapi-backend's validators, one Ajv for all operations: it makes one for each, which is most of the time to start. */
class Engine extends OpenAPIValidator {
  readonly #ajvByPurpose = new Map<unknown, ReturnType<OpenAPIValidator['getAjv']>>();

  override getAjv(...[purpose, options]: Parameters<OpenAPIValidator['getAjv']>) {
    const ajv = this.#ajvByPurpose.get(purpose) ?? super.getAjv(purpose, options);
    this.#ajvByPurpose.set(purpose, ajv);
    return ajv;
  }
}

function openOperation(
  operation: DescribedOperation,
  handle: AnyHandler,
  schemes: ApiKeySchemes,
  engine: Engine,
): Operation {
  const { operationId: id, requestBody } = operation;
  const bodySchema = requestBody?.content['application/json']?.schema;
  const validators = engine.buildRequestValidatorsForOperation(operation as never) ?? [];
  const examples = new Map(readExamples(operation));
  const headerSchemas = new Map((operation.parameters ?? []).map(({ name, schema }) => [name.toLowerCase(), schema]));
  return {
    id,
    method: operation.method.toUpperCase(),
    path: operation.path,
    apiKeyHeader: apiKeySchemes(operation, schemes)[0]!.name.toLowerCase(),
    bodyLimitBytes: requestBody?.['x-body-limit-bytes'],
    mediaTypes: Object.keys(requestBody?.content ?? {}).map((type) => type.toLowerCase()),
    scenarios: listScenarios(operation),
    responses: operation.responses,
    async run({ tenant, headers, body: bytes, isAbandoned }) {
      const body = bodySchema && truncate(parseJson(bytes), bodySchema);
      for (const validate of validators) {
        const isValid = validate({ requestBody: body, header: headers, path: {}, query: {}, cookie: {} });
        if (isValid) continue;
        const errors = validate.errors!;
        throw Problem.ofRule(selectProblem(errors, headerSchemas), () => describeErrors(errors));
      }
      const checked: { [field in keyof OperationRequest<OperationId>]: unknown } = {
        operationId: id,
        tenant,
        body,
        headers,
        ...(isAbandoned && { isAbandoned }),
      };
      // What was checked has the operation's types.
      return handle(checked as never);
    },
    response(example) {
      const response = examples.get(example);
      if (!response) throw new Error(`${id}: no response has an example named ${example}`);
      return response;
    },
  };
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null;

// --- the body ---

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** JSON in UTF-8. No body is read as an empty object, so that the answer names the first field that is missing. */
function parseJson(bytes: Uint8Array | undefined): unknown {
  if (!bytes?.length) return {};
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (error) {
    // The parser's words quote the body: they are no cause, which would be logged.
    throw new Problem('invalidBody', { detail: () => (error as Error).message });
  }
}

/**
 * The value, cut to one past what its schema allows: refused all the same, and at a bounded cost.
 *
 * All violations are collected, and 128 KiB of `[1,1,1,…]` would make 131,000 of them.
 */
function truncate(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) {
    return value.length > (schema.maxItems ?? Infinity) ? value.slice(0, schema.maxItems! + 1) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const keys = schema.maxProperties === undefined ? [] : Object.keys(value);
  if (keys.length > (schema.maxProperties ?? Infinity)) {
    return Object.fromEntries(Object.entries(value).slice(0, schema.maxProperties! + 1));
  }
  const object = value as Record<string, unknown>;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (Object.hasOwn(object, name)) object[name] = truncate(object[name], property);
  }
  return value;
}

// --- which violation gets which answer ---

/** The first value that breaks a rule answers; where it breaks several, the name that its schema lists first. */
function selectProblem(errors: readonly ErrorObject[], headerSchemas: ReadonlyMap<string, Schema>): string {
  const [first] = errors as [ErrorObject];
  // A header that is missing breaks a rule of the engine's own, around those of the contract.
  const schema: Schema = headerSchemas.get(first.params['missingProperty']) ?? first.parentSchema!;
  const problems = schema['x-problems']!;
  if (typeof problems === 'string') return problems;
  const isBroken = (keyword: string) =>
    errors.some(
      (error) =>
        error.keyword === keyword &&
        error.parentSchema === first.parentSchema &&
        error.instancePath === first.instancePath,
    );
  return problems[Object.keys(problems).find(isBroken)!]!;
}

/** `body/amount must be >= 0.5`: every violation, in the validator's words. */
function describeErrors(errors: readonly ErrorObject[]): string {
  const words = errors.map(({ instancePath, message }) => `${instancePath.slice(1)} ${message}`);
  return words.join('; ').replaceAll('requestBody', 'body');
}

// --- what the contract says, and what it fails to say ---

/** Something that is missing in the contract, or wrong. */
export interface ContractIssue {
  /** What is wrong, and for which operation. */
  text: string;
  /** Where it stands: the keys on the way from the root, references followed. */
  path: readonly string[];
}

/** A contract that can't be served: all of its faults, and where they stand. */
export class ContractError extends Error {
  readonly issues: readonly ContractIssue[];
  constructor(summary: string, issues: readonly ContractIssue[]) {
    super(`${summary}:\n- ${issues.map(({ text }) => text).join('\n- ')}`);
    this.name = 'ContractError';
    this.issues = issues;
  }
}

const issue = (text: string, ...path: string[]): ContractIssue => ({ text, path });

function findIssues(operation: DescribedOperation, findHandler: FindHandler, schemes: ApiKeySchemes): ContractIssue[] {
  const where = `${operation.method.toUpperCase()} ${operation.path}`;
  const bodies = Object.entries(operation.requestBody?.content ?? {});
  const parameters = (operation.parameters ?? []).map((parameter, index) => ({ ...parameter, index: String(index) }));
  const refusals = listScenarios(operation)
    .filter(({ status }) => status === 400)
    .map(({ example }) => example);
  return [
    ...(findHandler(operation.operationId)
      ? []
      : [issue(`no handler for the operation ${operation.operationId}`, 'operationId')]),
    ...(apiKeySchemes(operation, schemes).length === 1
      ? []
      : [issue('security is not exactly one API key in a header', 'security')]),
    ...parameters
      .filter((parameter) => parameter.in !== 'header')
      .map(({ index }) => issue('a parameter is not in a header', 'parameters', index)),
    ...bodies
      .filter(([type]) => type !== 'application/json')
      .map(([type]) => issue(`a body of type ${type} is not read`, 'requestBody', 'content', type)),
    ...(bodies.length > 0 && !operation.requestBody?.['x-body-limit-bytes']
      ? [issue('no x-body-limit-bytes', 'requestBody')]
      : []),
    ...bodies.flatMap(([type, { schema }]) =>
      findRulesWithoutProblem(schema, type, ['requestBody', 'content', type, 'schema'], refusals),
    ),
    ...parameters
      .filter((parameter) => parameter.in === 'header')
      .flatMap(({ name, schema, required, index }) =>
        findRulesWithoutProblem(
          required ? { required, ...schema } : schema,
          name,
          ['parameters', index, 'schema'],
          refusals,
        ),
      ),
  ].map(({ text, path }) => ({
    text: `${where}: ${text}`,
    path: ['paths', operation.path, operation.method.toLowerCase(), ...path],
  }));
}

/** The API key schemes that must be met; empty where the contract asks for anything else. */
function apiKeySchemes(operation: DescribedOperation, schemes: ApiKeySchemes): ApiKeyScheme[] {
  const [requirement, ...alternatives] = operation.security ?? [];
  if (!requirement || alternatives.length > 0) return [];
  const required = Object.keys(requirement).map((name) => schemes[name]);
  return required.every((scheme) => scheme?.type === 'apiKey' && scheme.in === 'header')
    ? (required as ApiKeyScheme[])
    : [];
}

/** Keywords that describe or hold other schemas: they can't fail themselves. */
const NEVER_FAIL = new Set([
  'title',
  'description',
  'example',
  'examples',
  'default',
  'deprecated',
  'properties',
  'items',
  'allOf',
]);

/** Keywords whose inner schemas would be compiled, but not looked into here. */
const NOT_READ = ['anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'contains', 'patternProperties', 'dependencies'];

function findRulesWithoutProblem(
  schema: Schema,
  place: string,
  path: readonly string[],
  refusals: readonly string[],
): ContractIssue[] {
  const problems = schema['x-problems'] ?? {};
  const rules = Object.keys(schema).filter(
    (keyword) =>
      !keyword.startsWith('x-') &&
      !NEVER_FAIL.has(keyword) &&
      !(keyword === 'additionalProperties' && schema[keyword] !== false),
  );
  const unanswered = rules.filter(
    (keyword) => !refusals.includes(typeof problems === 'string' ? problems : (problems[keyword] ?? '')),
  );
  const inner: [string[], Schema | boolean | undefined][] = [
    ...Object.entries(schema.properties ?? {}).map(([name, part]): [string[], Schema] => [['properties', name], part]),
    ...(schema.allOf ?? []).map((part, index): [string[], Schema] => [['allOf', String(index)], part]),
    [['items'], schema.items],
    [['propertyNames'], schema.propertyNames],
    [['additionalProperties'], schema.additionalProperties],
  ];
  const broken = (keyword: string, text: string) => issue(`${place}: ${text}`, ...path, keyword);
  return [
    ...NOT_READ.filter((keyword) => keyword in schema).map((keyword) => broken(keyword, `${keyword} is not supported`)),
    ...unanswered.map((keyword) => broken(keyword, `x-problems names no 400 example for ${keyword}`)),
    ...inner.flatMap(([keys, part]) => {
      // In words, a property is known by its name alone.
      const name = keys[0] === 'properties' ? keys[1] : keys[0];
      const inside = `${place}/${name}`;
      // As additionalProperties it is a rule like others, which names its answer.
      if (part === false && name !== 'additionalProperties') {
        return [issue(`${inside}: a schema that is false is not supported`, ...path, ...keys)];
      }
      return typeof part === 'object' ? findRulesWithoutProblem(part, inside, [...path, ...keys], refusals) : [];
    }),
  ];
}

function listScenarios(operation: DescribedOperation): Scenario[] {
  return readExamples(operation).map(([example, { status }]) => ({ status, example }));
}

function readExamples(operation: DescribedOperation): [string, ContractResponse][] {
  return Object.entries(operation.responses).flatMap(([status, response]) =>
    Object.entries(response.content?.['application/json']?.examples ?? {}).map(
      ([name, example]): [string, ContractResponse] => [
        name,
        { status: Number(status), headers: example['x-headers'] ?? {}, body: example.value },
      ],
    ),
  );
}

// What we read of the document, after its references are resolved.

interface DescribedDocument {
  components?: { securitySchemes?: ApiKeySchemes };
}
type ApiKeySchemes = Record<string, ApiKeyScheme | undefined>;
interface ApiKeyScheme {
  type: string;
  in: string;
  name: string;
}
interface DescribedOperation {
  operationId: OperationId;
  method: string;
  path: string;
  security?: Record<string, string[]>[];
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }>; 'x-body-limit-bytes'?: number };
  responses: Record<string, DocumentedResponse>;
}
export interface DocumentedResponse {
  content?: Record<string, { schema?: Schema; examples?: Record<string, NamedExample> }>;
  headers?: Record<string, { required?: boolean; schema: Schema }>;
}
interface NamedExample {
  value: object;
  'x-headers'?: Record<string, string>;
}
interface Schema {
  [keyword: string]: unknown;
  'x-problems'?: string | Record<string, string>;
  maxItems?: number;
  maxProperties?: number;
  properties?: Record<string, Schema>;
  items?: Schema;
  allOf?: Schema[];
  propertyNames?: Schema;
  additionalProperties?: Schema | boolean;
}
