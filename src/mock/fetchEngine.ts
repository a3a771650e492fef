import type { ErrorObject, ValidateFunction } from 'ajv';
import { dereference, readOperations, type Operation, type RequestBody } from '../contract/document.ts';
import type { OperationResponse } from '../contract/engine.ts';
import { readIdempotencyKey } from '../contract/idempotencyKey.ts';
import { readJson } from '../contract/json.ts';
import { API_KEY_SCHEME } from '../contract/lint.ts';
import { Problem } from '../contract/problems.ts';
import type { EngineRequest } from '../contract/router.ts';
import { violationProblem } from '../contract/violations.ts';
import { commonHeaders, isMediaType, JSON_TYPE } from '../http/headers.ts';
import type { Defaults } from './directives.ts';
import { createResponder } from './responder.ts';
import type { ScenarioResponses } from './responses.ts';

interface FetchEngineOptions {
  document: object;
  responses: ScenarioResponses;
  /** Of each operation's requests, as openapi-backend compiles them. */
  validators: Readonly<Record<string, readonly ValidateFunction[]>>;
  defaults: Defaults;
}

interface Route {
  operation: Operation;
  pattern: RegExp;
}

/**
 * The contract's engine for standard requests in a browser, where openapi-backend and Fastify can't run: the same checks in the
 * same order as in contract/engine.ts and http/engineCall.ts. test/contract/parity.test.ts compares the two.
 */
export function createFetchEngine({ document, responses, validators, defaults }: FetchEngineOptions) {
  const definition = dereference(document);
  const operations = readOperations(definition);
  const routes: Route[] = operations.map((operation) => ({ operation, pattern: pathPattern(operation.path) }));
  const apiKeyHeader = definition.components!.securitySchemes![API_KEY_SCHEME]!.name!;
  const responder = createResponder(operations, responses, defaults);

  const findRoutes = (path: string) => routes.filter(({ pattern }) => pattern.test(decodePath(path)));

  /** Responds to a request to this path, which is without the prefix of the base URL. */
  async function handle(request: Request, path: string): Promise<Response> {
    const received: EngineRequest = {
      method: request.method,
      path,
      headers: Object.fromEntries(request.headers),
      queryString: new URL(request.url).search.slice(1),
    };
    const route = findRoutes(path).find(({ operation }) => operation.method === request.method);
    const { status, headers, body } = await responder
      .record(received, (onBody) => run(request, received, route, onBody))
      .catch(async (error: unknown) => {
        if (!(error instanceof Problem)) throw error;
        const response = responder.problemResponse(error.example, route?.operation);
        const mockHeaders = await responder.refuse(error, received);
        return { ...response, headers: { ...response.headers, ...error.headers, ...mockHeaders } };
      });
    return new Response(request.method === 'HEAD' ? null : JSON.stringify(body), {
      status,
      headers: { ...commonHeaders(crypto.randomUUID()), ...headers, 'Content-Type': JSON_TYPE },
    });
  }

  /** Throws a Problem for a request that is not valid. */
  async function run(
    request: Request,
    { path, headers, queryString }: EngineRequest,
    route: Route | undefined,
    onBody: (bytes: Uint8Array) => void,
  ): Promise<OperationResponse> {
    if (!isDecodable(path)) throw new Problem('invalidRequest');
    if (!route) throw noRoute(findRoutes(path).map(({ operation }) => operation.method));
    const { operation } = route;
    const apiKey = request.headers.get(apiKeyHeader);
    if (!apiKey || (defaults.apiKey !== undefined && apiKey !== defaults.apiKey)) throw new Problem('invalidApiKey');
    const body = operation.requestBody && (await readBody(request, operation.requestBody, onBody));
    const params = readParams(route, path);
    const query = readQuery(queryString, operation);
    const errors = validate(validators[operation.id]!, { path: params, query, header: headers, requestBody: body });
    if (errors.length > 0) throw violationProblem(errors, operation);
    const idempotencyKey = readIdempotencyKey(headers, body);
    const isAbandoned = () => request.signal.aborted;
    const { id: operationId } = operation;
    return responder.respond(
      { operationId, tenant: 'mock', idempotencyKey, body, params, query, headers, isAbandoned } as never,
      operation,
    );
  }

  return { handle, responder, isKnown: (path: string) => findRoutes(path).length > 0 };
}

/** `/things/{id}` as an expression, with a group for each parameter. */
function pathPattern(path: string): RegExp {
  const literals = path.split(TEMPLATE).map((text) => text.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${literals.join('([^/]+)')}$`);
}

const TEMPLATE = /\{[^}]+\}/g;

function readParams({ operation, pattern }: Route, path: string): Record<string, string> {
  const [, ...values] = pattern.exec(decodePath(path))!;
  const names = operation.path.match(TEMPLATE) ?? [];
  return Object.fromEntries(names.map((name, index) => [name.slice(1, -1), values[index]!]));
}

/** As Fastify's router does. A path that can't be decoded matches nothing. */
const decodePath = (path: string): string => (isDecodable(path) ? decodeURI(path) : path);

function isDecodable(path: string): boolean {
  try {
    return decodeURI(path) !== '';
  } catch {
    return false;
  }
}

function noRoute(methods: readonly string[]): Problem {
  if (methods.length === 0) return new Problem('notFound');
  return new Problem('methodNotAllowed', { headers: { Allow: methods.join(', ') } });
}

async function readBody(
  request: Request,
  requestBody: RequestBody,
  onBody: (bytes: Uint8Array) => void,
): Promise<unknown> {
  const { headers } = request;
  const { content, 'x-body-limit-bytes': maxBytes = 0 } = requestBody;
  const bytes = new Uint8Array(await request.arrayBuffer());
  const contentType = headers.get('content-type') ?? '';
  const isRead = isMediaType(contentType, headers.get('content-encoding') ?? undefined, Object.keys(content));
  if (bytes.length > 0 && !isRead) throw new Problem('unsupportedMediaType');
  if (bytes.length > maxBytes) throw new Problem('bodyTooLarge');
  onBody(bytes);
  return readJson(bytes, requestBody);
}

/** The query parameters that the operation declares. Others are ignored. */
function readQuery(queryString: string, { parameters }: Operation): Record<string, string> {
  const given = new URLSearchParams(queryString);
  const names = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
  return Object.fromEntries(names.filter((name) => given.has(name)).map((name) => [name, given.get(name)!]));
}

const validate = (validators: readonly ValidateFunction[], parameters: object): ErrorObject[] =>
  validators.flatMap((validator) => (validator(parameters) ? [] : validator.errors!));
