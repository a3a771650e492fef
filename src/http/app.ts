import { randomUUID } from 'node:crypto';
import { METHODS, type IncomingMessage } from 'node:http';
import type { Span } from '@opentelemetry/api';
import cors, { type FastifyCorsOptions } from '@fastify/cors';
import fastify, {
  type DoneFuncWithErrOrRes,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { ValidateResponse, SentResponse } from '../contract/responseValidation.ts';
import type { Authenticate } from '../access/apiKeys.ts';
import { leaveUnread, readBody } from './body.ts';
import { findCaller, trustRanges } from '../access/callerAddress.ts';
import { handleParserErrors, trackRequest, type TrackedRequest } from './parserErrors.ts';
import {
  CONNECTION_TIMEOUT_MS,
  closeAfter,
  HTTP_LIMITS,
  isKeptOpen,
  isLastInPipeline,
  hasUnreadBody,
  keepOpen,
} from './connections.ts';
import type { ContractResponse, Contract, Operation } from '../contract/contract.ts';
import type { RateLimits } from '../access/rateLimits.ts';
import { logLine, oncePerSecond } from '../observability/log.ts';
import type { OperationLogFields } from '../contract/handler.ts';
import type { Metrics } from '../observability/metrics.ts';
import { Problem, type ProblemName } from '../contract/problems.ts';
import { endSpan, requestSpan, runInSpan } from '../observability/tracing.ts';

/** What becomes known of a request on its way, for the log, the metrics and the trace. */
interface Exchange {
  trackedRequest: TrackedRequest;
  operation?: Operation;
  tenant?: string;
  span?: Span | undefined;
  problem?: Problem;
  logFields?: OperationLogFields | undefined;
  /** The body of the answer. */
  responseBody?: object;
  /** Settles with the operation, which goes on when the client is gone. */
  operationDone?: Promise<void>;
}

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange;
  }
  interface FastifyContextConfig {
    /** The name in the metrics of a route that belongs to no operation. */
    label?: string;
  }
}

export interface AppOptions {
  contract: Contract;
  authenticate: Authenticate;
  limits?: RateLimits;
  logger: FastifyBaseLogger;
  metrics?: Metrics;
  /** Is shown each answer after it was sent. */
  validateResponse?: ValidateResponse | undefined;
  /** Addresses and CIDR ranges of proxies whose X-Forwarded-For is believed. By default nobody's is. */
  trustedProxies?: readonly string[] | undefined;
  /** Whose pages may call from a browser: '*' for all. By default nobody's: the key belongs on a server. */
  corsOrigins?: '*' | readonly string[] | undefined;
}

