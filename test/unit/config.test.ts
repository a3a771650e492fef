import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/access/apiKeys.ts';
import { readConfig } from '../../src/config.ts';

const digest = (apiKey: string) => sha256(apiKey).toString('hex');

const goodEnv = { API_KEYS: `acme:${digest('cv_one')}`, STRIPE_SECRET_KEY: 'sk_test_51Good' };

type Environment = Readonly<Record<string, string | undefined>>;

/** What is said about each variable, without the heading. */
function faultsIn(env: Environment, read: (env: Environment) => unknown = readConfig): string[] {
  try {
    read(env);
  } catch (error) {
    return (error as Error).message.split('\n- ').slice(1);
  }
  return [];
}

describe('readConfig', () => {
  it('needs the API keys and the Stripe key, and knows what is usual for the rest', () => {
    expect(readConfig(goodEnv)).toEqual({
      host: '0.0.0.0',
      port: 3000,
      logLevel: 'info',
      apiKeys: [{ tenant: 'acme', sha256: sha256('cv_one') }],
      stripeSecretKey: 'sk_test_51Good',
      stripeMaxInFlight: 50,
      stripeMaxQueued: 100,
      stripeQueueTimeoutMs: 500,
      tenantRequestsPerMinute: 600,
      addressFailuresPerMinute: 60,
      redisUrl: undefined,
      adminHost: '127.0.0.1',
      adminPort: 9090,
      corsOrigins: undefined,
      trustedProxies: undefined,
      maxConnections: 10_000,
      drainMs: 5000,
      validateResponses: false,
      docs: false,
    });
  });

  it('names every fault at once, each with what would be right', () => {
    const env = {
      PORT: '80a',
      LOG_LEVEL: 'loud',
      API_KEYS: 'acme',
      TENANT_REQUESTS_PER_MINUTE: '0',
      ADDRESS_FAILURES_PER_MINUTE: '-1',
      DRAIN_MS: '5s',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      OTEL_TRACES_EXPORTER: 'otlp,console',
      OTEL_LOG_LEVEL: 'debug',
      STRIPE_SECRET: 'sk_test_51Good',
    };
    expect(() => readConfig(env)).toThrow(
      new Error(`Invalid configuration:
- PORT: expected an integer from 0 to 65535, got "80a"
- LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent, got "loud"
- API_KEYS: expected tenant:sha256 pairs, separated by commas; wrong: number 1 of 1
- STRIPE_SECRET_KEY: missing
- TENANT_REQUESTS_PER_MINUTE: expected an integer from 1 to 1000000000, got "0"
- ADDRESS_FAILURES_PER_MINUTE: expected an integer from 1 to 1000000000, got "-1"
- DRAIN_MS: expected an integer from 0 to 600000, got "5s"
- NODE_TLS_REJECT_UNAUTHORIZED: must not be 0: anyone on the network path to Stripe could read the secret key
- OTEL_TRACES_EXPORTER: must not be console: standard output is the log, which is JSON
- OTEL_LOG_LEVEL: must be none or unset: OpenTelemetry writes to standard output, which is the log
- STRIPE_SECRET: unknown; see .env.example`),
    );
  });

  it.each([
    ['PORT', '0', '65535'],
    ['STRIPE_MAX_IN_FLIGHT', '1', '60'],
    ['STRIPE_MAX_QUEUED', '0', '10000'],
    ['STRIPE_QUEUE_TIMEOUT_MS', '0', '4000'],
    ['TENANT_REQUESTS_PER_MINUTE', '1', '1000000000'],
    ['ADDRESS_FAILURES_PER_MINUTE', '1', '1000000000'],
    ['MAX_CONNECTIONS', '1', '1000000'],
    ['DRAIN_MS', '0', '600000'],
  ])('takes %s from %s to %s, and surrounding space', (name, least, most) => {
    expect(faultsIn({ ...goodEnv, [name]: least })).toEqual([]);
    expect(faultsIn({ ...goodEnv, [name]: ` ${most} ` })).toEqual([]);
  });

  it.each([
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PORT', '0x50'],
    ['PORT', '1e3'],
    ['STRIPE_MAX_IN_FLIGHT', '0'],
    ['STRIPE_MAX_IN_FLIGHT', '61'],
    ['STRIPE_MAX_QUEUED', '10001'],
    ['STRIPE_QUEUE_TIMEOUT_MS', '4001'],
    ['TENANT_REQUESTS_PER_MINUTE', '0'],
    ['TENANT_REQUESTS_PER_MINUTE', '1000000001'],
    ['ADDRESS_FAILURES_PER_MINUTE', '0'],
    ['ADDRESS_FAILURES_PER_MINUTE', '1000000001'],
    ['MAX_CONNECTIONS', '0'],
    ['MAX_CONNECTIONS', '1000001'],
    ['DRAIN_MS', '600001'],
    ['DRAIN_MS', 'Infinity'],
    ['LOG_LEVEL', 'INFO'],
    ['CHECK_ANSWERS', 'true'],
  ])('refuses %s=%s', (name, text) => {
    expect(faultsIn({ ...goodEnv, [name]: text })).toEqual([expect.stringContaining(`got "${text}"`)]);
  });

  it.each(['PORT', 'HOST', 'LOG_LEVEL', 'DRAIN_MS'])('takes an empty %s for none', (name) => {
    expect(readConfig({ ...goodEnv, [name]: ' ' })).toEqual(readConfig(goodEnv));
  });

  it.each(['API_KEYS', 'STRIPE_SECRET_KEY'])('takes an empty %s for missing', (name) => {
    expect(faultsIn({ ...goodEnv, [name]: '' })).toEqual([`${name}: missing`]);
  });

  it('reads several keys, also of one tenant, so that a key can be replaced', () => {
    const apiKeys = [`acme:${digest('old')}`, `acme:${digest('new')}`, `b.c-d_1:${digest('other')}`].join(' , ');
    expect(readConfig({ ...goodEnv, API_KEYS: apiKeys }).apiKeys).toEqual([
      { tenant: 'acme', sha256: sha256('old') },
      { tenant: 'acme', sha256: sha256('new') },
      { tenant: 'b.c-d_1', sha256: sha256('other') },
    ]);
  });

  it.each([
    ['a key that is no digest', 'acme:cv_secret'],
    ['a digest in capitals', `acme:${digest('cv_secret').toUpperCase()}`],
    ['a tenant with a space', `ac me:${digest('cv_secret')}`],
    ['no tenant', digest('cv_secret')],
    ['a comma too many', `acme:${digest('cv_secret')},`],
  ])('refuses API keys with %s', (_what, text) => {
    expect(faultsIn({ ...goodEnv, API_KEYS: text })).toEqual([
      expect.stringMatching(/^API_KEYS: expected tenant:sha256 pairs, separated by commas; wrong: number \d of \d$/),
    ]);
  });

  it('says by number which of the API keys are wrong', () => {
    const good = `acme:${digest('cv_one')}`;
    expect(faultsIn({ ...goodEnv, API_KEYS: `${good},wrong,${good},worse` })).toEqual([
      expect.stringContaining('wrong: number 2, 4 of 4'),
    ]);
  });

  it('refuses one key for two tenants: whose requests would they be?', () => {
    const shared = digest('cv_one');
    expect(faultsIn({ ...goodEnv, API_KEYS: `acme:${shared},other:${shared}` })).toEqual(['API_KEYS: duplicate key']);
  });

  it.each(['sk_live_51Good', 'rk_live_51Good', 'rk_test_51Good'])('takes a Stripe key like %s', (key) => {
    expect(readConfig({ ...goodEnv, STRIPE_SECRET_KEY: key }).stripeSecretKey).toBe(key);
  });

  it.each([
    ['a publishable one', 'pk_live_51Canary'],
    ['a restricted one with a line break inside', 'rk_live_51\nCanary'],
    ['one with a letter that is no ASCII', 'sk_test_51Cänary'],
    ['something else', 'whsec_Canary'],
  ])('refuses a Stripe key that is %s', (_what, key) => {
    expect(faultsIn({ ...goodEnv, STRIPE_SECRET_KEY: key })).toEqual([
      'STRIPE_SECRET_KEY: expected a secret or restricted key of Stripe (sk_… or rk_…)',
    ]);
  });

  it('never says a secret, however it is misplaced', () => {
    const env = {
      API_KEYS: `acme:cv_CANARY,${digest('cv_CANARY')}`,
      STRIPE_SECRET_KEY: 'pk_live_CANARY',
      API_KEY: 'cv_CANARY',
      STRIPE_KEY: 'sk_live_CANARY',
    };
    const output = faultsIn(env).join('\n');
    expect(output).not.toContain('CANARY');
    expect(output).not.toContain(digest('cv_CANARY'));
  });

  it.each([
    'API_KEY',
    'API_KEYS_2',
    'STRIPE_KEY',
    'TENANT_REQUESTS',
    'ADDRESS_FAILURES',
    'MAX_CONNECTION',
    'DRAIN_SECONDS',
  ])('takes %s, which it does not know, for a typing error', (name) => {
    expect(faultsIn({ ...goodEnv, [name]: '1' })).toEqual([`${name}: unknown; see .env.example`]);
  });

  it('leaves the variables of others alone', () => {
    expect(faultsIn({ ...goodEnv, PATH: '/bin', NODE_TLS_REJECT_UNAUTHORIZED: '1', KUBERNETES_PORT: 'x' })).toEqual([]);
  });

  it('reads lists, addresses and the rest as they are given', () => {
    const given = {
      HOST: '127.0.0.2',
      ADMIN_HOST: '127.0.0.3',
      ADMIN_PORT: '9999',
      REDIS_URL: 'rediss://:secret@redis.internal:6380/1',
      CORS_ORIGINS: 'https://shop.example.com , http://localhost:5173',
      TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.1,2001:db8::/128,::1',
    };
    expect(readConfig({ ...goodEnv, ...given })).toMatchObject({
      host: '127.0.0.2',
      adminHost: '127.0.0.3',
      adminPort: 9999,
      redisUrl: 'rediss://:secret@redis.internal:6380/1',
      corsOrigins: ['https://shop.example.com', 'http://localhost:5173'],
      trustedProxies: ['10.0.0.0/8', '192.0.2.1', '2001:db8::/128', '::1'],
    });
  });

  it.each(['redis://127.0.0.1', 'rediss://127.0.0.1:6380'])('takes a Redis at %s', (url) => {
    expect(faultsIn({ ...goodEnv, REDIS_URL: url })).toEqual([]);
  });

  it.each(['redis', 'http://127.0.0.1', 'xredis://127.0.0.1', 'redisx://127.0.0.1', '//:secret@host'])(
    'refuses a Redis at %s, without repeating what may hold a password',
    (url) => {
      expect(faultsIn({ ...goodEnv, REDIS_URL: url })).toEqual([
        'REDIS_URL: expected redis://user:password@host:port/database, or rediss://…, the password percent-encoded',
      ]);
    },
  );

  it.each([
    'shop.example.com',
    'https://shop.example.com/',
    'https://shop.example.com/cart',
    'https://SHOP.example.com',
    'ftp://shop.example.com',
    '*',
    'null',
    'blob:https://shop.example.com',
  ])('refuses the origin %s, which no browser sends', (text) => {
    expect(faultsIn({ ...goodEnv, CORS_ORIGINS: text })).toEqual([
      `CORS_ORIGINS: expected origins such as https://shop.example.com, got "${text}"`,
    ]);
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/x',
    'x10.0.0.0/8',
    '10.0.0.0/8x',
    '::1/129',
    'proxy.internal',
    '/8',
    'loopback',
    'fe80::1%eth0',
    '[::1]',
    '10.0.0.1:80',
  ])('refuses the proxy %s', (text) => {
    expect(faultsIn({ ...goodEnv, TRUSTED_PROXIES: text })).toEqual([
      `TRUSTED_PROXIES: expected addresses or CIDR ranges such as 10.0.0.0/8, got "${text}"`,
    ]);
  });

  it.each([
    '0.0.0.0/0',
    '128.0.0.0/1',
    '10.0.0.0/7',
    '::/0',
    '2000::/3',
    '2001::/15',
    '::ffff:0:0/96',
    '::ffff:10.0.0.0/103',
  ])('refuses the proxies %s, who could be anyone', (text) => {
    expect(faultsIn({ ...goodEnv, TRUSTED_PROXIES: text })).toEqual([
      `TRUSTED_PROXIES: expected ranges no wider than /8 (IPv6: /16), because a caller in such a range chooses its own address; got "${text}"`,
    ]);
  });

  it.each(['10.0.0.0/8', '10.0.0.0/32', '::/128', '2001::/16', '::ffff:10.0.0.0/104'])(
    'takes the proxies %s',
    (text) => {
      expect(readConfig({ ...goodEnv, TRUSTED_PROXIES: text })).toMatchObject({ trustedProxies: [text] });
    },
  );

  it('names each wrong entry of a list', () => {
    expect(faultsIn({ ...goodEnv, TRUSTED_PROXIES: 'a,::1,b' })).toEqual([
      expect.stringMatching(/^TRUSTED_PROXIES: .*got "a"; .*got "b"$/),
    ]);
  });

  it('can not be changed afterwards', () => {
    expect(readConfig(goodEnv)).toSatisfy(Object.isFrozen);
  });
});

describe('an API key', () => {
  const wrong = ['API_KEYS: expected tenant:sha256 pairs, separated by commas; wrong: number 1 of 1'];

  it.each(['x', ':x', ' x'])('is a digest and nothing more: …%s', (more) => {
    expect(faultsIn({ ...goodEnv, API_KEYS: `acme:${digest('cv_one')}${more}` })).toEqual(wrong);
  });
});
