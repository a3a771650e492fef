import { isIP } from 'node:net';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type IRateLimiterOptions } from 'rate-limiter-flexible';
import { Problem } from './problems.ts';
import type { SharedCounts } from './redis.ts';

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
}

/**
 * Limits in memory, and in Redis where there is one, so that several instances count together.
 *
 * Redis is never needed: while it is slow, dead or absent, each instance counts for itself, and says so in the log.
 */
export function limits(settings: LimitSettings, redis?: SharedCounts): Limits {
  // Others may use the same Redis: the names begin with ours.
  const requests = limiter(
    { keyPrefix: 'payments-service:tenant', points: settings.tenantRequestsPerMinute, duration: 60 },
    redis,
  );
  const failures = limiter(
    { keyPrefix: 'payments-service:address', points: settings.addressFailuresPerMinute, duration: 60 },
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