/**
 * The shell around the contract: takes requests from the network in the contract's order of checks, and is the only
 * place that writes answers. One route per operation, so that logs and metrics know which is which.
 */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { contract, logger, metrics } = options;
  // Anyone can be refused, as often as they like: that must not fill the log.
  const refusals = oncePerSecond<{ status: number; problem: ProblemName }>((repeats) =>
    logger.info(repeats, 'more refusals of this kind within a second'),
  );
  const app = createFastify(options, (error, request, reply) => {
    onRequestStart(request, reply);
    // No hook runs here either.
    if (hasUnreadBody(request.raw)) closeAfter(reply.raw);
    sendProblem(error, request, reply);
  });
  handleParserErrors(app.server, {
    contract,
    createHeaders: commonHeaders,
    validateResponse: options.validateResponse,
    onRefused: (refusal) => {
      const { status, problem } = refusal;
      if (refusals.isFirst({ status, problem })) logger.info(refusal, 'refused before it was a request');
      metrics?.countRequest({ operation: undefined, status: refusal.status });
    },
  });

  const { body: internalErrorBody } = contract.response('internalError');
  const internalErrorBytes = Buffer.from(JSON.stringify(internalErrorBody));

  app.decorateRequest('exchange');
  // What needs no waiting uses no promise: these hooks run for every request.
  app.addHook('onRequest', (request, reply, done) => {
    onRequestStart(request, reply);
    done();
  });
  if (options.corsOrigins) await app.register(cors, corsOptions(options.corsOrigins));
  app.addHook('onRequest', (request, _reply, done) => {
    checkHttpVersionAndHost(request);
    // Here rather than in a handler, which runs after the body was read.
    if (request.is404) throw new Problem('notFound');
    // A page has no use for a body.
    if (request.routeOptions.config.label !== undefined) leaveUnread(request.raw);
    done();
  });
  app.addHook('onSend', closeBehindUnreadBody);
  // An error in a route's own error handler goes to the one of the app. Fastify's own would quote it.
  app.setErrorHandler(sendInternalError);
  app.addHook('onRoute', (route) => void (route.errorHandler = sendProblem));
  for (const operation of contract.operations) addOperation(operation);
  for (const [path, allowed] of methodsByPath(contract)) refuseOtherMethods(path, allowed);
  // Fastify takes it here as it does for a route; its types leave it out.
  const notFoundOptions: object = { errorHandler: sendProblem };
  app.setNotFoundHandler(notFoundOptions, async () => {
    throw new Problem('notFound');
  });
  app.addHook('onClose', async () => refusals.flush());
  return app;

  function addOperation(operation: Operation): void {
    app.route({
      method: operation.method,
      url: routePattern(operation.path),
      onRequest: async (request, reply) => {
        const { exchange } = request;
        exchange.operation = operation;
        exchange.tenant = await authenticate(request, operation);
        keepOpen(reply.raw);
        // Behind the key: a stranger must neither choose our traces nor make us export one.
        exchange.span = requestSpan(operation.method, operation.path, request.headers['traceparent']);
        await options.limits?.countRequest(exchange.tenant);
        // Before the body is read, where its length is told; a body in chunks may turn out to be none.
        if (readContentLength(request) > 0) checkMediaType(request);
      },
      preParsing: (request, reply, payload, done) => {
        // Only now is the body wanted, and by HTTP/1.0 the question is not asked (RFC 9110, section 10.1.1).
        const isWanted = readContentLength(request) <= (operation.bodyLimitBytes ?? 0);
        if (request.headers.expect && request.raw.httpVersion === '1.1' && isWanted) reply.raw.writeContinue();
        done(null, payload);
      },
      handler: async (request, reply) => {
        const body = await readBody(request.raw, { maxBytes: operation.bodyLimitBytes ?? 0 });
        // It was refused in the middle of its body, or its connection ended: nobody would be told of an effect.
        if (request.exchange.trackedRequest.refusal || !request.raw.socket.writable) return reply.hijack();
        if (body.length > 0) checkMediaType(request);
        const { example, fields, headers } = await runOperation(request, operation, body);
        const response = operation.response(example);
        return sendResponse(reply, fields ? { ...response, body: { ...response.body, ...fields } } : response, headers);
      },
    });
  }

  function refuseOtherMethods(path: string, allowed: readonly string[]): void {
    app.route({
      method: app.supportedMethods.filter((method) => !allowed.includes(method)),
      url: routePattern(path),
      onRequest: async () => {
        throw new Problem('methodNotAllowed', { headers: { Allow: allowed.join(', ') } });
      },
      handler: async () => {},
    });
  }

  async function authenticate(request: FastifyRequest, operation: Operation): Promise<string> {
    const [apiKey, ...repeats] = readHeaderValues(request.raw, operation.apiKeyHeader);
    const tenant = apiKey && repeats.length === 0 ? options.authenticate(apiKey) : undefined;
    if (tenant !== undefined) return tenant;
    // At once: what Node has read of the body comes while the failure is counted.
    leaveUnread(request.raw);
    await options.limits?.countFailure(findCaller(request.ips ?? [request.ip]));
    throw new Problem('invalidApiKey');
  }

  async function runOperation(request: FastifyRequest, operation: Operation, body: Uint8Array) {
    const { exchange, headers } = request;
    const { socket } = request.raw;
    // A client that hangs up looks like one that ends its side and reads on. That one is rare, and reads a 503: HAProxy's
    // `option abortonclose` decides the same for requests in its queue.
    const isAbandoned = () => socket.readableEnded || socket.destroyed;
    const success = runInSpan(exchange.span, () =>
      operation.run({ tenant: exchange.tenant!, headers, body, isAbandoned }),
    );
    exchange.operationDone = success.then(
      ({ logFields }) => {
        exchange.logFields = logFields;
        return metrics?.countDropped(logFields?.droppedMethodTypes ?? []);
      },
      (error: unknown) => {
        // Where the client is gone, the line of the log is written before this failure comes to answerError.
        exchange.problem = toProblem(error, request);
      },
    );
    return success;
  }

  function onRequestStart(request: FastifyRequest, reply: FastifyReply): void {
    request.exchange = { trackedRequest: trackRequest(reply.raw, request.id) };
    reply.headers(commonHeaders(request.id));
    if (options.trustedProxies && !isKeptOpen(reply.raw) && isForwarded(request)) keepOpen(reply.raw);
    // Fastify takes the time only for its own log.
    const startedAt = performance.now();
    // The connection is done with a request when it was answered, and when the client is gone.
    reply.raw.once('close', () => void onRequestEnd(request, reply, startedAt));
  }

  async function onRequestEnd(request: FastifyRequest, reply: FastifyReply, startedAt: number): Promise<void> {
    const { exchange } = request;
    await exchange.operationDone;
    const { refusal } = exchange.trackedRequest;
    if (refusal) exchange.problem = new Problem(refusal.problem);
    const status = refusal?.status ?? (reply.raw.headersSent ? reply.statusCode : 0);
    const durationMs = performance.now() - startedAt;
    const isAborted = !refusal && !reply.raw.writableFinished;
    if (!isRepeatedRefusal(exchange, status)) logLine(logger, request, { status, durationMs, isAborted });
    const { label } = request.routeOptions.config;
    metrics?.countRequest({ operation: exchange.operation?.id ?? label, status, durationMs });
    if (exchange.span) endSpan(exchange.span, status);
    const isOfContract = label === undefined && !isPreflight(request);
    if (isOfContract && !refusal && reply.raw.headersSent)
      options.validateResponse?.(describeSentResponse(request, reply));
  }

  function isRepeatedRefusal({ tenant, problem }: Exchange, status: number): boolean {
    const isOfStranger = tenant === undefined && problem !== undefined && status < 500;
    return isOfStranger && !refusals.isFirst({ status, problem: problem.example });
  }

  function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    // The client left in the middle of its body: nobody is there to be answered, and it is no fault of ours.
    if (error === request.raw.errored) return void reply.hijack();
    const { exchange } = request;
    // What fails while a response is sent may fail again with the same headers.
    if (exchange.responseBody) return sendInternalError(error, request, reply);
    try {
      const problem = toProblem(error, request);
      exchange.problem = problem;
      const { example, headers } = problem;
      void sendResponse(reply, exchange.operation?.response(example) ?? contract.response(example), headers);
    } catch (fault) {
      sendInternalError(fault, request, reply);
    }
  }

  /** The last resort: bytes that were made at the start, past everything that may have failed. */
  function sendInternalError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { raw } = reply.hijack();
    if (raw.headersSent) return void raw.destroy();
    request.exchange.problem = new Problem('internalError', { cause: error });
    request.exchange.responseBody = internalErrorBody;
    for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
    const headers = {
      ...commonHeaders(request.id),
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': String(internalErrorBytes.length),
    };
    // For the check of answers.
    reply.code(500).headers(headers);
    if (hasUnreadBody(request.raw)) closeAfter(raw);
    raw.writeHead(500, headers).end(internalErrorBytes);
  }
}

