import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { Problem } from '../contract/problems.ts';
import type { SharedCounts } from './redis.ts';

/** How often one caller may ask. Each function throws the Problem `tooManyRequests` once the caller has asked too often. */
export interface RateLimits {
  /** Counts a request of a tenant's. */
  countRequest: (tenant: string) => Promise<void>;
  /**
   * Counts a failed authentication from an address, as callerAddress.ts spells it: it bounds what guessing costs us, and others
   * at other addresses don't feel it.
   */
  countFailure: (address: string) => Promise<void>;
  /** Whether the counts are shared with other instances: false without Redis, and while it doesn't answer. */
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
 * How many callers have a count of their own in the memory of this process: about 15 MB. Whoever comes after them shares one
 * count with all others who do, so that guessing from millions of IPv6 networks has a limit too. Then a wrong key can be
 * answered 429 for another caller's failures; a right key never is.
 */
const MAX_CALLERS = 100_000;

/**
 * Limits in memory, and in Redis where there is one, so that several instances count together.
 *
 * Redis is never needed: while it is slow, dead or absent, each instance counts for itself, and says so in the log.
 */
export function createRateLimits(settings: RateLimitSettings, redis?: SharedCounts): RateLimits {
  // Others may use the same Redis: the names begin with ours.
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

/** An IPv6 address stands for its /64, which one customer of a provider has all to themselves. */
function findNetwork(address: string): string {
  if (!address.includes(':')) return address;
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const omitted = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...omitted, ...tail].slice(0, 4).join(':');
}

function createLimiter(
  keyPrefix: string,
  points: number,
  redis: SharedCounts | undefined,
): (caller: string) => Promise<void> {
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
    // Who has asked too often costs Redis nothing any more.
    local.refuseBlocked(caller);
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
 * The library's script, but for a window that ends later than one that begins now: Redis's clock was set back since it began,
 * and its caller would be refused for as long.
 */
const COUNT_SCRIPT = `
if redis.call('pttl', KEYS[1]) > 1000 * ARGV[2] then redis.call('del', KEYS[1]) end
redis.call('set', KEYS[1], 0, 'EX', ARGV[2], 'NX')
local consumed = redis.call('incrby', KEYS[1], ARGV[1])
return {consumed, redis.call('pttl', KEYS[1])}
`;

/** Throws where Redis sends no count: the library would take `OK` for few enough. */
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
  /** By performance.now(): a clock that is set, back or forward, doesn't change a window. */
  endsAtMs: number;
}

/**
 * Counts in memory, in a window of WINDOW_MS from a caller's first request on.
 *
 * rate-limiter-flexible's RateLimiterMemory has no bound, a timer for each caller, and the clock on the wall.
 */
class LocalCounts {
  readonly #points: number;
  // Whatever is older than these two generations has ended, so that nobody has to look for what has.
  #current = new Map<string, Window>();
  #previous = new Map<string, Window>();
  #nextGenerationAtMs = 0;
  #others: Window = { count: 0, endsAtMs: 0 };

  constructor(points: number) {
    this.#points = points;
  }

  count(caller: string): void {
    const nowMs = performance.now();
    const window = this.#find(caller, nowMs) ?? this.#open(caller, nowMs);
    window.count += 1;
    if (window.count > this.#points) throw tooManyRequests(window.endsAtMs - nowMs);
  }

  /** Lets nothing more of a caller through for this long, as far as there is room to remember it. */
  block(caller: string, forMs: number): void {
    this.#keep(caller, { count: this.#points, endsAtMs: performance.now() + forMs });
  }

  refuseBlocked(caller: string): void {
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
    if (nowMs >= this.#others.endsAtMs) this.#others = window;
    return this.#others;
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
