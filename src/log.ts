import { isSpanContextValid } from '@opentelemetry/api';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { GatewayError } from './payments/gateway.ts';
import type { Problem } from './problems.ts';

/**
 * Writes the one line that every request leaves in the log, when its connection is done with it, answered or not.
 *
 * Only what is named here is logged: no header, no URL, no body, nobody's words. The operation says which path it was.
 */
export function logLine(
  logger: FastifyBaseLogger,
  request: FastifyRequest,
  reply: FastifyReply,
  durationMs: number,
): void {
  const { problem } = request;
  const line = {
    requestId: request.id,
    traceId: traceIdOf(request),
    tenant: request.tenant,
    operation: request.operation?.id,
    method: request.method,
    status: reply.raw.headersSent ? reply.statusCode : undefined,
    durationMs: Math.round(durationMs * 10) / 10,
    ...(reply.raw.writableFinished ? {} : { aborted: true }),
    ...(problem && { problem: problem.example, cause: causeOf(problem) }),
    ...request.facts,
  };
  if (reply.statusCode >= 500) logger.error(line, 'request');
  else if (request.facts?.droppedMethodTypes) logger.warn(line, 'request: payment method types were dropped');
  else logger.info(line, 'request');
}

/** Where nothing is traced, the id is all zeros. */
function traceIdOf({ span }: FastifyRequest): string | undefined {
  const traced = span?.spanContext();
  return traced && isSpanContextValid(traced) ? traced.traceId : undefined;
}

/** The words of an error can quote a key or a customer: only our own words are logged, and of others the place and the code. */
function causeOf({ cause }: Problem): object | undefined {
  if (cause instanceof GatewayError) return { fault: cause.fault, reason: cause.message, ...cause.details };
  if (!(cause instanceof Error)) return undefined;
  // The first lines are the message, which may look like places itself.
  const places = cause.stack?.split('\n').slice(String(cause).split('\n').length) ?? [];
  return { name: cause.name, code: (cause as NodeJS.ErrnoException).code, stack: places.map((line) => line.trim()) };
}
