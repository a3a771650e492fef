import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { RateLimits } from '../access/rateLimits.ts';
import { countDroppedLines } from './logDestination.ts';
import type { Bulkhead } from '../payments/bulkhead.ts';
import type { Attempt } from '../payments/stripe/gateway.ts';

export type Metrics = ReturnType<typeof createMetrics>;

/** From a rejection (a millisecond) to the deadline of a call to Stripe (ten seconds). */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = (name: string, help: string, labelNames: string[]) =>
    new Histogram({ name, help, labelNames, buckets: BUCKETS_SECONDS, registers });
  /** A counter that is kept elsewhere, and read when the metrics are read. */
  const readCounter = (name: string, help: string, read: () => number) => {
    const copy: Counter = new Counter({
      name,
      help,
      registers,
      collect() {
        copy.reset();
        copy.inc(read());
      },
    });
  };
  const readGauge = (name: string, help: string, read: () => number) => {
    const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(read()) });
  };

  const requests = counter(
    'http_requests_total',
    'Requests by operation and status. Status 0: the client disconnected before the response.',
    ['operation', 'status'],
  );
  const durations = histogram(
    'http_request_duration_seconds',
    'Time from the request line to the end of the response.',
    ['operation'],
  );
  const attempts = histogram(
    'stripe_call_duration_seconds',
    'Duration of each attempt to call Stripe, by call and outcome. Alert on `mismatched`: a response to another request.',
    ['call', 'outcome'],
  );
  const droppedTypes = counter(
    'payment_method_types_dropped_total',
    'Requested payment method types that Stripe does not offer for the amount, currency and account.',
    ['type'],
  );
  const droppedConnections = counter(
    'http_connections_dropped_total',
    'Connections closed unread because MAX_CONNECTIONS were open.',
  );
  const violations = counter(
    'contract_violations_total',
    'Responses that violate the contract, by operation and status. Alert on any. Counted with CHECK_ANSWERS=on.',
    ['operation', 'status'],
  );
  readCounter(
    'log_lines_dropped_total',
    'Log lines dropped because of a write error or a stalled reader. Alert on any.',
    countDroppedLines,
  );

  return {
    /** Counts a finished or aborted request. `operation` is undefined without a route, `durationMs` if it never reached Fastify. */
    countRequest({ operation = 'none', status, durationMs }: OperationStatus & { durationMs?: number }): void {
      requests.inc({ operation, status });
      if (durationMs !== undefined) durations.observe({ operation }, durationMs / 1000);
    },
    countAttempt: ({ call, outcome, durationMs }: Attempt): void =>
      attempts.observe({ call, outcome }, durationMs / 1000),
    countDroppedConnection: (): void => droppedConnections.inc(),
    countDroppedTypes: (methodTypes: readonly string[]): void =>
      methodTypes.forEach((type) => droppedTypes.inc({ type })),
    countViolation: ({ operation = 'none', status }: OperationStatus): void => violations.inc({ operation, status }),
    watch({ bulkhead, limits }: { bulkhead: Bulkhead; limits: RateLimits }): void {
      readGauge(
        'payments_in_flight',
        'Calls to Stripe in flight now, payments and setups. Retries are part of a call.',
        () => bulkhead.inFlight,
      );
      readGauge('payments_queued', 'Calls to Stripe waiting in the queue now.', () => bulkhead.queued);
      readGauge('limits_shared', '1 if rate limits are counted in Redis, 0 if in each instance.', () =>
        Number(limits.shared),
      );
      readCounter(
        'payments_shed_total',
        'Calls to Stripe rejected because the queue was full or the wait timed out.',
        () => bulkhead.rejected,
      );
    },
    /** In Prometheus' text format. */
    text: () => registry.metrics(),
    contentType: registry.contentType as string,
  };
}

interface OperationStatus {
  operation: string | undefined;
  status: number;
}
