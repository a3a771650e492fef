/** What operators see of the server: one line per request, metrics, health, and traces where they ask for them. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../../../src/http/app.ts';
import { openContract } from '../../../src/contract/engine.ts';
import { document } from '../../support/contractDocument.ts';
import { sendBytes } from '../../support/exchange.ts';
import {
  ACME,
  INTENT_PATH,
  observedProcess,
  observedServer,
  pay,
  settings,
  startCollector,
  tracedTo,
  type CollectedSpan,
  type Collector,
  type LogLine,
  type ObservedProcess,
  type ObservedServer,
} from '../../support/observed.ts';
import { startFakeStripe, type FakeStripe } from '../../../src/fake-stripe/server.ts';
import { freePort } from '../../support/freePort.ts';
import { startBabbler } from '../../support/redis.ts';

/** Every field that a request's line may have. One more is a decision about secrets: see log.ts. */
const FIELDS = new Set(
  (
    'level time pid hostname msg requestId traceId tenant operation method status durationMs aborted ' +
    'problem cause cv_reference stripeRequestId replayed droppedMethodTypes'
  ).split(' '),
);
const REFUSED = { level: 30, msg: 'request' };

describe('the log', () => {
  let server: ObservedServer;
  beforeEach(async () => {
    server = await observedServer();
  });
  afterEach(() => server.close());

  const theOnlyLine = async (): Promise<LogLine> => {
    await vi.waitFor(() => expect(server.requests()).toHaveLength(1));
    return server.requests()[0]!;
  };

  it('has one line for a payment, with all that support needs', async () => {
    const response = await server.pay();
    expect(await theOnlyLine()).toMatchObject({
      level: 30,
      requestId: response.headers.get('x-request-id'),
      tenant: 'acme',
      operation: 'createPaymentIntent',
      method: 'POST',
      status: 200,
      durationMs: expect.any(Number),
      stripeRequestId: server.stripe.ledger.requests[0]!.requestId,
      replayed: false,
    });
  });

  it('says that a payment was made before', async () => {
    const order = { headers: { 'Idempotency-Key': 'the-same' } };
    await server.pay(order);
    await server.pay(order);
    await vi.waitFor(() => expect(server.requests()).toHaveLength(2));
    expect(server.requests().map(({ replayed }) => replayed)).toEqual([false, true]);
  });

  it.each<[string, () => Promise<unknown>, object]>([
    ['a stranger', () => server.pay({ key: 'wrong' }), { ...REFUSED, status: 401, problem: 'invalidApiKey' }],
    [
      'a wrong body',
      () => server.pay({ body: '{' }),
      { ...REFUSED, status: 400, problem: 'invalidBody', tenant: 'acme' },
    ],
    ['an unknown path', () => fetch(`${server.url}/nowhere`), { ...REFUSED, status: 404, problem: 'notFound' }],
    ['another method', () => fetch(server.url + INTENT_PATH), { ...REFUSED, status: 405, problem: 'methodNotAllowed' }],
    ['a URL that is none', () => fetch(`${server.url}/%zz`), { ...REFUSED, status: 400, problem: 'invalidRequest' }],
  ])('has one line for %s', async (_what, ask, expected) => {
    await ask();
    expect(await theOnlyLine()).toMatchObject(expected);
  });

  it('has a line for bytes that are no request', async () => {
    await sendBytes(server.url, 'no HTTP\r\n\r\n');
    expect(server.log).toContainEqual(expect.objectContaining({ status: 400, problem: 'invalidRequest' }));
  });

  it('says what Stripe said, as far as it is no words', async () => {
    server.stripe.play({ kind: 'status', status: 402, type: 'card_error', code: 'card_declined', effect: 'none' });
    await server.pay();
    expect(await theOnlyLine()).toMatchObject({
      level: 50,
      status: 500,
      problem: 'internalError',
      cause: {
        fault: 'broken',
        type: 'card_error',
        code: 'card_declined',
        statusCode: 402,
        requestId: expect.stringMatching(/^req_/),
      },
    });
  });

  it('has a line for a request whose client left before its answer', async () => {
    server.stripe.play({ kind: 'delay', delayMs: 300, effect: 'kept' });
    const { hostname, port } = new URL(server.url);
    const client = connect(Number(port), hostname);
    const head = `POST ${INTENT_PATH} HTTP/1.1\r\nHost: x\r\ncv-api-key: ${ACME}\r\nContent-Type: application/json\r\n`;
    client.write(`${head}Content-Length: 13\r\n\r\n{"amount":10}`);
    await vi.waitFor(() => expect(server.stripe.ledger.requestCount).toBe(1));
    client.resetAndDestroy();
    const line = await theOnlyLine();
    expect(line).toMatchObject({ tenant: 'acme', operation: 'createPaymentIntent', aborted: true });
    expect(line).not.toHaveProperty('status');
    await vi.waitFor(async () =>
      expect(await server.metric('http_requests_total{operation="createPaymentIntent",status="0"}')).toBe(1),
    );
  });

  it('names the place of an error of ours, and not its words', async () => {
    const lines: string[] = [];
    const contract = await openContract(document, {
      notImplemented: async () => {
        throw new TypeError('canary of jane@example.com\n    at canary (canary.ts:1:1)');
      },
    });
    const logger = pino({}, { write: (line: string) => void lines.push(line) });
    const app = await buildApp({ contract, authenticate: () => 'acme', logger });
    const response = await pay(await app.listen({ host: '127.0.0.1', port: 0 }));
    const body = await response.text();
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    app.server.closeAllConnections();
    await app.close();
    expect(response.status).toBe(500);
    expect(JSON.parse(lines[0]!)).toMatchObject({ cause: { name: 'TypeError', stack: expect.any(Array) } });
    expect(lines.join('')).toContain('operations.test.ts');
    expect(lines.join('') + body).not.toContain('canary');
  });

  it('has no field that nobody decided on', async () => {
    server.stripe.play({ kind: 'status', status: 401, effect: 'none' });
    await server.pay();
    await server.pay({ body: '{"amount":10,"paymentMethodTypes":["card","eps"],"metadata":{"email":"a@b.example"}}' });
    await server.pay({ body: '{' });
    await fetch(`${server.url}/nowhere?secret=1`);
    await vi.waitFor(() => expect(server.requests()).toHaveLength(4));
    const strange = server.requests().flatMap((line) => Object.keys(line).filter((field) => !FIELDS.has(field)));
    expect(strange).toEqual([]);
  });
});

