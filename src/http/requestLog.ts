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

/** Makes a RequestLog for each request, and writes what several of them share. */
export class RequestLogs {
  readonly #options: RequestLogOptions;
  /** Anyone can be refused, as often as they like: that must not fill the log. */
  readonly #refusals;

  constructor(options: RequestLogOptions) {
    this.#options = options;
    this.#refusals = oncePerSecond<{ status: number; problem: ProblemName }>((repeats) =>
      options.logger.info(repeats, 'more refusals of this kind within a second'),
    );
  }

  /** Follows a request until its connection is done with it: the response is sent, or the client is gone. */
  start(request: FastifyRequest, reply: FastifyReply): RequestLog {
    const log = new RequestLog(trackRequest(reply.raw, request.id));
    reply.raw.once('close', () => {
      if (log.operationDone) void log.operationDone.then(() => this.#end(log, request, reply));
      else this.#end(log, request, reply);
    });
    return log;
  }

  /** A refusal of what never became a request. */
  refused(refusal: { requestId: string; status: number; problem: ProblemName }): void {
    const { status, problem } = refusal;
    const { logger, metrics } = this.#options;
    if (this.#refusals.isFirst({ status, problem })) logger.info(refusal, 'refused before it was a request');
    metrics?.countRequest({ operation: undefined, status });
  }

  /** Writes the counts of the last second. */
  flush(): void {
    this.#refusals.flush();
  }

  #end(log: RequestLog, request: FastifyRequest, reply: FastifyReply): void {
    const { logger, metrics, validateResponse } = this.#options;
    const { operation, tenant, problem, logFields, refusal, durationMs, span, responseBody } = log.end();
    const { headersSent, writableFinished } = reply.raw;
    const status = refusal?.status ?? (headersSent ? reply.statusCode : 0);
    const isOfStranger = tenant === undefined && problem !== undefined && status < 500;
    if (!isOfStranger || this.#refusals.isFirst({ status, problem: problem.example })) {
      const isAborted = !refusal && !writableFinished;
      const { id: requestId, method } = request;
      logRequest(logger, {
        requestId,
        method,
        operation,
        tenant,
        problem,
        logFields,
        status,
        durationMs,
        isAborted,
        span,
      });
    }
    const { label } = request.routeOptions.config;
    metrics?.countRequest({ operation: operation ?? label, status, durationMs });
    metrics?.countDropped(logFields?.droppedMethodTypes ?? []);
    if (span) endSpan(span, status);
    const isOfContract = label === undefined && !isPreflight(request);
    if (isOfContract && !refusal && headersSent) {
      validateResponse?.({ requestId: request.id, operation, status, headers: reply.getHeaders(), body: responseBody });
    }
  }
}

/** What becomes known of a request on its way. Its line in the log, its metrics and its span are made of it at the end. */
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

  /** Whether the connection was refused in the middle of this request. */
  get isRefused(): boolean {
    return this.#tracked.refusal !== undefined;
  }

  get hasResponse(): boolean {
    return this.#responseBody !== undefined;
  }

  routed(operation: Operation): void {
    this.#operation = operation;
  }

  /** Begins the span, below the caller's: a stranger must neither choose our traces nor make us export one. */
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

  /** Runs the operation in the span. The end waits for it. */
  async runOperation(
    run: () => Promise<OperationResponse>,
    asProblem: (error: unknown) => Problem,
  ): Promise<OperationResponse> {
    const response = runInSpan(this.#span, run);
    this.#operationDone = response.then(
      ({ logFields }) => void (this.#logFields = logFields),
      // Where the client is gone, the line of the log is written before this failure comes to the error handler.
      (error: unknown) => void (this.#problem = asProblem(error)),
    );
    return response;
  }

  /** Settles with the operation, which goes on when the client is gone. Undefined where none was begun. */
  get operationDone(): Promise<void> | undefined {
    return this.#operationDone;
  }

  /** Everything that is known when the connection and the operation are done. */
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
