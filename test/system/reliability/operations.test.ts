/** What operators see of the whole server: the metrics of all its parts on the admin port, and traces where they are configured. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  observedProcess,
  observedServer,
  pay,
  readMetric,
  readStatuses,
  settings,
  startCollector,
  tracedTo,
  type CollectedSpan,
  type ObservedProcess,
} from '../../support/observed.ts';
import { operations } from '../../support/contractDocument.ts';
import { gatewayCalls } from '../../support/gatewayCalls.ts';
import { startFakeStripe, type FakeStripe } from '../../../src/fake-stripe/server.ts';
import { freePort } from '../../support/freePort.ts';
import { startBabbler } from '../../support/redis.ts';

describe('the admin port', () => {
  it('has the metrics of all parts, in the text format of Prometheus, and is the only place for them and for health', async () => {
    const server = await observedServer();
    onTestFinished(() => server.close());
    for (const { path } of operations) {
      await server.pay({ path, body: '{"amount":10,"paymentMethodTypes":["card","eps"]}' });
    }
    const elsewhere = await Promise.all(['/livez', '/readyz', '/metrics'].map((path) => fetch(server.url + path)));
    expect(readStatuses(elsewhere)).toEqual([404, 404, 404]);

    const text = await (await fetch(`${server.adminUrl}/metrics`)).text();
    const comment = String.raw`# (HELP|TYPE) [a-z_][a-z0-9_]* .+`;
    const sample = String.raw`[a-z_][a-z0-9_]*(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? (-?[\d.]+(e[+-]?\d+)?|NaN|[+-]Inf)`;
    const line = new RegExp(`^(${comment}|${sample})?$`);
    expect(text.split('\n').filter((one) => !line.test(one))).toEqual([]);
    const samples = {
      ...Object.fromEntries(
        operations.flatMap(({ operationId }) => [
          [`http_requests_total{operation="${operationId}",status="200"}`, 1],
          [`stripe_call_duration_seconds_count{call="${gatewayCalls[operationId].method}",outcome="created"}`, 1],
        ]),
      ),
      'payment_method_types_dropped_total{type="eps"}': 1,
      payments_in_flight: 0,
      payments_queued: 0,
      payments_shed_total: 0,
      limits_shared: 0,
    };
    expect(Object.fromEntries(Object.keys(samples).map((name) => [name, readMetric(text, name)]))).toEqual(samples);
  });
});

const readAttributes = ({ attributes }: CollectedSpan) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0] as unknown]));

const loadedWith = async (env: Record<string, string>): Promise<boolean> => {
  const script = `
    const loaded = [];
    require('node:module').registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    import('./src/live.ts').then(() => import('./src/observability/tracing.ts'))
      .then(({ startTracing }) => startTracing(process.env))
      .then(() => { console.log(loaded.some((url) => /@opentelemetry[/]sdk-/.test(url))); process.exit(); });`;
  const cwd = fileURLToPath(new URL('../../..', import.meta.url));
  const node = [process.execPath, ['-e', script], { cwd, env: { PATH: process.env['PATH'], ...env } }] as const;
  return (await promisify(execFile)(...node)).stdout.trim() === 'true';
};

describe('traces', () => {
  const started: ObservedProcess[] = [];
  let stripe: FakeStripe;
  beforeAll(async () => {
    stripe = await startFakeStripe();
    return () => stripe.close();
  });
  afterEach(() => Promise.all(started.splice(0).map((one) => one.end())));
  const startTraced = async (env: Record<string, string>) => {
    const one = await observedProcess(stripe.url, settings(env));
    started.push(one);
    return one;
  };

  const SERVER = 2;
  const CLIENT = 3;
  it.each(operations)(
    'continue the trace of the tenant down to the call to Stripe, without data of either: $operationId',
    async ({ operationId, path }) => {
      const collector = await startCollector();
      onTestFinished(() => collector.close());
      const traced = await startTraced(tracedTo(collector.url));
      const [traceId, parentSpanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
      const headers = {
        traceparent: `00-${traceId}-${parentSpanId}-01`,
        tracestate: 'zq=canary',
        baggage: 'zq=canary',
      };
      // A request without a key makes no span. It is first: its span would have come with those of the payment.
      await pay(traced.url, { headers, key: 'stranger' });
      await pay(traced.url, { path, headers });
      await vi.waitFor(() => expect(collector.spans()).toHaveLength(2), { timeout: 5_000 });
      expect(collector.received.join('')).not.toContain('canary');

      const server = collector.spans().find(({ kind }) => kind === SERVER)!;
      const client = collector.spans().find(({ kind }) => kind === CLIENT)!;
      expect(server).toMatchObject({ traceId, parentSpanId, name: `POST ${path}` });
      expect(client).toMatchObject({
        traceId,
        parentSpanId: server.spanId,
        name: `Stripe ${gatewayCalls[operationId].method}`,
      });
      expect(readAttributes(server)).toEqual({
        'http.request.method': 'POST',
        'http.route': path,
        'http.response.status_code': 200,
      });
      expect(readAttributes(client)).toEqual({});
      await vi.waitFor(() => expect(traced.output()).toContain(`"traceId":"${traceId}"`));
      // The trace is not sent to Stripe.
      expect(stripe.ledger.requests.at(-1)!.headers).not.toHaveProperty('traceparent');
    },
  );

  it.each([
    ['away', async () => ({ port: await freePort(), close: async () => {} })],
    ['silent', () => startBabbler('')],
  ])('do not affect payments while their collector is %s', async (_how, start) => {
    const { port, close } = await start();
    const traced = await startTraced(tracedTo(`http://127.0.0.1:${port}`));
    const responses = await Promise.all(Array.from({ length: 20 }, () => pay(traced.url)));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    const { code, ms } = await traced.end();
    await close();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(4_000);
    const lines = traced.output().trim().split('\n');
    expect(lines.filter((line) => !line.startsWith('{"level":30'))).toEqual([]);
  });

  it.each([
    ['nothing', {}],
    ['empty variables', { OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    ['none', { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
  ])('load no SDK with %s configured', async (_what, env) => {
    expect(await loadedWith(env)).toBe(false);
  });

  it.each([
    ['an endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
    [
      'an endpoint beside an empty exporter',
      { OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
    ],
  ])('load their SDK with %s configured', async (_what, env) => {
    expect(await loadedWith(env)).toBe(true);
  });
});
