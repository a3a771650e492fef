import { isIP } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type IRateLimiterOptions } from 'rate-limiter-flexible';
import { Problem } from './problems.ts';

/** How often one caller may ask. Each function throws the Problem `tooManyRequests` once the caller has asked too often. */
export interface Limits {
  /** Counts a request of a tenant's. */
  countRequest: (tenant: string) => Promise<void>;
  /** Counts a failed authentication from an address: guessing keys is slow, and others at other addresses don't feel it. */
  countFailure: (address: string) => Promise<void>;
  /** Whether the counts are shared with other instances: false without Redis, and while it doesn't answer. */
  readonly shared: boolean;
  close: () => void;
}

export interface LimitSettings {
  tenantRequestsPerMinute: number;
  addressFailuresPerMinute: number;
  /** `redis://…`; absent, each instance counts for itself. */
  redisUrl?: string | undefined;
}

/** The most that Redis may add to a request, in milliseconds. */
const REDIS_TIMEOUT_MS = 100;

/** How long Redis is left alone after it failed to answer, so that a slow one slows one request and not all. */
const REDIS_PAUSE_MS = 1_000;

/**
 * Limits in memory, and in Redis where there is one, so that several instances count together.
 *
 * Redis is never needed: while it is slow, dead or absent, each instance counts for itself, and says so in the log.
 */
export function limits(settings: LimitSettings, logger: FastifyBaseLogger): Limits {
  const redis = settings.redisUrl === undefined ? undefined : sharedCounts(settings.redisUrl, logger);
  const requests = limiter({ keyPrefix: 'tenant', points: settings.tenantRequestsPerMinute, duration: 60 }, redis);
  const failures = limiter({ keyPrefix: 'address', points: settings.addressFailuresPerMinute, duration: 60 }, redis);
  return {
    countRequest: requests,
    countFailure: (address) => failures(networkOf(address)),
    get shared() {
      return redis?.isUsable() ?? false;
    },
    close: () => redis?.client.disconnect(),
  };
}

/** An IPv6 address stands for its /64, which one customer of a provider has all to themselves. */
function networkOf(address: string): string {
  if (isIP(address) !== 6 || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head.split(':').filter((group) => group !== '');
  const omitted = tail === undefined ? 0 : 8 - groups.length - tail.split(':').filter((group) => group !== '').length;
  return [...groups, ...Array.from({ length: omitted }, () => '0')].slice(0, 4).join(':');
}

interface SharedCounts {
  client: Redis;
  isUsable(): boolean;
  failed(): void;
}

function sharedCounts(url: string, logger: FastifyBaseLogger): SharedCounts {
  // By default a command waits for Redis to come back, and every request with it.
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: REDIS_TIMEOUT_MS,
    connectTimeout: 300,
  });
  let pausedUntil = 0;
  let wasUsable = true;
  const isUsable = () => client.status === 'ready' && performance.now() >= pausedUntil;
  const say = () => {
    const usable = isUsable();
    if (usable === wasUsable) return;
    wasUsable = usable;
    if (usable) logger.info('Redis answers: the limits are shared again');
    else logger.warn('Redis does not answer: each instance counts its limits for itself');
  };
  // Without a listener each failed connection would end the process.
  client.on('error', say);
  client.on('close', say);
  client.on('ready', () => {
    pausedUntil = 0;
    say();
  });
  return {
    client,
    isUsable() {
      say();
      return isUsable();
    },
    failed() {
      pausedUntil = performance.now() + REDIS_PAUSE_MS;
      say();
    },
  };
}

function limiter(options: IRateLimiterOptions, redis: SharedCounts | undefined): (caller: string) => Promise<void> {
  const local = new RateLimiterMemory(options);
  const shared = redis && new RateLimiterRedis({ ...options, storeClient: redis.client });
  return async (caller) => {
    if (!shared || !redis.isUsable()) return consume(local, caller);
    try {
      await consume(shared, caller);
    } catch (error) {
      if (error instanceof Problem) throw error;
      redis.failed();
      await consume(local, caller);
    }
  };
}

async function consume(counter: RateLimiterMemory | RateLimiterRedis, caller: string): Promise<void> {
  try {
    await counter.consume(caller);
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    const seconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
    throw new Problem('tooManyRequests', { headers: { 'Retry-After': String(seconds) } });
  }
}
