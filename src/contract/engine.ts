import type { ErrorObject } from 'ajv';
import { OpenAPIBackend, type Context, type Document } from 'openapi-backend';
import { isWholeCents } from '../payments/money.ts';
import { dereference, readOperations, type NamedExample, type Operation, type RequestBody } from './document.ts';
import type { Handlers, OperationId, OperationLogFields, OperationRequest, Success } from './handler.ts';
import { parseJson, truncate } from './json.ts';
import { API_KEY_SCHEME, ContractError, lint } from './lint.ts';
import { Problem, type ProblemName } from './problems.ts';
import { indexResponses, type ContractResponse } from './responses.ts';
import { IndexedRouter, type EngineRequest } from './router.ts';
import { violationProblem } from './violations.ts';

/** An OpenAPI document as an engine: request in, response out. */
export interface Contract {
  operations: readonly Operation[];
  /** The header with the API key, as the document writes it. */
  apiKeyHeader: string;
  /**
   * Carries a request from its route to its response, in the contract's order of checks: path and method, API key, body, schema,
   * operation. Throws a Problem, or what a handler threw.
   */
  handleRequest: (request: EngineRequest, call: Call) => Promise<OperationResponse>;
  /** Compiles all rules at once, which else happens at an operation's first request. Throws where a schema makes no sense. */
  compile: () => void;
  /** The response to a failed request, in the words of its operation where it belongs to one. Never throws. */
  problemResponse: (name: ProblemName, operation?: Operation) => NamedExample;
}

/** What the engine asks of the HTTP side for one request. */
export interface Call {
  /** The request belongs to this operation. */
  onOperation(operation: Operation): void;
  /** The tenant whose key stands in this header. Throws the Problem `invalidApiKey` or `tooManyRequests`. */
  authenticate(header: string): Promise<string>;
  /** The body's bytes, none where there is no body. Throws the Problem `unsupportedMediaType` or `bodyTooLarge`. */
  readBody(body: RequestBody): Promise<Uint8Array>;
  /** Whether the client has closed its side of the connection. */
  isAbandoned(): boolean;
  /** Runs the operation, which goes on when the client has left. */
  runOperation(run: () => Promise<OperationResponse>): Promise<OperationResponse>;
}

export interface OperationResponse extends ContractResponse {
  logFields?: OperationLogFields | undefined;
}

/** Responds to a valid request in place of the handlers: the mock. */
export type Fallback = (request: AnyRequest, operation: Operation) => Promise<OperationResponse>;

/** A request to one operation or another. */
type AnyRequest = Omit<OperationRequest<OperationId>, 'headers'> & Pick<EngineRequest, 'headers'>;

export interface EngineOptions {
  handlers?: Partial<Handlers>;
  /** For the operations without a handler. */
  notImplemented?: Fallback;
}

/**
 * Opens an OpenAPI document.
 *
 * Throws one ContractError that names everything that would not be checked, and every response that is missing.
 */
export async function openContract(
  document: object,
  { handlers = {}, notImplemented }: EngineOptions,
): Promise<Contract> {
  const definition = dereference(document);
  const operations = readOperations(definition);
  const issues = lint(definition, operations, (id) => notImplemented !== undefined || Object.hasOwn(handlers, id));
  if (issues.length > 0) throw new ContractError("The contract can't be served", issues);
  const responses = indexResponses(operations);
  const byId = new Map<string | undefined, Operation>(operations.map((operation) => [operation.id, operation]));
  const operationOf = (context: Context) => byId.get(context.operation.operationId)!;

  const api = new OpenAPIBackend({
    definition: definition as object as Document,
    // The document was checked where generated/ is made; validators are compiled when first used.
    quick: true,
    strict: true,
    ignoreTrailingSlashes: false,
    // strictNumbers: 1e400 is Infinity, and no number. allErrors: the contract says which of several violations decides.
    ajvOpts: { verbose: true, allErrors: true, strictNumbers: true, validateSchema: false },
    customizeAjv: (ajv) =>
      ajv
        .addFormat('usd', { type: 'number', validate: isWholeCents })
        .addFormat('unicode', (text: string) => text.isWellFormed()),
    // 401, or 429
    securityHandlers: {
      [API_KEY_SCHEME]: (_context: Context, call: Call) => call.authenticate(apiKeyHeader.toLowerCase()),
    },
    handlers: {
      // 404, and 405 with Allow
      notFound: () => {
        throw new Problem('notFound');
      },
      methodNotAllowed: ({ request }: Context) => {
        throw new Problem('methodNotAllowed', { headers: { Allow: router.allowedMethods(request.path).join(', ') } });
      },
      postRoutingHandler: (context: Context, call: Call) => {
        if (context.operation) call.onOperation(operationOf(context));
      },
      // What authentication threw, which may be a 429 or a fault of ours.
      unauthorizedHandler: ({ security }: Context) => {
        throw (security[API_KEY_SCHEME] as { error: unknown }).error;
      },
      // 415, 413, 400: the body is read after the key was accepted, and never before.
      postSecurityHandler: async (context: Context, call: Call) => {
        const { requestBody } = operationOf(context);
        if (!context.security['authorized'] || !requestBody) return;
        const { schema } = requestBody.content['application/json']!;
        context.request.requestBody = truncate(readJson(await call.readBody(requestBody), requestBody), schema);
      },
      // 400
      validationFail: (context: Context) => {
        throw violationProblem(context.validation.errors as ErrorObject[], operationOf(context));
      },
      ...Object.fromEntries(Object.entries(handlers).map(([id, handler]) => [id, runHandler(handler as AnyHandler)])),
      ...(notImplemented && {
        notImplemented: (context: Context, call: Call) =>
          call.runOperation(() => notImplemented(operationRequest(context, call), operationOf(context))),
      }),
    },
  });
  await api.init();
  const router = new IndexedRouter({ definition: api.definition, ignoreTrailingSlashes: false });
  api.router = router;
  api.validator.router = router;
  const apiKeyHeader = definition.components!.securitySchemes![API_KEY_SCHEME]!.name!;

  function runHandler(handler: AnyHandler) {
    return (context: Context, call: Call) =>
      call.runOperation(async () => {
        const { example, fields, headers, logFields } = await handler(operationRequest(context, call) as never);
        const documented = responses.success(operationOf(context), example);
        return {
          status: documented.status,
          headers: { ...documented.headers, ...headers },
          body: { ...documented.body, ...fields },
          logFields,
        };
      });
  }

  return {
    operations,
    apiKeyHeader,
    handleRequest: (request, call) => api.handleRequest(request as never, call) as Promise<OperationResponse>,
    compile: () => operations.forEach(({ id }) => api.validator.getRequestValidatorsForOperation(id)),
    problemResponse: (name, operation) => responses.problem(operation, name),
  };
}

/** A handler of one operation or another: which one decides what it takes. */
type AnyHandler = (request: never) => Promise<Success<OperationId>>;

/** Where a body must be there, none is read as an empty object, so that the response names the first field that is missing. */
function readJson(bytes: Uint8Array, { required }: RequestBody): unknown {
  if (bytes.length > 0) return parseJson(bytes);
  return required ? {} : undefined;
}

function operationRequest({ operation, request, security }: Context, call: Call): OperationRequest<OperationId> {
  const { requestBody: body, params, query, headers } = request;
  return {
    operationId: operation.operationId,
    tenant: security[API_KEY_SCHEME],
    body,
    params,
    query,
    headers,
    isAbandoned: () => call.isAbandoned(),
  } as never;
}
