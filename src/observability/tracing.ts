import { setTimeout as delay } from 'node:timers/promises';
import { context, propagation, SpanKind, SpanStatusCode, trace, type Span, type Tracer } from '@opentelemetry/api';

/**
 * Starts tracing if OpenTelemetry's standard variables OTEL_TRACES_EXPORTER or OTEL_EXPORTER_OTLP_ENDPOINT are set. Otherwise
 * the SDK is not loaded, and no spans are created.
 *
 * Resolves with a function that flushes the last spans, for at most FLUSH_MS. It never rejects.
 */
export async function startTracing(env: Readonly<Record<string, string | undefined>>): Promise<() => Promise<void>> {
  const wanted =
    // OpenTelemetry treats empty variables as unset.
    env['OTEL_TRACES_EXPORTER'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (!wanted || wanted === 'none') return async () => {};
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    serviceName: env['OTEL_SERVICE_NAME'] || 'payments-service',
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  tracer = trace.getTracer('payments-service');
  // An unreachable collector must neither delay the exit of the process nor make it fail.
  return () => Promise.race([sdk.shutdown().catch(() => {}), delay(FLUSH_MS)]);
}

const FLUSH_MS = 500;

/** Undefined without tracing: no-op spans have a cost, too. */
let tracer: Tracer | undefined;

/**
 * Starts the span of a request, as a child of the span in `traceparent`. The caller's `tracestate` and `baggage` are ignored: they
 * are arbitrary text that would be exported to our collector.
 */
export function requestSpan(method: string, route: string, traceparent: unknown): Span | undefined {
  if (!tracer) return undefined;
  const caller = propagation.extract(context.active(), { traceparent });
  const attributes = { 'http.request.method': method, 'http.route': route };
  return tracer.startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes }, caller);
}

export const runInSpan = <Value>(span: Span | undefined, work: () => Value): Value =>
  span ? context.with(trace.setSpan(context.active(), span), work) : work();

/** Runs an outgoing call in a span, as a child of the request's. `succeeded` decides the span's status. */
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
