import type { DoneFuncWithErrOrRes, FastifyReply, FastifyRequest } from 'fastify';
import { leaveUnread } from './body.ts';
import { closeAfter, isLastInPipeline, hasUnreadBody } from './connections.ts';
import type { Contract } from '../contract/engine.ts';
import { Problem } from '../contract/problems.ts';
import { commonHeaders, JSON_TYPE } from './headers.ts';
import type { ContractResponse } from '../contract/responses.ts';

/** Thrown if the connection was rejected or closed during a request: no response can be sent. */
export const CONNECTION_ENDED = new Error('The connection ended during the request');

/** Sends a response of the contract. Everything but the last resort goes through here. */
export function sendResponse(
  reply: FastifyReply,
  { status, headers, body }: ContractResponse,
  ownHeaders: Readonly<Record<string, string>> = {},
): FastifyReply {
  const { requestLog } = reply.request;
  // An address above its failure limit must reconnect for each request.
  const isOverFailureLimit = status === 429 && requestLog.tenant === undefined;
  if (isOverFailureLimit && isLastInPipeline(reply.raw)) closeAfter(reply.raw);
  requestLog.responseBody = body;
  reply.code(status).headers(headers).headers(ownHeaders);
  const text = fixedTexts.get(body);
  return text === undefined ? reply.send(body) : reply.type(JSON_TYPE).send(text);
}

/** Problems have the bodies of their examples: each is made text once. */
const fixedTexts = new WeakMap<object, string>();

/** Fastify's error handlers: they send an error as the contract's response to its problem. */
export function errorHandlers(contract: Contract) {
  const { headers: internalErrorHeaders, body: internalErrorBody } = contract.problemResponse('internalError');
  const internalErrorBytes = Buffer.from(JSON.stringify(internalErrorBody));

  function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    // The client disconnected while sending its body.
    if (error === request.raw.errored || error === CONNECTION_ENDED) return void reply.hijack();
    const { requestLog } = request;
    // An error while sending a response may recur with the same headers.
    if (requestLog.responseBody) return sendInternalError(error, request, reply);
    try {
      const problem = toProblem(error);
      requestLog.problem = problem;
      const response = contract.problemResponse(problem.example, requestLog.operation);
      if (!fixedTexts.has(response.body)) fixedTexts.set(response.body, JSON.stringify(response.body));
      void sendResponse(reply, response, problem.headers);
    } catch (fault) {
      sendInternalError(fault, request, reply);
    }
  }

  /** The last resort: prepared bytes, sent without Fastify. */
  function sendInternalError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { raw } = reply.hijack();
    if (raw.headersSent) return void raw.destroy();
    request.requestLog.problem = new Problem('internalError', { cause: error });
    request.requestLog.responseBody = internalErrorBody;
    for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
    const headers = {
      ...commonHeaders(request.id),
      ...internalErrorHeaders,
      'Content-Type': JSON_TYPE,
      'Content-Length': String(internalErrorBytes.length),
    };
    // For response validation, which reads Fastify's reply.
    reply.code(500).headers(headers);
    if (hasUnreadBody(request.raw)) closeAfter(raw);
    raw.writeHead(500, headers).end(internalErrorBytes);
  }

  return { sendProblem, sendInternalError };
}

export const toProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : new Problem('internalError', { cause: error });

/**
 * Closes the connection after a response whose request's body has not fully arrived. What Node has already read is parsed by
 * the next turn of the event loop: if the body is complete then, the connection stays open.
 */
export function closeAfterUnreadBody(
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
      // Sending the response may throw, and no one else would catch it in this callback.
      done(error as Error);
    }
  });
}
