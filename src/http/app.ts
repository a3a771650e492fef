import { randomUUID } from 'node:crypto';
import { createServer, METHODS } from 'node:http';
import cors from '@fastify/cors';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { leaveUnread } from './body.ts';
import { trustRanges } from '../access/callerAddress.ts';
import { handleParserErrors } from './parserErrors.ts';
import { CONNECTION_TIMEOUT_MS, closeAfter, HTTP_LIMITS, isKeptOpen, hasUnreadBody, keepOpen } from './connections.ts';
import type { Contract } from '../contract/engine.ts';
import { Problem } from '../contract/problems.ts';
import { corsOptions } from './cors.ts';
import { EngineCall, engineRequest, type AccessOptions } from './engineCall.ts';
import { checkHost, commonHeaders } from './headers.ts';
import { closeAfterUnreadBody, errorHandlers, sendResponse } from './reply.ts';
import { RequestLogs, type RequestLog, type RequestLogOptions } from './requestLog.ts';

declare module 'fastify' {
  interface FastifyRequest {
    requestLog: RequestLog;
  }
}

export interface AppOptions extends AccessOptions, RequestLogOptions {
  contract: Contract;
  /** Trusted proxies (addresses or CIDR ranges). Default: none; X-Forwarded-For is ignored. */
  trustedProxies?: readonly string[] | undefined;
  /** Origins whose pages may call from a browser, '*' for all, and with credentials. Default: none, as the API key belongs on a server. */
  corsOrigins?: '*' | readonly string[] | undefined;
}

/** The HTTP layer: passes every request to the contract's engine and sends the response. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { contract, validateResponse } = options;
  const requestLogs = new RequestLogs(options);
  const { sendProblem, sendInternalError } = errorHandlers(contract);
  const app = createFastify(options, (_error, request, reply) => {
    onRequestStart(request, reply);
    if (hasUnreadBody(request.raw)) closeAfter(reply.raw);
    sendProblem(new Problem('invalidRequest'), request, reply);
  });
  handleParserErrors(app.server, {
    contract,
    createHeaders: commonHeaders,
    validateResponse,
    onRefused: (refusal) => requestLogs.refused(refusal),
  });

  app.decorateRequest('requestLog');
  // Receives errors of a route's own error handler. Fastify's default would send their messages.
  app.setErrorHandler(sendInternalError);
  app.addHook('onRoute', (route) => void (route.errorHandler = sendProblem));
  // Synchronous hooks use no promise: they run for every request.
  app.addHook('onRequest', (request, reply, done) => {
    onRequestStart(request, reply);
    checkHost(request.raw);
    // Pages read no body.
    if (request.routeOptions.config.label !== undefined) leaveUnread(request.raw);
    done();
  });
  app.addHook('onSend', closeAfterUnreadBody);
  app.addHook('onClose', async () => requestLogs.flush());
  if (options.corsOrigins) await app.register(cors, corsOptions(options.corsOrigins));

  const handler = async (request: FastifyRequest, reply: FastifyReply) =>
    sendResponse(reply, await contract.handleRequest(engineRequest(request), new EngineCall(request, reply, options)));
  // With CORS, OPTIONS is a route of @fastify/cors, which passes on what is not a preflight as not found.
  const methods = app.supportedMethods.filter((method) => method !== 'OPTIONS' || !options.corsOrigins);
  app.route({ method: methods, url: '/*', handler });
  // Fastify accepts an error handler here, as for a route; its types omit it.
  app.setNotFoundHandler({ errorHandler: sendProblem } as object, handler);
  return app;

  function onRequestStart(request: FastifyRequest, reply: FastifyReply): void {
    request.requestLog = requestLogs.start(request, reply);
    reply.headers(commonHeaders(request.id));
    if (options.trustedProxies && !isKeptOpen(reply.raw) && isForwarded(request)) keepOpen(reply.raw);
  }
}

/** Sent by a trusted proxy, which reuses the connection for other clients: closing it early could lose a request. */
const isForwarded = ({ ips = [] }: FastifyRequest): boolean => ips.length > 1;

/** Fastify with limits, and without responses, logging and body parsing of its own. */
function createFastify(
  { trustedProxies }: AppOptions,
  onBadUrl: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void,
): FastifyInstance {
  const app = fastify({
    // log.ts writes one line per request. Fastify's lines quote the request.
    logger: false,
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    // Fastify's own comparison does not accept an address with a port (10.0.0.2:1234).
    trustProxy: trustedProxies ? trustRanges(trustedProxies) : false,
    exposeHeadRoutes: false,
    // Fastify's 503 while closing would break keep-alive connections during a drain.
    return503OnClosing: false,
    // Fastify listens on `localhost` with one server per address, unless the server is created here. Connections of the others
    // would have no limits, no responses of ours to parser errors, and no drain.
    serverFactory: (handle) => {
      // checkHost rejects a missing Host instead: Node's response has no body.
      const server = createServer({ ...HTTP_LIMITS, requireHostHeader: false }, handle);
      return server.setTimeout(CONNECTION_TIMEOUT_MS);
    },
    // Fastify runs no hook for a malformed URL.
    frameworkErrors: onBadUrl,
  });
  // Node silently drops headers above a count (2,000 in older versions), such as a second API key or the idempotency key.
  app.server.maxHeadersCount = 0;
  // Fastify reads no bodies and checks no media types: the engine does, after authentication.
  for (const method of METHODS) {
    if (method !== 'CONNECT') app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  }
  return app;
}
