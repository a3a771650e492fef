import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { Problem } from './problems.ts';

/** How often one caller may ask. Each function throws the Problem `tooManyRequests` once the caller has asked too often. */
export interface Limits {
  /** Counts a request of a tenant's. */
  countRequest(tenant: string): Promise<void>;
  /** Counts a failed authentication from an address: guessing keys is slow, and others at other addresses don't feel it. */
  countFailure(address: string): Promise<void>;
}

export interface LimitSettings {
  tenantRequestsPerMinute: number;
  addressFailuresPerMinute: number;
}

export function limits(settings: LimitSettings): Limits {
  const requests = new RateLimiterMemory({ points: settings.tenantRequestsPerMinute, duration: 60 });
  const failures = new RateLimiterMemory({ points: settings.addressFailuresPerMinute, duration: 60 });
  return {
    countRequest: (tenant) => count(requests, tenant),
    countFailure: (address) => count(failures, address),
  };
}

async function count(limiter: RateLimiterMemory, caller: string): Promise<void> {
  try {
    await limiter.consume(caller);
  } catch (refusal) {
    const seconds = Math.max(1, Math.ceil((refusal as RateLimiterRes).msBeforeNext / 1000));
    throw new Problem('tooManyRequests', { headers: { 'Retry-After': String(seconds) } });
  }
}
