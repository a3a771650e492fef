import { randomUUID } from 'node:crypto';
import { METHODS } from 'node:http';
import type { Span } from '@opentelemetry/api';
import cors, { type FastifyCorsOptions } from '@fastify/cors';
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Authenticate } from './auth.ts';
import { answerUnparsed, hasBody, leaveUnread } from './clientErrors.ts';
import type { Answer, Contract, Operation } from './contract.ts';
import type { Limits } from './limits.ts';
import { logLine } from './log.ts';
import type { Facts } from './operations/handler.ts';
import type { Metrics } from './metrics.ts';
import { Problem } from './problems.ts';
import { endSpan, requestSpan, within } from './tracing.ts';

declare module 'fastify' {
  interface FastifyRequest {
    operation: Operation | undefined;
    tenant: string | undefined;
    /** What the request's log line says beyond the request itself. */
    facts: Facts | undefined;
    problem: Problem | undefined;
    span: Span | undefined;
  }
}

export interface AppOptions {
  contract: Contract;
  authenticate: Authenticate;
  limits?: Limits;
  logger: FastifyBaseLogger;
  metrics?: Metrics;
  /** Addresses and CIDR ranges of proxies whose X-Forwarded-For is believed. By default nobody's is. */
  trustedProxies?: readonly string[] | undefined;
  /** Whose pages may call from a browser: '*' for all. By default nobody's: the key belongs on a server. */
  corsOrigins?: '*' | readonly string[] | undefined;
}

/** The largest header section that is read, in bytes. */
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * The shell around the contract: takes requests from the network in the contract's order of checks, and is the only
 * place that writes answers. One route per operation, so that logs and metrics know which is which.
 */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { contract, logger } = options;
  const app = fastify({
    // One line per request, ours: see log.ts. Fastify's own lines quote what it was sent.
    logger: false,
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    trustProxy: options.trustedProxies ? [...options.trustedProxies] : false,
    exposeHeadRoutes: false,
    // Fastify's own 503 while closing would break kept-alive connections in the middle of a drain.
    return503OnClosing: false,
    requestTimeout: 10_000,
    // Above the deadline of an operation: a shorter one would cut answers whose effect goes on.
    connectionTimeout: 30_000,
    // Above the idle time of a load balancer (60 s is common), so that it never meets a closed connection.
    keepAliveTimeout: 72_000,
    http: {
      headersTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Node's own refusal has no body: see checkHost.
      requireHostHeader: false,
    },
    // A URL that can't be read: no hook runs for it.
    frameworkErrors: (error, request, reply) => {
      followToTheEnd(request, reply);
      answerError(error, request, reply);
    },
  });
  answerUnparsed(app.server, { contract, logger, headersOf: commonHeaders });

  // The body stays bytes: the contract reads it, after the key was checked.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  for (const method of METHODS) {
    if (!app.supportedMethods.includes(method) && method !== 'CONNECT') app.addHttpMethod(method);
  }

  app.decorateRequest('operation', undefined);
  app.decorateRequest('tenant', undefined);
  app.decorateRequest('facts', undefined);
  app.decorateRequest('problem', undefined);
  app.decorateRequest('span', undefined);
  app.addHook('onRequest', async (request, reply) => followToTheEnd(request, reply));
  if (options.corsOrigins) await app.register(cors, corsOptions(options.corsOrigins));
  app.addHook('onRequest', async (request) => {
    checkHost(request);
    // Here rather than in a handler, which runs after the body was read.
    if (request.is404) throw new Problem('notFound');
  });

  for (const operation of contract.operations) {
    app.route({
      method: operation.method,
      url: routePattern(operation.path),
      ...(operation.bodyLimitBytes && { bodyLimit: operation.bodyLimitBytes }),
      onRequest: async (request) => {
        request.operation = operation;
        request.span = requestSpan(operation.method, operation.path, request.headers);
        request.tenant = await authenticate(request, operation);
        await options.limits?.countRequest(request.tenant);
        // Before the body is read, where its length is told; a body in chunks may turn out to be none.
        if (Number(request.headers['content-length'] ?? 0) > 0) checkMediaType(request);
      },
      preParsing: async (request, reply) => {
        // Only now is the body wanted.
        if (request.headers.expect) reply.raw.writeContinue();
      },
      handler: async (request, reply) => {
        const body = request.body as Uint8Array | undefined;
        if (body?.length) checkMediaType(request);
        const { example, fields, headers, facts } = await within(request.span!, () =>
          operation.run({ tenant: request.tenant!, headers: request.headers, body }),
        );
        request.facts = facts;
        if (facts?.droppedMethodTypes) options.metrics?.countDropped(facts.droppedMethodTypes);
        const answer = operation.answer(example);
        return write(reply, fields ? { ...answer, body: { ...answer.body, ...fields } } : answer, headers);
      },
    });
  }
  for (const [path, allowed] of methodsByPath(contract)) {
    app.route({
      method: app.supportedMethods.filter((method) => !allowed.includes(method)),
      url: routePattern(path),
      onRequest: async () => {
        throw new Problem('methodNotAllowed', { headers: { Allow: allowed.join(', ') } });
      },
      handler: async () => {},
    });
  }
  app.setNotFoundHandler(async () => {
    throw new Problem('notFound');
  });
  app.setErrorHandler(answerError);
  return app;

  async function authenticate(request: FastifyRequest, operation: Operation): Promise<string> {
    const [apiKey, ...repeats] = request.raw.headersDistinct[operation.apiKeyHeader] ?? [];
    const tenant = apiKey && repeats.length === 0 ? options.authenticate(apiKey) : undefined;
    if (tenant !== undefined) return tenant;
    await options.limits?.countFailure(request.ip);
    throw new Problem('invalidApiKey');
  }

  /** The connection is done with a request when it was answered, and when the client is gone. */
  function followToTheEnd(request: FastifyRequest, reply: FastifyReply): void {
    // Fastify takes the time only for its own log.
    const startedAt = performance.now();
    reply.raw.once('close', () => {
      const status = reply.raw.headersSent ? reply.statusCode : 0;
      const durationMs = performance.now() - startedAt;
      logLine(logger, request, reply, durationMs);
      options.metrics?.countRequest({ operation: request.operation?.id, status, durationMs });
      if (request.span) endSpan(request.span, status);
    });
  }

  function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const problem = asProblem(error, request);
    request.problem = problem;
    const { example, headers } = problem;
    return write(reply, request.operation?.answer(example) ?? contract.answer(example), headers);
  }
}

