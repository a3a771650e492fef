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
import { checkHost } from './headers.ts';
import { closeBehindUnreadBody, commonHeaders, errorHandlers, sendResponse } from './reply.ts';
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
  /** Origins whose pages may call from a browser, '*' for all. Default: none, as the API key belongs on a server. */
  corsOrigins?: '*' | readonly string[] | undefined;
}

/** The HTTP side of the service: it hands every request to the contract's engine, and sends the response. */
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
  // An error in a route's own error handler goes to the one of the app. Fastify's own would quote it.
  app.setErrorHandler(sendInternalError);
  app.addHook('onRoute', (route) => void (route.errorHandler = sendProblem));
  // What needs no waiting uses no promise: these hooks run for every request.
  app.addHook('onRequest', (request, reply, done) => {
    onRequestStart(request, reply);
    checkHost(request.raw);
    // A page has no use for a body.
    if (request.routeOptions.config.label !== undefined) leaveUnread(request.raw);
    done();
  });
  app.addHook('onSend', closeBehindUnreadBody);
  app.addHook('onClose', async () => requestLogs.flush());
  if (options.corsOrigins) await app.register(cors, corsOptions(options.corsOrigins));

  const handler = async (request: FastifyRequest, reply: FastifyReply) =>
    sendResponse(reply, await contract.handleRequest(engineRequest(request), new EngineCall(request, reply, options)));
  // With CORS, OPTIONS is a route of @fastify/cors: what is no preflight comes back from there as not found.
  const methods = app.supportedMethods.filter((method) => method !== 'OPTIONS' || !options.corsOrigins);
  app.route({ method: methods, url: '/*', handler });
  // Fastify takes an error handler here as it does for a route; its types leave it out.
  app.setNotFoundHandler({ errorHandler: sendProblem } as object, handler);
  return app;

  function onRequestStart(request: FastifyRequest, reply: FastifyReply): void {
    request.requestLog = requestLogs.start(request, reply);
    reply.headers(commonHeaders(request.id));
    if (options.trustedProxies && !isKeptOpen(reply.raw) && isForwarded(request)) keepOpen(reply.raw);
  }
}

/** Sent by a proxy that we trust. It sends others' requests over the same connection: closing it early could lose one. */
const isForwarded = ({ ips = [] }: FastifyRequest): boolean => ips.length > 1;

/** Fastify with its limits, and with nothing that it would respond to or read by itself. */
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
    // Fastify listens for `localhost` with a server for each of its addresses, unless the server was made here. Connections of
    // the others would be nobody's: no limit, no envelope, no drain.
    serverFactory: (handle) => {
      // Node's own refusal of a missing Host has no body: see checkHost.
      const server = createServer({ ...HTTP_LIMITS, requireHostHeader: false }, handle);
      return server.setTimeout(CONNECTION_TIMEOUT_MS);
    },
    // No hook runs for a URL that can't be read.
    frameworkErrors: onBadUrl,
  });
  // Node counts too, and older ones drop what is above 2,000 unseen: a second key, the idempotency key.
  app.server.maxHeadersCount = 0;
  // Of no method does Fastify read a body, or look at its media type: the engine does, once the API key was accepted.
  for (const method of METHODS) {
    if (method !== 'CONNECT') app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  }
  return app;
}
