import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { sha256 } from '../../src/access/apiKeys.ts';
import { readConfig } from '../../src/config.ts';
import { startFakeStripe, type FakeStripe } from '../../src/fake-stripe/server.ts';
import { serve, type LiveServer } from '../../src/live.ts';
import { INTENT_PATH } from './rawHttp.ts';

export type LogLine = Record<string, unknown> & { msg: string; level: number };

/** The real live server with its logs, its metrics and a fake Stripe. */
export interface ObservedServer extends LiveServer {
  stripe: FakeStripe;
  /** All log lines so far. */
  log: readonly LogLine[];
  /** The log lines of requests. */
  requests: () => LogLine[];
  metric: (name: string) => Promise<number | undefined>;
  /** Creates an intent, by default a payment of ten dollars. */
  pay: (order?: Order) => Promise<Response>;
  close: () => Promise<void>;
}

interface Order {
  key?: string;
  path?: string;
  body?: string;
  headers?: Record<string, string>;
}

export const ACME = 'cv_test_acme';
export const GLOBEX = 'cv_test_globex';

export const settings = (overrides: Record<string, string> = {}): Record<string, string> => ({
  HOST: '127.0.0.1',
  PORT: '0',
  ADMIN_PORT: '0',
  API_KEYS: Object.entries({ acme: ACME, globex: GLOBEX })
    .map(([tenant, key]) => `${tenant}:${sha256(key).toString('hex')}`)
    .join(','),
  STRIPE_SECRET_KEY: 'sk_test_observed',
  DRAIN_MS: '0',
  TENANT_REQUESTS_PER_MINUTE: '1000000',
  ADDRESS_FAILURES_PER_MINUTE: '1000000',
  ...overrides,
});

export async function observedServer(overrides: Record<string, string> = {}): Promise<ObservedServer> {
  const stripe = await startFakeStripe();
  const log: LogLine[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(JSON.parse(line) as LogLine) });
  const server = await serve(readConfig(settings(overrides)), logger, new URL(stripe.url));
  return {
    ...server,
    stripe,
    log,
    requests: () => log.filter((line) => 'durationMs' in line),
    metric: async (name) => readMetric(await (await fetch(`${server.adminUrl}/metrics`)).text(), name),
    pay: (options) => pay(server.url, options),
    async close() {
      await server.stop();
      await stripe.close();
    },
  };
}

export function pay(
  url: string,
  { key = ACME, path = INTENT_PATH, body = '{"amount":10}', headers = {} }: Order = {},
): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { 'cv-api-key': key, 'Content-Type': 'application/json', ...headers },
    body,
  });
}

/** Reads the value of a metric. `name` includes the labels, as in the text. */
export function readMetric(text: string, name: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length));
}

export const readStatuses = (responses: readonly Response[]): number[] => responses.map(({ status }) => status);

/** The same server as a separate process, with its output. */
export interface ObservedProcess {
  url: string;
  adminUrl: string;
  /** Standard output and standard error, in order of arrival. */
  output: () => string;
  crash: (kind: 'exception' | 'rejection', message: string) => void;
  /** SIGTERM; resolves with the exit code and the time until then. */
  end: () => Promise<{ code: number | null; ms: number }>;
  exited: Promise<number | null>;
}

const ENTRY = fileURLToPath(new URL('observedProcess.ts', import.meta.url));

export async function observedProcess(stripeUrl: string, env: Record<string, string>): Promise<ObservedProcess> {
  const chunks: string[] = [];
  const child = fork(ENTRY, [stripeUrl], { silent: true, env: { PATH: process.env['PATH'], ...env } });
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  const listening = await new Promise<{ url: string; adminUrl: string }>((resolve, reject) => {
    const listen = (text: Buffer) => {
      chunks.push(text.toString());
      const line = chunks
        .join('')
        .split('\n')
        .find((one) => one.includes('"msg":"listening"'));
      if (line !== undefined) resolve(JSON.parse(line) as { url: string; adminUrl: string });
    };
    child.stdout!.on('data', listen);
    child.stderr!.on('data', listen);
    void exited.then(() => reject(new Error(`It exited before it listened:\n${chunks.join('')}`)));
  });
  return {
    ...listening,
    output: () => chunks.join(''),
    crash: (kind, message) => void child.send([kind, message]),
    async end() {
      const startedAt = performance.now();
      child.kill('SIGTERM');
      return { code: await exited, ms: performance.now() - startedAt };
    },
    exited,
  };
}

/** An OpenTelemetry collector: receives traces as OTLP in JSON over HTTP. */
export interface Collector {
  url: string;
  /** The bodies of all requests. */
  received: readonly string[];
  spans: () => CollectedSpan[];
  close: () => Promise<void>;
}

export interface CollectedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: { key: string; value: object }[];
  status: { code?: number };
}

export async function startCollector(): Promise<Collector> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push(Buffer.concat(chunks).toString());
      response.setHeader('Content-Type', 'application/json').end('{}');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    spans: () =>
      received
        .map((body) => JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: CollectedSpan[] }[] }[] })
        .flatMap(({ resourceSpans }) => resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans)
        .flatMap(({ spans }) => spans),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export const tracedTo = (url: string): Record<string, string> => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_BSP_SCHEDULE_DELAY: '50',
});
