import findMyWay, { type HTTPMethod } from 'find-my-way';
import { OpenAPIRouter, type Operation, type ParsedRequest, type Request } from 'openapi-backend';

/** A request on its way through openapi-backend. The router completes it in place, as the library asks for it three times. */
export interface EngineRequest {
  /** Upper case. */
  method: string;
  /** As it came, percent-encoded, without the query. */
  path: string;
  /** By lower-case name. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As it came, without the question mark. */
  queryString: string;
  /** Set by the match: path parameters, decoded. */
  params?: Record<string, string>;
  /** Set after the match: the query parameters that the operation declares. Others are ignored. */
  query?: Record<string, unknown>;
  /** Set once the API key was accepted and the body was read. */
  requestBody?: unknown;
}

/**
 * openapi-backend's router with an index. Its own router goes through all operations for each request and parses each
 * request three times: 23 µs at one operation, 745 µs at 500. With Fastify's router as the index, the time stays the same.
 */
export class IndexedRouter extends OpenAPIRouter {
  readonly #operations = super.getOperations();
  readonly #byId = new Map(this.#operations.map((operation) => [operation.operationId, operation]));
  readonly #methods = [...new Set(this.#operations.map(({ method }) => method.toUpperCase()))];
  readonly #index = indexOperations(this.#operations);
  readonly #queryNames = new Map(this.#operations.map((operation) => [operation, readQueryNames(operation)]));

  override getOperations(): Operation[] {
    return this.#operations;
  }

  override getOperation(operationId: string): Operation | undefined {
    return this.#byId.get(operationId);
  }

  /** The operation of this method and path. With `strict` it throws, as the library expects, where there is none. */
  override matchOperation(request: Request): Operation | undefined;
  override matchOperation(request: Request, strict: boolean): Operation;
  override matchOperation(request: Request, strict = false): Operation | undefined {
    const match = this.#find(request.method, request.path);
    if (!match && strict) throw this.allowedMethods(request.path).length > 0 ? METHOD_NOT_ALLOWED : NOT_FOUND;
    if (match) request.params = match.params;
    return match?.operation;
  }

  /** The methods that the document describes for this path, upper case. */
  allowedMethods(path: string): string[] {
    return this.#methods.filter((method) => this.#find(method, path));
  }

  #find(method: string, path: string): { operation: Operation; params: Record<string, string> } | undefined {
    const match = this.#index.find(method as HTTPMethod, path);
    if (!match) return undefined;
    const { operation, names } = match.store as IndexEntry;
    if (names.length === 0) return { operation, params: {} };
    const values = Object.values(match.params);
    // The index takes `/things/` for `/things/{id}`.
    if (values.includes('')) return undefined;
    return { operation, params: Object.fromEntries(names.map((name, at) => [name, values[at]!])) };
  }

  override parseRequest(request: Request, operation?: Operation): ParsedRequest {
    const ours = request as unknown as EngineRequest;
    if (operation) ours.query ??= this.#declaredQuery(ours, operation);
    return ours as unknown as ParsedRequest;
  }

  #declaredQuery({ method, queryString }: EngineRequest, operation: Operation): Record<string, unknown> {
    const names = this.#queryNames.get(operation)!;
    if (names.length === 0) return {};
    const { query } = super.parseRequest({ method, path: operation.path, headers: {}, query: queryString }, operation);
    const given = query as Record<string, unknown>;
    return Object.fromEntries(names.filter((name) => Object.hasOwn(given, name)).map((name) => [name, given[name]]));
  }
}

function readQueryNames({ parameters = [] }: Operation): string[] {
  return (parameters as { in: string; name: string }[]).filter((one) => one.in === 'query').map(({ name }) => name);
}

/** The library knows the two by the first characters of their messages. Made once: nobody reads where they were thrown. */
const NOT_FOUND = new Error('404-notFound: no route matches request');
const METHOD_NOT_ALLOWED = new Error('405-methodNotAllowed: this method is not registered for the route');

interface IndexEntry {
  operation: Operation;
  /** Of the path parameters, in the order of the path. */
  names: readonly string[];
}

/** The rules of a parameter's schema decide how long it may be, and not the router. */
const MAX_PARAMETER_LENGTH = 16 * 1024;

function indexOperations(operations: readonly Operation[]): findMyWay.Instance<findMyWay.HTTPVersion.V1> {
  const index = findMyWay({ maxParamLength: MAX_PARAMETER_LENGTH });
  for (const operation of operations) {
    const names: string[] = [];
    // `{payment-id}` → `:p0`: an index's names may not have all of the characters that OpenAPI's may.
    const path = operation.path.replaceAll(':', '::').replace(/\{([^}]+)\}/g, (_template, name: string) => {
      names.push(name);
      return `:p${names.length - 1}`;
    });
    const entry: IndexEntry = { operation, names };
    index.on(operation.method.toUpperCase() as HTTPMethod, path, () => {}, entry);
  }
  return index;
}
