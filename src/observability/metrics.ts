import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { RateLimits } from '../access/rateLimits.ts';
import { countDroppedLines } from './logDestination.ts';
import type { Bulkhead } from '../payments/bulkhead.ts';
import type { Attempt } from '../payments/stripe/gateway.ts';

export interface Metrics {
  /**
   * One answered or aborted request. `operation` is undefined where the path belongs to none, `durationMs` where it never
   * became a request.
   */
  countRequest: (request: { operation: string | undefined; status: number; durationMs?: number }) => void;
  countAttempt: (attempt: Attempt) => void;
  /** One connection that was closed at once, as too many were open. */
  countDroppedConnection: () => void;
  countDropped: (methodTypes: readonly string[]) => void;
  /** One answer of ours that the contract does not allow. */
  countViolation: (response: { operation: string | undefined; status: number }) => void;
  /** Reads these whenever the metrics are read. */
  watch: (parts: { bulkhead: Bulkhead; limits: RateLimits }) => void;
  /** In Prometheus' text format. */
  text: () => Promise<string>;
  readonly contentType: string;
}

/** From a refusal (a millisecond) to the deadline of a payment (ten seconds). */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests by operation and status; status 0: the client left before the answer.',
    labelNames: ['operation', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the request line to the end of the answer.',
    labelNames: ['operation'],
    buckets: BUCKETS_SECONDS,
    registers,
  });
  const attempts = new Histogram({
    name: 'stripe_call_duration_seconds',
    help: 'Calls to Stripe by outcome, each attempt on its own. The outcome `mismatched` is an alarm: an answer that was not ours.',
    labelNames: ['outcome'],
    buckets: BUCKETS_SECONDS,
    registers,
  });
  const dropped = new Counter({
    name: 'payment_method_types_dropped_total',
    help: 'Payment method types that were asked for and that Stripe does not offer for the amount, currency and account.',
    labelNames: ['type'],
    registers,
  });

  const droppedConnections = new Counter({
    name: 'http_connections_dropped_total',
    help: 'Connections closed before anything was read of them, because MAX_CONNECTIONS were open.',
    registers,
  });

  const violations = new Counter({
    name: 'contract_violations_total',
    help: 'Answers of ours that the contract does not allow, by operation and status: an alarm. Counted with CHECK_ANSWERS=on.',
    labelNames: ['operation', 'status'],
    registers,
  });
  const droppedLines: Counter = new Counter({
    name: 'log_lines_dropped_total',
    help: 'Lines of the log that could not be written, or for which there was no room while its reader had stopped: an alarm.',
    registers,
    collect() {
      droppedLines.reset();
      droppedLines.inc(countDroppedLines());
    },
  });

  return {
    countRequest({ operation = 'none', status, durationMs }) {
      requests.inc({ operation, status });
      if (durationMs !== undefined) durations.observe({ operation }, durationMs / 1000);
    },
    countAttempt: ({ outcome, durationMs }) => attempts.observe({ outcome }, durationMs / 1000),
    countDroppedConnection: () => droppedConnections.inc(),
    countDropped: (methodTypes) => methodTypes.forEach((type) => dropped.inc({ type })),
    countViolation: ({ operation = 'none', status }) => violations.inc({ operation, status }),
    watch({ bulkhead, limits }) {
      const gauges: [name: string, help: string, read: () => number][] = [
        ['payments_in_flight', 'Orders with Stripe now.', () => bulkhead.inFlight],
        ['payments_queued', 'Orders that wait for others to end.', () => bulkhead.queued],
        [
          'limits_shared',
          '1 while the limits are counted in Redis, 0 while each instance counts.',
          () => Number(limits.shared),
        ],
      ];
      for (const [name, help, read] of gauges) {
        const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(read()) });
      }
      const rejected: Counter = new Counter({
        name: 'payments_shed_total',
        help: 'Orders sent away, because too many were there.',
        registers,
        collect() {
          rejected.reset();
          rejected.inc(bulkhead.rejected);
        },
      });
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
