import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { Problem } from '../contract/problems.ts';
import type { RedisConnection } from './redis.ts';

/** Rate limits by caller. Each function throws the Problem `tooManyRequests` above the limit. */
export interface RateLimits {
  /** Counts a request of a tenant. */
  countRequest: (tenant: string) => Promise<void>;
  /**
   * Counts a failed authentication from an address, as findCaller returns it. Bounds the cost of guessing keys, without effect
   * on other addresses.
   */
  countFailure: (address: string) => Promise<void>;
  /** Whether the counts are shared with other instances: false without Redis, and while it is unavailable. */
  readonly shared: boolean;
  close: () => void;
}

export interface RateLimitSettings {
  tenantRequestsPerMinute: number;
  addressFailuresPerMinute: number;
}

const WINDOW_SECONDS = 60;
const WINDOW_MS = WINDOW_SECONDS * 1_000;

/**
 * Callers with their own count in memory: about 15 MB. All further callers share one count, so that guessing keys from millions
 * of IPv6 networks is limited too. A wrong key may then get a 429 for another caller's failures; a valid key never does.
 */
const MAX_CALLERS = 100_000;

/**
 * Rate limits, counted in Redis if it is configured, so that instances share their counts.
 *
 * Redis is never a hard dependency: while it is slow or unavailable, each instance counts in memory, and logs that it does.
 */
export function createRateLimits(settings: RateLimitSettings, redis?: RedisConnection): RateLimits {
  // The prefix separates our keys from other users of the same Redis.
  const requests = createLimiter('payments-service:tenant', settings.tenantRequestsPerMinute, redis);
  const failures = createLimiter('payments-service:address', settings.addressFailuresPerMinute, redis);
  return {
    countRequest: requests,
    countFailure: (address) => failures(findNetwork(address)),
    get shared() {
      return redis?.isAvailable ?? false;
    },
    close: () => redis?.close(),
  };
}

/** An IPv6 address is counted by its /64, which a provider assigns to a single customer. */
function findNetwork(address: string): string {
  if (!address.includes(':')) return address;
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const omitted = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...omitted, ...tail].slice(0, 4).join(':');
}

function createLimiter(keyPrefix: string, points: number, redis?: RedisConnection): RateLimits['countRequest'] {
  const local = new LocalCounts(points);
  if (!redis) return async (caller) => local.count(caller);
  const shared = new RateLimiterRedis({
    keyPrefix,
    points,
    duration: WINDOW_SECONDS,
    storeClient: redis.client,
    customIncrTtlLuaScript: COUNT_SCRIPT,
  });
  return async (caller) => {
    if (!redis.isAvailable) return local.count(caller);
    // Callers above their limit cause no further calls to Redis.
    local.rejectBlocked(caller);
    let count: RateLimiterRes;
    try {
      count = await consume(shared, caller);
    } catch {
      redis.reportFailure();
      return local.count(caller);
    }
    if (count.consumedPoints <= points) return;
    const leftMs = Math.min(count.msBeforeNext, WINDOW_MS);
    local.block(caller, leftMs);
    throw tooManyRequests(leftMs);
  };
}

/**
 * rate-limiter-flexible's script, plus the first line: it deletes a window that ends later than a new one would, because Redis's
 * clock was set back. Its caller would be rejected until then.
 */
const COUNT_SCRIPT = `
if redis.call('pttl', KEYS[1]) > 1000 * ARGV[2] then redis.call('del', KEYS[1]) end
redis.call('set', KEYS[1], 0, 'EX', ARGV[2], 'NX')
local consumed = redis.call('incrby', KEYS[1], ARGV[1])
return {consumed, redis.call('pttl', KEYS[1])}
`;

/** Throws if Redis sends anything but counts: the library would accept `OK`. */
async function consume(counter: RateLimiterRedis, caller: string): Promise<RateLimiterRes> {
  const count = await counter.consume(caller).catch((refusal: unknown) => {
    if (refusal instanceof RateLimiterRes) return refusal;
    throw refusal;
  });
  if (!Number.isInteger(count.consumedPoints) || !Number.isInteger(count.msBeforeNext)) {
    throw new Error('Redis sent no count');
  }
  return count;
}

interface Window {
  count: number;
  /** By performance.now(), which is independent of changes to the system clock. */
  endsAtMs: number;
}

/**
 * Counts in memory, in a window of WINDOW_MS from a caller's first request.
 *
 * rate-limiter-flexible's RateLimiterMemory is unbounded, sets a timer per caller, and uses the system clock.
 */
class LocalCounts {
  readonly #points: number;
  // Windows older than these two generations have ended, so that ended windows need no search.
  #current = new Map<string, Window>();
  #previous = new Map<string, Window>();
  #nextGenerationAtMs = 0;
  #overflow: Window = { count: 0, endsAtMs: 0 };

  constructor(points: number) {
    this.#points = points;
  }

  count(caller: string): void {
    const nowMs = performance.now();
    const window = this.#find(caller, nowMs) ?? this.#open(caller, nowMs);
    window.count += 1;
    if (window.count > this.#points) throw tooManyRequests(window.endsAtMs - nowMs);
  }

  /** Blocks a caller for this long, if there is room for its window. */
  block(caller: string, forMs: number): void {
    this.#keep(caller, { count: this.#points, endsAtMs: performance.now() + forMs });
  }

  rejectBlocked(caller: string): void {
    const nowMs = performance.now();
    const window = this.#find(caller, nowMs);
    if (window && window.count >= this.#points) throw tooManyRequests(window.endsAtMs - nowMs);
  }

  #find(caller: string, nowMs: number): Window | undefined {
    if (nowMs >= this.#nextGenerationAtMs) {
      this.#previous = this.#current;
      this.#current = new Map();
      this.#nextGenerationAtMs = nowMs + WINDOW_MS;
    }
    const window = this.#current.get(caller) ?? this.#previous.get(caller);
    return window && nowMs < window.endsAtMs ? window : undefined;
  }

  #open(caller: string, nowMs: number): Window {
    const window = { count: 0, endsAtMs: nowMs + WINDOW_MS };
    if (this.#keep(caller, window)) return window;
    if (nowMs >= this.#overflow.endsAtMs) this.#overflow = window;
    return this.#overflow;
  }

  #keep(caller: string, window: Window): boolean {
    const hasRoom = this.#current.size + this.#previous.size < MAX_CALLERS;
    if (hasRoom) this.#current.set(caller, window);
    return hasRoom;
  }
}

function tooManyRequests(forMs: number): Problem {
  const seconds = Math.min(WINDOW_SECONDS, Math.max(1, Math.ceil(forMs / 1_000)));
  return new Problem('tooManyRequests', { headers: { 'Retry-After': String(seconds) } });
}
