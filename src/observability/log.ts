import { isSpanContextValid, type Span } from '@opentelemetry/api';
import type { FastifyBaseLogger } from 'fastify';
import { pino, type Logger } from 'pino';
import { LogDestination } from './logDestination.ts';
import { GatewayError } from '../payments/gateway.ts';
import type { OperationLogFields } from '../contract/handler.ts';
import type { Problem } from '../contract/problems.ts';

/**
 * The log, on standard output. From here on, nothing that can't be written there or on standard error stops the process.
 *
 * Reading `process.stdout` makes a pipe one that does not block: a write to a reader who has stopped would hold a thread, for
 * which the end of the process waits.
 */
export function openLog(level: string): Logger {
  // What console.log writes: without a listener, an error of a stream is an uncaught exception.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return pino({ level }, new LogDestination(process.stdout.fd));
}

/**
 * Writes the one line that every request leaves in the log, when its connection is done with it, answered or not.
 *
 * Only what is named here is logged: no header, no URL, no body, nobody's words. The operation says which path it was.
 */
export function logRequest(logger: FastifyBaseLogger, request: LoggedRequest): void {
  const { requestId, span, tenant, operation, method, status, durationMs, isAborted, problem, logFields } = request;
  const line = {
    requestId,
    traceId: readTraceId(span),
    tenant,
    operation,
    method,
    status: status || undefined,
    durationMs: Math.round(durationMs * 10) / 10,
    aborted: isAborted || undefined,
    ...(problem && { problem: problem.example, cv_reference: problem.reference, cause: causeFields(problem) }),
    ...logFields,
  };
  if (status >= 500) logger.error(line, 'request');
  else if (logFields?.droppedMethodTypes) logger.warn(line, 'request: payment method types were dropped');
  else logger.info(line, 'request');
}

export interface LoggedRequest {
  requestId: string;
  method: string;
  operation?: string | undefined;
  tenant?: string | undefined;
  problem?: Problem | undefined;
  logFields?: OperationLogFields | undefined;
  /** 0 where no response was sent. */
  status: number;
  durationMs: number;
  /** The client left before the end of its response. */
  isAborted: boolean;
  span?: Span | undefined;
}

/**
 * Tells the first event of a kind in each second from its repeats, so that a flood costs two lines a second.
 *
 * `onRepeats` gets the fields of the kind, with the number of its repeats, when their second is over.
 */
export function oncePerSecond<Kind extends object>(onRepeats: (kind: Kind & { suppressed: number }) => void) {
  const repeats = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    for (const [kind, suppressed] of repeats) {
      if (suppressed > 0) onRepeats({ ...(JSON.parse(kind) as Kind), suppressed });
    }
    repeats.clear();
  };
  return {
    isFirst: (kind: Kind): boolean => {
      const name = JSON.stringify(kind);
      const count = repeats.get(name);
      repeats.set(name, count === undefined ? 0 : count + 1);
      timer ??= setTimeout(flush, 1_000).unref();
      return count === undefined;
    },
    /** Ends the second early, so that no number is lost with the process. */
    flush,
  };
}

/** Where nothing is traced, the id is all zeros. */
function readTraceId(span: Span | undefined): string | undefined {
  const traced = span?.spanContext();
  return traced && isSpanContextValid(traced) ? traced.traceId : undefined;
}

/** Only our own words are logged; of any other error the place and the code. */
function causeFields({ cause }: Problem): object | undefined {
  if (cause instanceof GatewayError) return { fault: cause.fault, reason: cause.message, ...cause.details };
  return cause === undefined ? undefined : errorWithoutMessage(cause);
}

/** An error without its words, which can quote a key or a customer. */
export function errorWithoutMessage(error: unknown): object {
  if (!(error instanceof Error)) return { name: typeof error };
  // The first lines are the message, which may look like places itself.
  const places = error.stack?.split('\n').slice(String(error).split('\n').length) ?? [];
  return { name: error.name, code: (error as NodeJS.ErrnoException).code, stack: places.map((line) => line.trim()) };
}
