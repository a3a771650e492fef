import type { ErrorObject } from 'ajv';
import { OpenAPIBackend, type Context, type Document } from 'openapi-backend';
import { dereference, readOperations, type NamedExample, type Operation, type RequestBody } from './document.ts';
import type { Handlers, OperationId, OperationLogFields, OperationRequest, Success } from './handler.ts';
import { readJson } from './json.ts';
import { readIdempotencyKey } from './idempotencyKey.ts';
import { API_KEY_SCHEME, ContractError, lint } from './lint.ts';
import { Problem, type ProblemName } from './problems.ts';
import { indexResponses, type ContractResponse } from './responses.ts';
import { IndexedRouter, type EngineRequest } from './router.ts';
import { validation } from './validation.ts';
import { violationProblem } from './violations.ts';

/** An OpenAPI document as an engine: request in, response out. */
export interface Contract {
  operations: readonly Operation[];
  /** The name of the API key's header, in the document's spelling. */
  apiKeyHeader: string;
  /**
   * Routes, authenticates and validates a request, then runs its operation, in that order. Throws a Problem, or what a handler
   * threw.
   */
  handleRequest: (request: EngineRequest, call: Call) => Promise<OperationResponse>;
  /** Compiles all validators now instead of at each operation's first request. Throws for an invalid schema. */
  compile: () => void;
  /** The response for a problem: the operation's own example, if the request was routed to one. Never throws. */
  problemResponse: (name: ProblemName, operation?: Operation) => NamedExample;
}

/** What the engine needs from the HTTP layer for one request. */
export interface Call {
  /** Called once the request is routed. */
  onOperation(operation: Operation): void;
  /** Returns the tenant of the API key in this header. Throws the Problem `invalidApiKey` or `tooManyRequests`. */
  authenticate(header: string): Promise<string>;
  /** Reads the body; empty if there is none. Throws the Problem `unsupportedMediaType` or `bodyTooLarge`. */
  readBody(body: RequestBody): Promise<Uint8Array>;
  /** Whether the client has closed its side of the connection. */
  isAbandoned(): boolean;
  /** Runs the operation. It continues if the client disconnects. */
  runOperation(run: () => Promise<OperationResponse>): Promise<OperationResponse>;
}

export interface OperationResponse extends ContractResponse {
  logFields?: OperationLogFields | undefined;
}

/** Responds to valid requests without a handler: the mock. */
export type Fallback = (request: AnyRequest, operation: Operation) => Promise<OperationResponse>;

/** A request to any operation. */
export type AnyRequest = Omit<OperationRequest<OperationId>, 'headers'> & Pick<EngineRequest, 'headers'>;

export interface EngineOptions {
  handlers?: Partial<Handlers>;
  /** For the operations without a handler. */
  notImplemented?: Fallback;
}

/**
 * Opens an OpenAPI document.
 *
 * Throws one ContractError that lists every rule that would not be checked and every missing response.
 */
export async function openContract(document: object, options: EngineOptions): Promise<Contract> {
  const { handlers = {}, notImplemented } = options;
  const definition = dereference(document);
  const operations = readOperations(definition);
  const issues = lint(definition, operations, (id) => notImplemented !== undefined || Object.hasOwn(handlers, id));
  if (issues.length > 0) throw new ContractError("The contract can't be served", issues);
  const responses = indexResponses(operations);
  const byId = new Map<string | undefined, Operation>(operations.map((operation) => [operation.id, operation]));
  const apiKeyHeader = definition.components!.securitySchemes![API_KEY_SCHEME]!.name!;
  const lowerCaseHeader = apiKeyHeader.toLowerCase();
  const findOperation = (context: Context) => byId.get(context.operation.operationId)!;

  const api = new OpenAPIBackend({
    definition: definition as object as Document,
    // The document was validated by `make generate`; validators are compiled at first use.
    quick: true,
    strict: true,
    ignoreTrailingSlashes: false,
    ...validation,
    // 401, or 429
    securityHandlers: { [API_KEY_SCHEME]: (_context: Context, call: Call) => call.authenticate(lowerCaseHeader) },
    handlers: {
      // 404, and 405 with Allow
      notFound: () => {
        throw new Problem('notFound');
      },
      methodNotAllowed: ({ request }: Context) => {
        throw new Problem('methodNotAllowed', { headers: { Allow: router.allowedMethods(request.path).join(', ') } });
      },
      postRoutingHandler: (context: Context, call: Call) => {
        if (context.operation) call.onOperation(findOperation(context));
      },
      // The error that authenticate() threw: 401, 429 or an internal error.
      unauthorizedHandler: ({ security }: Context) => {
        throw (security[API_KEY_SCHEME] as { error: unknown }).error;
      },
      // 415, 413, 400: the body is read only after authentication.
      postSecurityHandler: async (context: Context, call: Call) => {
        const { requestBody } = findOperation(context);
        if (!context.security['authorized'] || !requestBody) return;
        context.request.requestBody = readJson(await call.readBody(requestBody), requestBody);
      },
      // 400
      validationFail: (context: Context) => {
        throw violationProblem(context.validation.errors as ErrorObject[], findOperation(context));
      },
      ...Object.fromEntries(Object.entries(handlers).map(([id, handler]) => [id, runHandler(handler as AnyHandler)])),
      ...(notImplemented && {
        notImplemented: (context: Context, call: Call) => {
          const request = operationRequest(context, call);
          return call.runOperation(() => notImplemented(request, findOperation(context)));
        },
      }),
    },
  });
  await api.init();
  const router = new IndexedRouter({ definition: api.definition, ignoreTrailingSlashes: false });
  api.router = router;
  api.validator.router = router;

  function runHandler(handler: AnyHandler) {
    return (context: Context, call: Call) => {
      const request = operationRequest(context, call);
      return call.runOperation(async () => {
        const { example, fields, headers, logFields } = await handler(request as never);
        const documented = responses.success(findOperation(context), example);
        return {
          status: documented.status,
          headers: { ...documented.headers, ...headers },
          body: { ...documented.body, ...fields },
          logFields,
        };
      });
    };
  }

  return {
    operations,
    apiKeyHeader,
    handleRequest: (request, call) => api.handleRequest(request as never, call) as Promise<OperationResponse>,
    compile: () => operations.forEach(({ id }) => api.validator.getRequestValidatorsForOperation(id)),
    problemResponse: (name, operation) => responses.problem(operation, name),
  };
}

/** A handler of any operation. */
type AnyHandler = (request: never) => Promise<Success<OperationId>>;

/** Throws the Problem `invalidIdempotencyKey` for two different keys. */
function operationRequest({ operation, request, security }: Context, call: Call): OperationRequest<OperationId> {
  const { requestBody: body, params, query, headers } = request;
  const { operationId } = operation;
  const tenant: string = security[API_KEY_SCHEME];
  const idempotencyKey = readIdempotencyKey(headers, body);
  const isAbandoned = () => call.isAbandoned();
  return { operationId, tenant, idempotencyKey, body, params, query, headers, isAbandoned } as never;
}