function write(reply: FastifyReply, answer: Answer, headers: Readonly<Record<string, string>> = {}): FastifyReply {
  if (hasBody(reply.request.raw) && !reply.request.raw.complete) {
    reply.header('Connection', 'close');
    leaveUnread(reply.request.raw);
  }
  return reply
    .code(answer.status)
    .headers({ ...commonHeaders(reply.request.id), ...answer.headers, ...headers })
    .send(answer.body);
}

const commonHeaders = (requestId: string) => ({
  'X-Request-Id': requestId,
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
});

/** What Fastify throws before a handler runs, said in the contract's words. Everything unknown is our fault. */
function asProblem(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  switch ((error as FastifyError).code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem(isReadable(request) ? 'bodyTooLarge' : 'unsupportedMediaType');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
      return new Problem('invalidRequest');
    default:
      return new Problem('internalError', { cause: error });
  }
}

/** A plain OPTIONS is no question of a browser's: it is answered as without CORS. */
const corsOptions = (origins: '*' | readonly string[]): FastifyCorsOptions => ({
  delegator: (request, done) => {
    const isPlain = request.method === 'OPTIONS' && !request.headers['access-control-request-method'];
    const origin = origins === '*' ? '*' : [...origins];
    done(null, isPlain ? { origin: false } : { origin, exposedHeaders: EXPOSED_HEADERS, maxAge: 600 });
  },
});

/** The headers of our answers that a page may read. */
const EXPOSED_HEADERS = ['X-Request-Id', 'Idempotent-Replayed', 'Retry-After', 'Allow'];

/** OpenAPI's `{id}` as Fastify's `:id`. */
function routePattern(path: string): string {
  return path.replaceAll(':', '::').replace(/\{([^}]+)\}/g, ':$1');
}

function methodsByPath({ operations }: Contract): Map<string, string[]> {
  const byPath = Map.groupBy(operations, ({ path }) => path);
  return new Map([...byPath].map(([path, some]) => [path, some.map(({ method }) => method)]));
}

/** RFC 9112, section 3.2: a request of HTTP/1.1 without a Host, or with two, is refused. */
function checkHost({ raw }: FastifyRequest): void {
  const hosts = raw.headersDistinct.host?.length ?? 0;
  if (hosts > 1 || (hosts === 0 && raw.httpVersion === '1.1')) throw new Problem('invalidRequest');
}

function checkMediaType(request: FastifyRequest): void {
  if (!isReadable(request)) throw new Problem('unsupportedMediaType');
}

/** Plain JSON: whatever else would have to be guessed at. */
function isReadable({ headers, operation }: FastifyRequest): boolean {
  const [mediaType = ''] = (headers['content-type'] ?? '').split(';', 1);
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  return encoding === 'identity' && operation!.mediaTypes.includes(mediaType.trim().toLowerCase());
}
