import { describe, expect, it } from 'vitest';
import { createMetrics, type Metrics } from '../../../src/observability/metrics.ts';
import { failingGateway } from '../../support/memoryGateway.ts';

/** The samples of a metric, as they stand in the text. */
async function readSamples(metrics: Metrics, name: string): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith(name));
}

const readComments = async (metrics: Metrics, name: string) =>
  (await metrics.text()).split('\n').filter((line) => line.startsWith('# ') && line.split(' ')[2] === name);

/** The upper bound of a bucket in seconds, and its count. */
const BUCKET = /_bucket\{le="([^"]+)".*\} (\d+)$/;
const readBuckets = (samples: string[]) =>
  samples
    .flatMap((line) => [BUCKET.exec(line) ?? []])
    .filter(([line]) => line !== undefined)
    .map(([, second, count]) => [second, Number(count)]);

describe('a request', () => {
  it('is counted by operation and status, and by its duration in seconds', async () => {
    const metrics = createMetrics();
    metrics.countRequest({ operation: 'create', status: 200, durationMs: 40 });
    metrics.countRequest({ operation: 'create', status: 503, durationMs: 60 });
    expect(await readSamples(metrics, 'http_requests_total')).toEqual([
      'http_requests_total{operation="create",status="200"} 1',
      'http_requests_total{operation="create",status="503"} 1',
    ]);
    const samples = await readSamples(metrics, 'http_request_duration_seconds');
    expect(samples).toContain('http_request_duration_seconds_sum{operation="create"} 0.1');
    expect(samples).toContain('http_request_duration_seconds_count{operation="create"} 2');
    expect(readBuckets(samples)).toEqual([
      ['0.001', 0],
      ['0.0025', 0],
      ['0.005', 0],
      ['0.01', 0],
      ['0.025', 0],
      ['0.05', 1],
      ['0.1', 2],
      ['0.25', 2],
      ['0.5', 2],
      ['1', 2],
      ['2.5', 2],
      ['5', 2],
      ['10', 2],
      ['+Inf', 2],
    ]);
  });

  it('has the operation none where there is none, and no duration where it is a parser error', async () => {
    const metrics = createMetrics();
    metrics.countRequest({ operation: undefined, status: 400 });
    expect(await readSamples(metrics, 'http_requests_total')).toEqual([
      'http_requests_total{operation="none",status="400"} 1',
    ]);
    expect(await readSamples(metrics, 'http_request_duration_seconds_count')).toEqual([]);
  });
});

describe('a call to Stripe', () => {
  const attempt = { call: 'setupIntents.create', outcome: 'mismatched', statusCode: 200, requestId: 'req_1' } as const;

  it('is counted by its name, its outcome and its duration in seconds', async () => {
    const metrics = createMetrics();
    metrics.countAttempt({ ...attempt, durationMs: 3_000 });
    const samples = await readSamples(metrics, 'stripe_call_duration_seconds');
    expect(samples).toContain('stripe_call_duration_seconds_sum{call="setupIntents.create",outcome="mismatched"} 3');
    expect(readBuckets(samples).filter(([, count]) => count === 1)).toEqual([
      ['5', 1],
      ['10', 1],
      ['+Inf', 1],
    ]);
  });

  it('does not count as another call', async () => {
    const metrics = createMetrics();
    metrics.countAttempt({ ...attempt, durationMs: 1 });
    metrics.countAttempt({ ...attempt, call: 'paymentIntents.create', durationMs: 1 });
    expect(await readSamples(metrics, 'stripe_call_duration_seconds_count')).toEqual([
      'stripe_call_duration_seconds_count{call="setupIntents.create",outcome="mismatched"} 1',
      'stripe_call_duration_seconds_count{call="paymentIntents.create",outcome="mismatched"} 1',
    ]);
  });
});

it('a dropped payment method type is counted by its name', async () => {
  const metrics = createMetrics();
  metrics.countDroppedTypes(['eps', 'ideal']);
  metrics.countDroppedTypes(['eps']);
  expect(await readSamples(metrics, 'payment_method_types_dropped_total')).toEqual([
    'payment_method_types_dropped_total{type="eps"} 2',
    'payment_method_types_dropped_total{type="ideal"} 1',
  ]);
});

it('a dropped connection is counted', async () => {
  const metrics = createMetrics();
  metrics.countDroppedConnection();
  metrics.countDroppedConnection();
  expect(await readSamples(metrics, 'http_connections_dropped_total')).toEqual(['http_connections_dropped_total 2']);
});

it('a response that the contract does not allow is counted by operation and status', async () => {
  const metrics = createMetrics();
  metrics.countViolation({ operation: 'create', status: 200 });
  metrics.countViolation({ operation: undefined, status: 404 });
  expect(await readSamples(metrics, 'contract_violations_total')).toEqual([
    'contract_violations_total{operation="create",status="200"} 1',
    'contract_violations_total{operation="none",status="404"} 1',
  ]);
});

describe('a watched value', () => {
  const gateway = failingGateway(new Error('not here'));
  const counts = { countRequest: async () => {}, countFailure: async () => {}, close: () => {} };

  it('is read at each scrape, and counted once', async () => {
    const metrics = createMetrics();
    const bulkhead = { ...gateway, inFlight: 50, queued: 7, rejected: 3 };
    const limits = { ...counts, shared: true };
    metrics.watch({ bulkhead, limits });
    const seen = async () =>
      (await metrics.text()).split('\n').filter((line) => /^(payments_(in|queued|shed)|limits_)/.test(line));
    expect(await seen()).toEqual([
      'payments_in_flight 50',
      'payments_queued 7',
      'limits_shared 1',
      'payments_shed_total 3',
    ]);
    Object.assign(bulkhead, { inFlight: 0, queued: 0, rejected: 5 });
    Object.assign(limits, { shared: false });
    expect(await seen()).toEqual([
      'payments_in_flight 0',
      'payments_queued 0',
      'limits_shared 0',
      'payments_shed_total 5',
    ]);
  });

  it.each([
    ['http_requests_total', 'counter'],
    ['http_request_duration_seconds', 'histogram'],
    ['stripe_call_duration_seconds', 'histogram'],
    ['payment_method_types_dropped_total', 'counter'],
    ['http_connections_dropped_total', 'counter'],
    ['contract_violations_total', 'counter'],
    ['log_lines_dropped_total', 'counter'],
    ['payments_in_flight', 'gauge'],
    ['payments_queued', 'gauge'],
    ['limits_shared', 'gauge'],
    ['payments_shed_total', 'counter'],
  ])('has a HELP and a TYPE: %s is a %s', async (name, type) => {
    const metrics = createMetrics();
    metrics.watch({
      bulkhead: { ...gateway, inFlight: 0, queued: 0, rejected: 0 },
      limits: { ...counts, shared: false },
    });
    expect(await readComments(metrics, name)).toEqual([
      expect.stringMatching(new RegExp(`^# HELP ${name} [A-Z0-9][^{}]{20,}\\.$`)),
      `# TYPE ${name} ${type}`,
    ]);
  });
});

it('each registry has its own values, and those of the process', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.countDroppedTypes(['eps']);
  expect(await readSamples(other, 'payment_method_types_dropped_total{')).toEqual([]);
  expect(await readSamples(one, 'process_cpu_seconds_total')).toHaveLength(1);
  expect(one.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
});