describe('the admin port', () => {
  let server: ObservedServer;
  beforeAll(async () => {
    server = await observedServer({ DRAIN_MS: '300' });
    await Promise.all([
      server.pay(),
      server.pay({ key: 'wrong' }),
      server.pay({ body: '{"amount":10,"paymentMethodTypes":["card","eps"]}' }),
      ...['/a', '/b', '/c', `${INTENT_PATH}/d`].map((path) => fetch(server.url + path)),
      ...['PUT', 'DELETE', 'REPORT'].map((method) => fetch(server.url + INTENT_PATH, { method })),
    ]);
  });
  afterAll(() => server.close());
  const admin = (path: string) => fetch(server.adminUrl + path);
  const metricsText = async () => (await admin('/metrics')).text();

  it('is the only place for metrics and health', async () => {
    const responses = await Promise.all(['/livez', '/readyz', '/metrics'].map((path) => fetch(server.url + path)));
    expect(responses.map(({ status }) => status)).toEqual([404, 404, 404]);
  });

  it("has metrics in Prometheus' text format", async () => {
    const comment = String.raw`# (HELP|TYPE) [a-z_][a-z0-9_]* .+`;
    const sample = String.raw`[a-z_][a-z0-9_]*(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? (-?[\d.]+(e[+-]?\d+)?|NaN|[+-]Inf)`;
    const line = new RegExp(`^(${comment}|${sample})?$`);
    const response = await admin('/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const wrong = (await response.text()).split('\n').filter((one) => !line.test(one));
    expect(wrong).toEqual([]);
  });

  it.each([
    ['http_requests_total{operation="createPaymentIntent",status="200"}', 2],
    ['http_requests_total{operation="createPaymentIntent",status="401"}', 1],
    ['http_request_duration_seconds_count{operation="createPaymentIntent"}', 3],
    ['stripe_call_duration_seconds_count{outcome="created"}', 2],
    ['payment_method_types_dropped_total{type="eps"}', 1],
    ['payments_in_flight', 0],
    ['payments_queued', 0],
    ['payments_shed_total', 0],
    ['limits_shared', 0],
  ])('has %s', async (name, value) => {
    expect(await server.metric(name)).toBe(value);
  });

  it('makes no labels of what callers write', async () => {
    const labels = [...(await metricsText()).matchAll(/^http_requests_total\{(.*)\}/gm)].map(([, label]) => label);
    expect(labels.toSorted((a, b) => (a! < b! ? -1 : 1))).toEqual([
      'operation="createPaymentIntent",status="200"',
      'operation="createPaymentIntent",status="401"',
      'operation="none",status="404"',
      'operation="none",status="405"',
    ]);
  });

  it('says 503 on /readyz, and 200 on /livez, as long as the server drains', async () => {
    const stopped = server.stop();
    const [ready, live] = await Promise.all([admin('/readyz'), admin('/livez')]);
    expect([ready.status, live.status]).toEqual([503, 200]);
    await stopped;
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
  let collector: Collector;
  beforeAll(async () => {
    [stripe, collector] = await Promise.all([startFakeStripe(), startCollector()]);
    return () => Promise.all([stripe.close(), collector.close()]);
  });
  afterEach(() => Promise.all(started.splice(0).map((one) => one.end())));
  const startTraced = async (env: Record<string, string>) => {
    const one = await observedProcess(stripe.url, settings(env));
    started.push(one);
    return one;
  };

  const SERVER = 2;
  const CLIENT = 3;
  it("go on where the tenant's own ends, down to the call to Stripe, and say nothing of either", async () => {
    const traced = await startTraced(tracedTo(collector.url));
    const [traceId, parentSpanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    const headers = { traceparent: `00-${traceId}-${parentSpanId}-01`, tracestate: 'zq=canary', baggage: 'zq=canary' };
    // A stranger's request makes no span, and is first: its own would have come with those of the payment.
    await pay(traced.url, { headers, key: 'stranger' });
    await pay(traced.url, { headers });
    await vi.waitFor(() => expect(collector.spans()).toHaveLength(2), { timeout: 5_000 });
    expect(collector.received.join('')).not.toContain('canary');

    const server = collector.spans().find(({ kind }) => kind === SERVER)!;
    const client = collector.spans().find(({ kind }) => kind === CLIENT)!;
    expect(server).toMatchObject({ traceId, parentSpanId, name: `POST ${INTENT_PATH}` });
    expect(client).toMatchObject({ traceId, parentSpanId: server.spanId, name: 'Stripe paymentIntents.create' });
    expect(readAttributes(server)).toEqual({
      'http.request.method': 'POST',
      'http.route': INTENT_PATH,
      'http.response.status_code': 200,
    });
    expect(readAttributes(client)).toEqual({});
    await vi.waitFor(() => expect(traced.output()).toContain(`"traceId":"${traceId}"`));
    // Stripe learns nothing of the caller's trace.
    expect(stripe.ledger.requests[0]!.headers).not.toHaveProperty('traceparent');
  });

  it.each([
    ['away', async () => ({ port: await freePort(), close: async () => {} })],
    ['silent', () => startBabbler('')],
  ])('disturb nobody while their collector is %s', async (_how, start) => {
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
  ])('load nothing where %s is asked for', async (_what, env) => {
    expect(await loadedWith(env)).toBe(false);
  });

  it.each([
    ['an endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
    [
      'an endpoint beside an empty exporter',
      { OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
    ],
  ])('load their SDK where %s is given', async (_what, env) => {
    expect(await loadedWith(env)).toBe(true);
  });
});
