import type { Span } from '@opentelemetry/api';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import type { ValidateResponse } from '../contract/responseValidation.ts';
import { trackRequest, type TrackedRequest } from './parserErrors.ts';
import type { Operation } from '../contract/document.ts';
import type { OperationResponse } from '../contract/engine.ts';
import type { OperationLogFields } from '../contract/handler.ts';
import { Problem, type ProblemName } from '../contract/problems.ts';
import { logRequest, oncePerSecond } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { endSpan, requestSpan, runInSpan } from '../observability/tracing.ts';
import { isPreflight } from './cors.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The name in the metrics of a route that belongs to no operation. */
    label?: string;
  }
}

export interface RequestLogOptions {
  logger: FastifyBaseLogger;
  metrics?: Metrics | undefined;
  validateResponse?: ValidateResponse | undefined;
}

/** Creates a RequestLog for each request, and writes log lines, metrics and spans when it ends. */
export class RequestLogs {
  readonly #options: RequestLogOptions;
  /** Unauthenticated clients must not be able to flood the log. */
  readonly #refusals;

  constructor(options: RequestLogOptions) {
    this.#options = options;
    this.#refusals = oncePerSecond<{ status: number; problem: ProblemName }>((repeats) =>
      options.logger.info(repeats, 'more rejections of this kind within one second'),
    );
  }

  /** Tracks a request until its response is sent or the client disconnects. */
  start(request: FastifyRequest, reply: FastifyReply): RequestLog {
    const log = new RequestLog(trackRequest(reply.raw, request.id));
    reply.raw.once('close', () => {
      if (log.operationDone) void log.operationDone.then(() => this.#end(log, request, reply));
      else this.#end(log, request, reply);
    });
    return log;
  }

  /** Logs a request that was rejected before it reached Fastify. */
  refused(refusal: { requestId: string; status: number; problem: ProblemName }): void {
    const { status, problem } = refusal;
    const { logger, metrics } = this.#options;
    if (this.#refusals.isFirst({ status, problem })) logger.info(refusal, 'rejected before routing');
    metrics?.countRequest({ operation: undefined, status });
  }

  flush(): void {
    this.#refusals.flush();
  }

  #end(log: RequestLog, request: FastifyRequest, reply: FastifyReply): void {
    const { logger, metrics, validateResponse } = this.#options;
    const { refusal, tenant, span, logFields, responseBody } = log;
    const { id: requestId, method } = request;
    const { headersSent, writableFinished } = reply.raw;
    const operation = log.operation?.id;
    const problem = refusal ? Problem.named(refusal.problem) : log.problem;
    const status = refusal?.status ?? (headersSent ? reply.statusCode : 0);
    const durationMs = performance.now() - log.startedAt;
    const isAborted = !refusal && !writableFinished;
    const logged = { requestId, method, operation, tenant, problem, logFields, span, status, durationMs, isAborted };
    const isUnauthenticatedError = tenant === undefined && problem !== undefined && status < 500;
    if (!isUnauthenticatedError || this.#refusals.isFirst({ status, problem: problem.example })) {
      logRequest(logger, logged);
    }
    const { label } = request.routeOptions.config;
    metrics?.countRequest({ operation: operation ?? label, status, durationMs });
    metrics?.countDroppedTypes(logFields?.droppedMethodTypes ?? []);
    if (span) endSpan(span, status);
    const isContractResponse = label === undefined && !isPreflight(request);
    if (isContractResponse && !refusal && headersSent) {
      validateResponse?.({ requestId, operation, status, headers: reply.getHeaders(), body: responseBody });
    }
  }
}

/** Collects the data of one request for its log line, metrics and span. */
export class RequestLog {
  readonly startedAt = performance.now();
  /** Undefined until the request is routed. */
  operation: Operation | undefined;
  /** Undefined until the request is authenticated, as is the span. */
  tenant: string | undefined;
  span: Span | undefined;
  problem: Problem | undefined;
  logFields: OperationLogFields | undefined;
  /** Undefined until a response is sent. */
  responseBody: object | undefined;
  /** Settles with the operation. Undefined if none was started. */
  operationDone: Promise<void> | undefined;
  readonly #tracked: TrackedRequest;

  constructor(tracked: TrackedRequest) {
    this.#tracked = tracked;
  }

  /** Set if a parser error rejected this request. */
  get refusal(): TrackedRequest['refusal'] {
    return this.#tracked.refusal;
  }

  /** Starts the span, as a child of the caller's. Unauthenticated clients can neither choose our trace IDs nor cause exports. */
  authenticated(tenant: string, traceparent: unknown): void {
    this.tenant = tenant;
    this.span = requestSpan(this.operation!.method, this.operation!.path, traceparent);
  }

  /** Runs the operation in the span. RequestLogs waits for it, even if the client disconnects. */
  async runOperation(
    run: () => Promise<OperationResponse>,
    asProblem: (error: unknown) => Problem,
  ): Promise<OperationResponse> {
    const response = runInSpan(this.span, run);
    this.operationDone = response.then(
      ({ logFields }) => void (this.logFields = logFields),
      // If the client has disconnected, the line is logged before the error handler gets this error.
      (error: unknown) => void (this.problem = asProblem(error)),
    );
    return response;
  }
}
