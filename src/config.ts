import { parseRange } from './access/callerAddress.ts';
import { isStripeSecretKey } from './payments/stripe/secretKey.ts';
import type { TenantKey } from './access/apiKeys.ts';
import {
  anyText,
  described,
  host,
  integer,
  InvalidSetting,
  listOf,
  oneOf,
  onOrOff,
  port,
  Variables,
  type Environment,
} from './env.ts';

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly apiKeys: readonly TenantKey[];
  readonly stripeSecretKey: string;
  /** Payments with Stripe at once. */
  readonly stripeMaxInFlight: number;
  /** Payments that wait for one of those to end, of all tenants together. */
  readonly stripeMaxQueued: number;
  /** How long one waits at most: a part of the time in which every request is answered. */
  readonly stripeQueueTimeoutMs: number;
  /** Whole requests per minute, for each tenant. */
  readonly tenantRequestsPerMinute: number;
  /** Whole failed authentications per minute, for each address. */
  readonly addressFailuresPerMinute: number;
  /** Counts those together with other instances; absent, each instance counts for itself. */
  readonly redisUrl: string | undefined;
  /** Where operators ask for metrics and health. Customers must not reach it. */
  readonly adminHost: string;
  readonly adminPort: number;
  /** The origins whose pages may call; absent, none. */
  readonly corsOrigins: readonly string[] | undefined;
  /** The proxies whose word about a caller's address is taken; absent, nobody's is. */
  readonly trustedProxies: readonly string[] | undefined;
  /** How many connections may be open; one more is closed at once. */
  readonly maxConnections: number;
  /** How long the server goes on answering after SIGTERM, so that a load balancer notices. */
  readonly drainMs: number;
  /** Whether the server checks its own answers against the contract, after they are sent. */
  readonly checkAnswers: boolean;
  /** Whether the API reference is served at /docs. */
  readonly docs: boolean;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/**
 * Reads the configuration from environment variables; `.env.example` describes them all.
 *
 * Throws one Error that names every variable that is missing, wrong or unknown, and never a secret's value.
 */
export function readConfig(env: Environment): Config {
  const variables = new Variables(env);
  const config: Config = {
    host: variables.read('HOST', '0.0.0.0', host),
    port: variables.read('PORT', '3000', port),
    logLevel: variables.read('LOG_LEVEL', 'info', oneOf(LOG_LEVELS)),
    apiKeys: variables.read('API_KEYS', undefined, tenantKeys),
    stripeSecretKey: variables.read('STRIPE_SECRET_KEY', undefined, stripeSecretKey),
    // No more than there may be connections to Stripe.
    stripeMaxInFlight: variables.read('STRIPE_MAX_IN_FLIGHT', '50', integer(1, 60)),
    stripeMaxQueued: variables.read('STRIPE_MAX_QUEUED', '100', integer(0, 10_000)),
    // Of the ten seconds until the deadline, six remain: one whole attempt at Stripe.
    stripeQueueTimeoutMs: variables.read('STRIPE_QUEUE_TIMEOUT_MS', '500', integer(0, 4_000)),
    tenantRequestsPerMinute: variables.read('TENANT_REQUESTS_PER_MINUTE', '600', integer(1, 1_000_000_000)),
    addressFailuresPerMinute: variables.read('ADDRESS_FAILURES_PER_MINUTE', '60', integer(1, 1_000_000_000)),
    redisUrl: variables.optional('REDIS_URL', redisUrl),
    adminHost: variables.read('ADMIN_HOST', '127.0.0.1', host),
    adminPort: variables.read('ADMIN_PORT', '9090', port),
    corsOrigins: variables.optional('CORS_ORIGINS', listOf(origin)),
    trustedProxies: variables.optional('TRUSTED_PROXIES', listOf(addressRange)),
    maxConnections: variables.read('MAX_CONNECTIONS', '10000', integer(1, 1_000_000)),
    drainMs: variables.read('DRAIN_MS', '5000', integer(0, 600_000)),
    checkAnswers: variables.read('CHECK_ANSWERS', 'off', onOrOff),
    docs: variables.read('DOCS', 'off', onOrOff),
  };
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    variables.fault('NODE_TLS_REJECT_UNAUTHORIZED', 'must not be 0: anyone between us and Stripe could read the key');
  }
  if (env['OTEL_TRACES_EXPORTER']?.split(',').some((name) => name.trim() === 'console')) {
    variables.fault('OTEL_TRACES_EXPORTER', 'must not be console: standard output is the log, which is JSON');
  }
  if (!/^(none)?$/i.test(env['OTEL_LOG_LEVEL']?.trim() ?? '')) {
    variables.fault(
      'OTEL_LOG_LEVEL',
      'must be none or unset: OpenTelemetry writes to standard output, which is the log',
    );
  }
  if (config.port === config.adminPort && config.port !== 0) {
    variables.fault('ADMIN_PORT', 'must not be PORT: customers would reach it, or it them');
  }
  variables.refuseUnknown();
  variables.finish();
  return Object.freeze(config);
}

