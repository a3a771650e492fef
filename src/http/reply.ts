import type { DoneFuncWithErrOrRes, FastifyReply, FastifyRequest } from 'fastify';
import { leaveUnread } from './body.ts';
import { closeAfter, isLastInPipeline, hasUnreadBody } from './connections.ts';
import type { Contract } from '../contract/engine.ts';
import { Problem } from '../contract/problems.ts';
import type { ContractResponse } from '../contract/responses.ts';

/** Headers of every response. */
export const commonHeaders = (requestId: string) => ({
  'X-Request-Id': requestId,
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
});

/** Thrown where a connection was refused, or has ended, in the middle of a request: nobody would read a response. */
export const CONNECTION_ENDED = new Error('The connection has ended in the middle of the request');

/** The only place that sends responses of the contract. */
export function sendResponse(
  reply: FastifyReply,
  { status, headers, body }: ContractResponse,
  ownHeaders: Readonly<Record<string, string>> = {},
): FastifyReply {
  const { requestLog } = reply.request;
  // An address above its limit of failures has to connect again each time.
  const isOverFailureLimit = status === 429 && requestLog.tenant === undefined;
  if (isOverFailureLimit && isLastInPipeline(reply.raw)) closeAfter(reply.raw);
  requestLog.responded(body);
  return reply
    .code(status)
    .headers({ ...headers, ...ownHeaders })
    .send(body);
}

/** Fastify's error handlers: they send what failed as the problem that it is, in the words of the contract. */
export function errorHandlers(contract: Contract) {
  const { body: internalErrorBody } = contract.problemResponse('internalError');
  const internalErrorBytes = Buffer.from(JSON.stringify(internalErrorBody));

  function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    // The client left in the middle of its body: nobody is there to read a response, and it is no fault of ours.
    if (error === request.raw.errored || error === CONNECTION_ENDED) return void reply.hijack();
    const { requestLog } = request;
    // What fails while a response is sent may fail again with the same headers.
    if (requestLog.hasResponse) return sendInternalError(error, request, reply);
    try {
      const problem = toProblem(error);
      requestLog.failed(problem);
      void sendResponse(reply, contract.problemResponse(problem.example, requestLog.operation), problem.headers);
    } catch (fault) {
      sendInternalError(fault, request, reply);
    }
  }

  /** The last resort: bytes that were made at the start, past everything that may have failed. */
  function sendInternalError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { raw } = reply.hijack();
    if (raw.headersSent) return void raw.destroy();
    request.requestLog.failed(new Problem('internalError', { cause: error }));
    request.requestLog.responded(internalErrorBody);
    for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
    const headers = {
      ...commonHeaders(request.id),
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': String(internalErrorBytes.length),
    };
    // For the check of responses.
    reply.code(500).headers(headers);
    if (hasUnreadBody(request.raw)) closeAfter(raw);
    raw.writeHead(500, headers).end(internalErrorBytes);
  }

  return { sendProblem, sendInternalError };
}

/** Everything that is no Problem is a fault of ours. */
export const toProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : new Problem('internalError', { cause: error });

/**
 * Makes the response the last of its connection where its request's body is still on its way. What Node has read of it
 * is parsed by the next turn of the event loop: where that is all of it, the connection stays.
 */
export function closeBehindUnreadBody(
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