/** Fastify with its limits, and with nothing that it would answer or read by itself. */
function createFastify(
  { trustedProxies }: AppOptions,
  onBadUrl: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void,
): FastifyInstance {
  const app = fastify({
    // One line per request, ours: see log.ts. Fastify's own lines quote what it was sent.
    logger: false,
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    // Fastify's own comparison takes 10.0.0.2:1234 for no address at all.
    trustProxy: trustedProxies ? trustRanges(trustedProxies) : false,
    exposeHeadRoutes: false,
    // Fastify's own 503 while closing would break kept-alive connections in the middle of a drain.
    return503OnClosing: false,
    requestTimeout: HTTP_LIMITS.requestTimeout,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    keepAliveTimeout: HTTP_LIMITS.keepAliveTimeout,
    http: {
      ...HTTP_LIMITS,
      // Node's own refusal has no body: see checkHead.
      requireHostHeader: false,
    },
    // No hook runs for a URL that can't be read.
    frameworkErrors: onBadUrl,
  });
  // Node counts too, and older ones drop what is above 2,000 unseen: a second key, the idempotency key.
  app.server.maxHeadersCount = 0;
  // The body is left where it is: its operation reads it. Fastify would close the connection behind an error in a body,
  // also where the next request has come already.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  for (const method of METHODS) {
    if (!app.supportedMethods.includes(method) && method !== 'CONNECT') app.addHttpMethod(method);
  }
  return app;
}

/**
 * Makes the response the last of its connection where its request's body is still on its way. What Node has read of it
 * is parsed by the next turn of the event loop: where that is all of it, the connection stays.
 */
