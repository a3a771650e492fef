import { parseRange } from './access/callerAddress.ts';
import { isStripeSecretKey } from './payments/stripe/secretKey.ts';
import type { TenantKey } from './access/apiKeys.ts';
import {
  expected,
  host,
  integer,
  listOf,
  LOG_LEVELS,
  oneOf,
  onOrOff,
  port,
  Variables,
  type Environment,
} from './env.ts';

export type Config = ReturnType<typeof readConfig>;

/**
 * Reads the configuration from environment variables; `.env.example` describes them all.
 *
 * Throws one Error that lists every missing, invalid or unknown variable, and never a secret's value.
 */
export function readConfig(env: Environment) {
  const variables = new Variables(env);
  const config = {
    host: variables.read('HOST', '0.0.0.0', host),
    port: variables.read('PORT', '3000', port),
    logLevel: variables.read('LOG_LEVEL', 'info', oneOf(LOG_LEVELS)),
    apiKeys: variables.read('API_KEYS', undefined, tenantKeys),
    stripeSecretKey: variables.read('STRIPE_SECRET_KEY', undefined, stripeSecretKey),
    /** Concurrent payments at Stripe: fewer than httpClient.ts has connections. */
    stripeMaxInFlight: variables.read('STRIPE_MAX_IN_FLIGHT', '50', integer(1, 60)),
    /** Payments that may wait for a place, over all tenants. */
    stripeMaxQueued: variables.read('STRIPE_MAX_QUEUED', '100', integer(0, 10_000)),
    /** Longest wait of a payment. Leaves six of the ten seconds until the deadline: one whole attempt at Stripe. */
    stripeQueueTimeoutMs: variables.read('STRIPE_QUEUE_TIMEOUT_MS', '500', integer(0, 4_000)),
    tenantRequestsPerMinute: variables.read('TENANT_REQUESTS_PER_MINUTE', '600', integer(1, 1_000_000_000)),
    /** Failed authentications per minute, by address. */
    addressFailuresPerMinute: variables.read('ADDRESS_FAILURES_PER_MINUTE', '60', integer(1, 1_000_000_000)),
    /** Shares rate limits between instances. Default: each instance counts its own. */
    redisUrl: variables.optional('REDIS_URL', redisUrl),
    /** Listens for metrics and health checks. Must not be reachable by customers. */
    adminHost: variables.read('ADMIN_HOST', '127.0.0.1', host),
    adminPort: variables.read('ADMIN_PORT', '9090', port),
    /** Origins whose pages may call. Default: none. */
    corsOrigins: variables.optional('CORS_ORIGINS', listOf(origin)),
    /** Trusted proxies (addresses or CIDR ranges). Default: none; X-Forwarded-For is ignored. */
    trustedProxies: variables.optional('TRUSTED_PROXIES', listOf(addressRange)),
    /** Open connections; further ones are closed at once. */
    maxConnections: variables.read('MAX_CONNECTIONS', '10000', integer(1, 1_000_000)),
    /** How long the server accepts requests after SIGTERM, until the load balancer has noticed. */
    drainMs: variables.read('DRAIN_MS', '5000', integer(0, 600_000)),
    /** Whether responses are validated against the contract, after they are sent. */
    validateResponses: variables.read('CHECK_ANSWERS', 'off', onOrOff),
    /** Whether the API reference is served at /docs. */
    docs: variables.read('DOCS', 'off', onOrOff),
  };
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    variables.addIssue(
      'NODE_TLS_REJECT_UNAUTHORIZED',
      'must not be 0: anyone on the network path to Stripe could read the secret key',
    );
  }
  if (env['OTEL_TRACES_EXPORTER']?.split(',').some((name) => name.trim() === 'console')) {
    variables.addIssue('OTEL_TRACES_EXPORTER', 'must not be console: standard output is the log, which is JSON');
  }
  if (!/^(none)?$/i.test(env['OTEL_LOG_LEVEL']?.trim() ?? '')) {
    variables.addIssue(
      'OTEL_LOG_LEVEL',
      'must be none or unset: OpenTelemetry writes to standard output, which is the log',
    );
  }
  if (config.port === config.adminPort && config.port > 0) {
    variables.addIssue('ADMIN_PORT', 'must differ from PORT: customers must not reach it');
  }
  variables.rejectUnknown();
  variables.finish();
  return Object.freeze(config);
}

const origin = (text: string) =>
  URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text
    ? text
    : expected('origins such as https://shop.example.com', text);

/** The shortest prefixes that TRUSTED_PROXIES accepts. */
const MIN_BITS = { ipv4: 8, ipv6: 16 };

function addressRange(text: string): string {
  const range = parseRange(text) ?? expected('addresses or CIDR ranges such as 10.0.0.0/8', text);
  if (range.bits >= MIN_BITS[range.family]) return text;
  throw new Error(
    `expected ranges no wider than /${MIN_BITS.ipv4} (IPv6: /${MIN_BITS.ipv6}), ` +
      `because a caller in such a range chooses its own address; got ${JSON.stringify(text)}`,
  );
}

/** Never quoted, as it can contain a password. A query is rejected: ioredis would read options from it, which override ours. */
function redisUrl(text: string): string {
  const isRedisUrl = URL.canParse(text) && /^rediss?:\/\/([^/?#\s]*@)?[^/?#@\s]+(\/\d{0,3})?$/.test(text);
  if (isRedisUrl && isDecodable(text)) return text;
  throw new Error('expected redis://user:password@host:port/database, or rediss://…, the password percent-encoded');
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}

function stripeSecretKey(text: string): string {
  if (isStripeSecretKey(text)) return text;
  throw new Error('expected a secret or restricted key of Stripe (sk_… or rk_…)');
}

/** `tenant:sha256,tenant:sha256`. A tenant may have several keys; each key must be unique. */
function tenantKeys(text: string): TenantKey[] {
  const entries = text.split(',').map((entry) => entry.trim());
  const keys = entries.map((entry) => /^([A-Za-z0-9_.-]{1,64}):([0-9a-f]{64})$/.exec(entry));
  const invalid = keys.flatMap((key, index) => (key ? [] : [index + 1]));
  if (invalid.length > 0) {
    const positions = `${invalid.join(', ')} of ${entries.length}`;
    throw new Error(`expected tenant:sha256 pairs, separated by commas; wrong: number ${positions}`);
  }
  const digests = keys.map((key) => key![2]!);
  if (new Set(digests).size < digests.length) throw new Error('duplicate key');
  return keys.map((key) => ({ tenant: key![1]!, sha256: Buffer.from(key![2]!, 'hex') }));
}
