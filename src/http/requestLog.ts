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
    const ended = log.end();
    const { operation, tenant, problem, logFields, refusal, durationMs, span, responseBody } = ended;
    const { headersSent, writableFinished } = reply.raw;
    const status = refusal?.status ?? (headersSent ? reply.statusCode : 0);
    const isUnauthenticatedError = tenant === undefined && problem !== undefined && status < 500;
    if (!isUnauthenticatedError || this.#refusals.isFirst({ status, problem: problem.example })) {
      const isAborted = !refusal && !writableFinished;
      logRequest(logger, { ...ended, requestId: request.id, method: request.method, status, isAborted });
    }
    const { label } = request.routeOptions.config;
    metrics?.countRequest({ operation: operation ?? label, status, durationMs });
    metrics?.countDroppedTypes(logFields?.droppedMethodTypes ?? []);
    if (span) endSpan(span, status);
    const isContractResponse = label === undefined && !isPreflight(request);
    if (isContractResponse && !refusal && headersSent) {
      validateResponse?.({ requestId: request.id, operation, status, headers: reply.getHeaders(), body: responseBody });
    }
  }
}

/** Collects the data of one request for its log line, metrics and span. */
export class RequestLog {
  readonly #startedAt = performance.now();
  readonly #tracked: TrackedRequest;
  #operation: Operation | undefined;
  #tenant: string | undefined;
  #span: Span | undefined;
  #problem: Problem | undefined;
  #logFields: OperationLogFields | undefined;
  #responseBody: object | undefined;
  #operationDone: Promise<void> | undefined;

  constructor(tracked: TrackedRequest) {
    this.#tracked = tracked;
  }

  get operation(): Operation | undefined {
    return this.#operation;
  }

  get tenant(): string | undefined {
    return this.#tenant;
  }

  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** Whether a parser error rejected this request. */
  get isRefused(): boolean {
    return this.#tracked.refusal !== undefined;
  }

  get hasResponse(): boolean {
    return this.#responseBody !== undefined;
  }

  routed(operation: Operation): void {
    this.#operation = operation;
  }

  /** Starts the span, as a child of the caller's. Unauthenticated clients can neither choose our trace IDs nor cause exports. */
  authenticated(tenant: string, traceparent: unknown): void {
    this.#tenant = tenant;
    this.#span = requestSpan(this.#operation!.method, this.#operation!.path, traceparent);
  }

  failed(problem: Problem): void {
    this.#problem = problem;
  }

  responded(body: object): void {
    this.#responseBody = body;
  }

  /** Runs the operation in the span. RequestLogs waits for it, even if the client disconnects. */
  async runOperation(
    run: () => Promise<OperationResponse>,
    asProblem: (error: unknown) => Problem,
  ): Promise<OperationResponse> {
    const response = runInSpan(this.#span, run);
    this.#operationDone = response.then(
      ({ logFields }) => void (this.#logFields = logFields),
      // If the client has disconnected, the line is logged before the error handler gets this error.
      (error: unknown) => void (this.#problem = asProblem(error)),
    );
    return response;
  }

  /** Settles with the operation. Undefined if none was started. */
  get operationDone(): Promise<void> | undefined {
    return this.#operationDone;
  }

  /** All collected data. */
  end() {
    const { refusal } = this.#tracked;
    return {
      operation: this.#operation?.id,
      tenant: this.#tenant,
      problem: refusal ? Problem.named(refusal.problem) : this.#problem,
      logFields: this.#logFields,
      refusal,
      durationMs: performance.now() - this.#startedAt,
      span: this.#span,
      responseBody: this.#responseBody,
    };
  }
}
