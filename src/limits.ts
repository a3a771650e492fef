import { isIP } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type IRateLimiterOptions } from 'rate-limiter-flexible';
import { Problem } from './problems.ts';

/** How often one caller may ask. Each function throws the Problem `tooManyRequests` once the caller has asked too often. */
export interface Limits {
  /** Counts a request of a tenant's. */
  countRequest: (tenant: string) => Promise<void>;
  /** Counts a failed authentication from an address: it bounds what guessing costs us, and others at other addresses don't feel it. */
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

/** How long Redis is left alone after it failed to answer, in milliseconds: a slow one slows one request and not all. */
const REDIS_PAUSE_MS = 1_000;

/** Others may use the same Redis. */
const KEY_PREFIX = 'payments-service';

/**
 * Limits in memory, and in Redis where there is one, so that several instances count together.
 *
 * Redis is never needed: while it is slow, dead or absent, each instance counts for itself, and says so in the log.
 */
export function limits(settings: LimitSettings, logger: FastifyBaseLogger): Limits {
  const redis = settings.redisUrl === undefined ? undefined : sharedCounts(settings.redisUrl, logger);
  const requests = limiter(
    { keyPrefix: `${KEY_PREFIX}:tenant`, points: settings.tenantRequestsPerMinute, duration: 60 },
    redis,
  );
  const failures = limiter(
    { keyPrefix: `${KEY_PREFIX}:address`, points: settings.addressFailuresPerMinute, duration: 60 },
    redis,
  );
  return {
    countRequest: requests,
    countFailure: (address) => failures(networkOf(address)),
    get shared() {
      return redis?.answers ?? false;
    },
    close: () => redis?.close(),
  };
}

/** An IPv6 address stands for its /64, which one customer of a provider has all to themselves. */
function networkOf(address: string): string {
  if (isIP(address) !== 6 || address.startsWith('::ffff:')) return address;
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const omitted = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...omitted, ...tail].slice(0, 4).join(':');
}

interface SharedCounts {
  client: Redis;
  readonly answers: boolean;
  /** To be called when a command failed. */
  failed(): void;
  close(): void;
}

/**
 * A connection to Redis that is given up at the first command without an answer, and counts as answering again only when
 * a new one has taken a write. Nobody's request has to try that out.
 */
function sharedCounts(url: string, logger: FastifyBaseLogger): SharedCounts {
  // By default a command waits for Redis to come back, and every request with it.
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: REDIS_TIMEOUT_MS,
    connectTimeout: 300,
    disconnectTimeout: REDIS_TIMEOUT_MS,
    retryStrategy: () => REDIS_PAUSE_MS,
  });
  let answers: boolean | undefined;
  const turn = (now: boolean) => {
    if (now === answers) return;
    answers = now;
    // Not the error: it holds the command, and the command may hold the password.
    if (now) logger.info('Redis answers: the limits are shared');
    else logger.warn('Redis does not answer: each instance counts its limits for itself');
  };
  const giveUp = () => {
    turn(false);
    client.disconnect(true);
  };
  // Without a listener ioredis prints each failed connection. What babbles is in error, and stays connected.
  client.on('error', () => turn(false));
  client.on('close', () => turn(false));
  // A replica, or a Redis without memory, answers and takes no write.
  client.on('ready', () => void client.set(`${KEY_PREFIX}:probe`, '', 'EX', 1).then(() => turn(true), giveUp));
  return {
    client,
    get answers() {
      return answers ?? false;
    },
    failed: giveUp,
    close() {
      // Our own farewell is no failure.
      answers = false;
      client.disconnect();
    },
  };
}

function limiter(options: IRateLimiterOptions, redis: SharedCounts | undefined): (caller: string) => Promise<void> {
  const local = new RateLimiterMemory(options);
  const shared =
    redis &&
    new RateLimiterRedis({
      ...options,
      storeClient: redis.client,
      // Who has asked too often costs Redis nothing any more.
      inMemoryBlockOnConsumed: options.points,
    });
  return async (caller) => {
    if (!shared || !redis.answers) return consume(local, caller);
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
