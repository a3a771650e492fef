import { isSpanContextValid, type Span } from '@opentelemetry/api';
import type { FastifyBaseLogger } from 'fastify';
import { pino, type Logger } from 'pino';
import { LogDestination } from './logDestination.ts';
import { GatewayError } from '../payments/gateway.ts';
import type { OperationLogFields } from '../contract/handler.ts';
import type { Problem } from '../contract/problems.ts';

/**
 * Opens the log on standard output. From then on, write errors there or on standard error do not stop the process.
 *
 * Accessing `process.stdout` makes a pipe non-blocking: a blocking write to a stalled reader would occupy a thread, and the process
 * could not exit.
 */
export function openLog(level: string): Logger {
  // For console.log: without a listener, a stream's error is an uncaught exception.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return pino({ level }, new LogDestination(process.stdout.fd));
}

/**
 * Writes the single log line of a request, after its response was sent or its client disconnected.
 *
 * Logs only the fields named here: no headers, URLs, bodies or foreign error messages. The operation stands for the path.
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
  /** 0 if no response was sent. */
  status: number;
  durationMs: number;
  /** The client disconnected before the end of its response. */
  isAborted: boolean;
  span?: Span | undefined;
}

/**
 * Limits log lines to two a second for each kind of event: one for the first event, and one for the number of its repeats.
 *
 * `onRepeats` is called at the end of the second, with the fields of the kind and the number of repeats.
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
    /** Ends the second early, so that no count is lost when the process exits. */
    flush,
  };
}

/** Without tracing, the ID is all zeros. */
function readTraceId(span: Span | undefined): string | undefined {
  const traced = span?.spanContext();
  return traced && isSpanContextValid(traced) ? traced.traceId : undefined;
}

/** Logs our own messages only; of other errors the stack and the code. */
function causeFields({ cause }: Problem): object | undefined {
  if (cause instanceof GatewayError) return { fault: cause.fault, reason: cause.message, ...cause.details };
  return cause === undefined ? undefined : errorWithoutMessage(cause);
}

/** The fields of an error without its message, which can quote keys or customer data. */
export function errorWithoutMessage(error: unknown): object {
  if (!(error instanceof Error)) return { name: typeof error };
  // The first lines of a stack are the message, which may itself look like stack frames.
  const frames = error.stack?.split('\n').slice(String(error).split('\n').length) ?? [];
  return { name: error.name, code: (error as NodeJS.ErrnoException).code, stack: frames.map((line) => line.trim()) };
}
