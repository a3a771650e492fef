import { setTimeout as delay } from 'node:timers/promises';
import {
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';

/**
 * Traces, where the standard environment variables of OpenTelemetry ask for them: OTEL_TRACES_EXPORTER or
 * OTEL_EXPORTER_OTLP_ENDPOINT. Without them nothing is loaded, and there are no spans.
 *
 * Resolves with what sends the last spans, as far as somebody takes them; it never rejects.
 */
export async function startTracing(env: Readonly<Record<string, string | undefined>>): Promise<() => Promise<void>> {
  const wanted =
    // Empty is as good as unset, says OpenTelemetry.
    env['OTEL_TRACES_EXPORTER'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (!wanted || wanted === 'none') return async () => {};
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  // The name is a default: OTEL_SERVICE_NAME says another.
  const sdk = new NodeSDK({
    serviceName: env['OTEL_SERVICE_NAME'] || 'payments-service',
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  tracer = trace.getTracer('payments-service');
  // A collector that is away must neither hold up the end of the process nor make it a failure.
  return () => Promise.race([sdk.shutdown().catch(() => {}), delay(FLUSH_MS)]);
}

/** How long the end of the process may wait for the last spans to be taken, in milliseconds. */
const FLUSH_MS = 500;

/** Undefined where nobody asked for traces: empty spans cost, too. */
let tracer: Tracer | undefined;

/**
 * A span for a request, below the caller's own where the request names it. Nothing else is taken from the caller: its
 * `tracestate` and `baggage` are text that would go to our collector as it stands.
 */
export function requestSpan(method: string, route: string, traceparent: unknown): Span | undefined {
  if (!tracer) return undefined;
  const caller = propagation.extract(context.active(), { traceparent });
  const attributes = { 'http.request.method': method, 'http.route': route };
  return tracer.startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes }, caller);
}

export const runInSpan = <Value>(span: Span | undefined, work: () => Value): Value =>
  span ? context.with(contextWithSpan(span), work) : work();

const contextWithSpan = (span: Span): Context => trace.setSpan(context.active(), span);

/** A span for a call to somebody else, below the request that makes it. `succeeded` reads the outcome. */
export function callSpan<Value>(
  name: string,
  call: () => Promise<Value>,
  succeeded: (value: Value) => boolean,
): Promise<Value> {
  if (!tracer) return call();
  return tracer.startActiveSpan(name, { kind: SpanKind.CLIENT }, async (span) => {
    try {
      const value = await call();
      if (!succeeded(value)) span.setStatus({ code: SpanStatusCode.ERROR });
      return value;
    } finally {
      span.end();
    }
  });
}

export function endSpan(span: Span, status: number): void {
  span.setAttribute('http.response.status_code', status);
  if (status >= 500 || status === 0) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}