export interface MockConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: Config['logLevel'];
  /** The one key that is let in; absent, any key is. */
  readonly apiKey: string | undefined;
  /** Whether the API reference is served at /docs. */
  readonly docs: boolean;
  /** How long each answer waits. */
  readonly latencyMs: LatencyMs;
  /** The share of valid requests that fail, from 0 to 1. */
  readonly errorRate: number;
  /** Whether each answer has data of its own in place of the example's. */
  readonly dynamic: boolean;
}

/** A time between the two, in milliseconds, chosen anew for each answer. */
export interface LatencyMs {
  readonly min: number;
  readonly max: number;
}

/** Reads the mock's configuration; throws as readConfig does. */
export function readMockConfig(env: Environment): MockConfig {
  const variables = new Variables(env);
  const config: MockConfig = {
    host: variables.read('HOST', '127.0.0.1', host),
    port: variables.read('PORT', '4010', port),
    logLevel: variables.read('LOG_LEVEL', 'info', oneOf(LOG_LEVELS)),
    apiKey: variables.optional('API_KEY', anyText),
    docs: variables.read('DOCS', 'on', onOrOff),
    latencyMs: variables.read('LATENCY_MS', '0', described(readLatencyMs, LATENCY_WORDS)),
    errorRate: variables.read('ERROR_RATE', '0', described(readRate, RATE_WORDS)),
    dynamic: variables.read('DYNAMIC', '0', oneOf(['0', '1'])) === '1',
  };
  variables.finish();
  return Object.freeze(config);
}

/** What is longer, a client would hardly wait for, and the server would take for a dead connection. */
const MAX_LATENCY_MS = 20_000;

export const LATENCY_WORDS = `expected milliseconds such as 300 or 100-800, at most ${MAX_LATENCY_MS}`;
export const RATE_WORDS = 'expected a share from 0 to 1 such as 0.1';

/** `300` or `100-800`; undefined where it is neither. */
export function readLatencyMs(text: string): LatencyMs | undefined {
  const [, min, max = min] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const latencyMs = { min: Number(min), max: Number(max) };
  return latencyMs.min <= latencyMs.max && latencyMs.max <= MAX_LATENCY_MS ? latencyMs : undefined;
}

/** `0.1`; undefined where it is no share. */
export const readRate = (text: string): number | undefined =>
  /^(0(\.\d{1,9})?|1(\.0+)?)$/.test(text) ? Number(text) : undefined;

const origin = (text: string) =>
  URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text
    ? text
    : new InvalidSetting(`expected origins such as https://shop.example.com, got ${JSON.stringify(text)}`);

/** The shortest prefixes that TRUSTED_PROXIES takes. */
const MIN_BITS = { ipv4: 8, ipv6: 16 };

const addressRange = (text: string) => {
  const range = parseRange(text);
  if (!range) {
    return new InvalidSetting(`expected addresses or CIDR ranges such as 10.0.0.0/8, got ${JSON.stringify(text)}`);
  }
  if (range.bits < MIN_BITS[range.family]) {
    return new InvalidSetting(
      `expected ranges no wider than /${MIN_BITS.ipv4} (IPv6: /${MIN_BITS.ipv6}), ` +
        `because a caller in such a range chooses its own address; got ${JSON.stringify(text)}`,
    );
  }
  return text;
};

/** The URL can hold a password: it is not repeated. A query would be taken for settings of the client, before ours. */
const redisUrl = (text: string) =>
  URL.canParse(text) && /^rediss?:\/\/([^/?#\s]*@)?[^/?#@\s]+(\/\d{0,3})?$/.test(text) && isDecodable(text)
    ? text
    : new InvalidSetting(
        'expected redis://user:password@host:port/database, or rediss://…, the password percent-encoded',
      );

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}

const stripeSecretKey = (text: string) =>
  isStripeSecretKey(text) ? text : new InvalidSetting('expected a secret or restricted key of Stripe (sk_… or rk_…)');

/** `tenant:sha256,tenant:sha256`. A tenant may stand several times, a key once. */
function tenantKeys(text: string): TenantKey[] | InvalidSetting {
  const entries = text.split(',').map((entry) => entry.trim());
  const keys = entries.map((entry) => /^([A-Za-z0-9_.-]{1,64}):([0-9a-f]{64})$/.exec(entry));
  const wrong = keys.flatMap((key, index) => (key ? [] : [index + 1]));
  if (wrong.length > 0) {
    return new InvalidSetting(
      `expected tenant:sha256 pairs, separated by commas; wrong: number ${wrong.join(', ')} of ${entries.length}`,
    );
  }
  const digests = keys.map((key) => key![2]!);
  if (new Set(digests).size < digests.length) return new InvalidSetting('the same key stands there twice');
  return keys.map((key) => ({ tenant: key![1]!, sha256: Buffer.from(key![2]!, 'hex') }));
}