function closeBehindUnreadBody(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: DoneFuncWithErrOrRes,
): void {
  if (!hasUnreadBody(raw)) return done(null, payload);
  leaveUnread(raw);
  setImmediate(() => {
    try {
      if (hasUnreadBody(raw)) closeAfter(reply.raw);
      done(null, payload);
    } catch (error) {
      // What sends the response throws here, where nobody else would catch it.
      done(error as Error);
    }
  });
}

function sendResponse(
  reply: FastifyReply,
  response: ContractResponse,
  headers: Readonly<Record<string, string>> = {},
): FastifyReply {
  const { exchange } = reply.request;
  // An address above its limit of failures has to connect again each time.
  const isOverFailureLimit = response.status === 429 && exchange.tenant === undefined;
  if (isOverFailureLimit && isLastInPipeline(reply.raw)) closeAfter(reply.raw);
  exchange.responseBody = response.body;
  return reply
    .code(response.status)
    .headers({ ...response.headers, ...headers })
    .send(response.body);
}

const describeSentResponse = (request: FastifyRequest, reply: FastifyReply): SentResponse => ({
  requestId: request.id,
  operation: request.exchange.operation?.id,
  status: reply.statusCode,
  headers: reply.getHeaders(),
  body: request.exchange.responseBody,
});

const commonHeaders = (requestId: string) => ({
  'X-Request-Id': requestId,
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
});

/** What Fastify throws before a handler runs, said in the contract's words. Everything unknown is our fault. */
function toProblem(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof Problem) {
    // Where the body comes in chunks, its media type is looked at behind it.
    const isUnsupported = error.example === 'bodyTooLarge' && !isSupportedMediaType(request);
    return isUnsupported ? new Problem('unsupportedMediaType') : error;
  }
  // Of what is thrown and is no error, nothing is read: that could throw as well.
  switch (error instanceof Error ? (error as FastifyError).code : '') {
    // A media type that is none. Where the body comes in chunks it is looked at only here.
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Problem('unsupportedMediaType');
    case 'FST_ERR_BAD_URL':
      return new Problem('invalidRequest');
    default:
      return new Problem('internalError', { cause: error });
  }
}

/** Sent by a proxy that we trust. It sends others' requests over the same connection: closing it early could lose one. */
const isForwarded = ({ ips = [] }: FastifyRequest): boolean => ips.length > 1;

/** A browser's question whether a page may ask: no request to the API, and no part of the contract. */
const isPreflight = ({ method, headers }: FastifyRequest): boolean =>
  method === 'OPTIONS' && Boolean(headers.origin && headers['access-control-request-method']);

/** A plain OPTIONS is no question of a browser's: it is answered as without CORS. */
const corsOptions = (origins: '*' | readonly string[]): FastifyCorsOptions => ({
  delegator: (request, done) => {
    const isPlain = request.method === 'OPTIONS' && !isPreflight(request);
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

/** RFC 9112, section 3.2: a request of HTTP/1.1 without a Host, or with two, is refused. Node reads 0.9 and 2.0 as well. */
function checkHttpVersionAndHost({ raw }: FastifyRequest): void {
  const hosts = readHeaderValues(raw, 'host').length;
  const isHttp = raw.httpVersion === '1.0' || (raw.httpVersion === '1.1' && hosts === 1);
  if (!isHttp || hosts > 1) throw new Problem('invalidRequest');
}

/** All values of a header, by its name in lower case. Node's own `headersDistinct` sorts all headers for that. */
function readHeaderValues({ rawHeaders }: IncomingMessage, name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const other = rawHeaders[at]!;
    if (other.length === name.length && other.toLowerCase() === name) values.push(rawHeaders[at + 1]!);
  }
  return values;
}

const readContentLength = ({ headers }: FastifyRequest): number => Number(headers['content-length'] ?? 0);

function checkMediaType(request: FastifyRequest): void {
  if (!isSupportedMediaType(request)) throw new Problem('unsupportedMediaType');
}

/** Plain JSON: whatever else would have to be guessed at, two media types or a packed body among it. */
function isSupportedMediaType({ headers, raw, exchange }: FastifyRequest): boolean {
  const [contentType = '', ...repeats] = readHeaderValues(raw, 'content-type');
  const [mediaType = ''] = contentType.split(';', 1);
  const isPlain =
    (headers['content-encoding']?.toLowerCase() ?? 'identity') === 'identity' &&
    (headers['transfer-encoding']?.toLowerCase() ?? 'chunked') === 'chunked';
  return repeats.length === 0 && isPlain && exchange.operation!.mediaTypes.includes(mediaType.trim().toLowerCase());
}
