import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../src/limits.ts';
import { Problem } from '../../src/problems.ts';

const settings = { tenantRequestsPerMinute: 2, addressFailuresPerMinute: 1 };

/** What the last of so many counts ended with. */
async function last(count: () => Promise<void>, times: number): Promise<unknown> {
  const endings = await Promise.allSettled(Array.from({ length: times }, count));
  const ending = endings.at(-1)!;
  return ending.status === 'rejected' ? ending.reason : 'let through';
}

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

describe('limits', () => {
  it('let a tenant ask as often as is allowed', async () => {
    const counts = limits(settings, pino({ level: 'silent' }));
    expect(await last(() => counts.countRequest('acme'), 2)).toBe('let through');
  });

  it('answer one request more with when to come back, in whole seconds', async () => {
    const counts = limits(settings, pino({ level: 'silent' }));
    await counts.countRequest('acme');
    vi.setSystemTime(10_100);
    const refusal = await last(() => counts.countRequest('acme'), 2);
    expect(refusal).toBeInstanceOf(Problem);
    expect(refusal).toMatchObject({ example: 'tooManyRequests', headers: { 'Retry-After': '50' } });
  });

  it('never say 0 seconds', async () => {
    const counts = limits(settings, pino({ level: 'silent' }));
    await counts.countRequest('acme');
    vi.setSystemTime(59_999);
    expect(await last(() => counts.countRequest('acme'), 2)).toMatchObject({ headers: { 'Retry-After': '1' } });
  });

  it('let a tenant ask again after a minute', async () => {
    const counts = limits(settings, pino({ level: 'silent' }));
    await last(() => counts.countRequest('acme'), 3);
    vi.advanceTimersByTime(60_001);
    expect(await last(() => counts.countRequest('acme'), 1)).toBe('let through');
  });

  it('leave other tenants alone', async () => {
    const counts = limits(settings, pino({ level: 'silent' }));
    await last(() => counts.countRequest('acme'), 3);
    expect(await last(() => counts.countRequest('other'), 1)).toBe('let through');
  });

  it('count failures by address', async () => {
    const counts = limits(settings, pino({ level: 'silent' }));
    expect(await last(() => counts.countFailure('192.0.2.1'), 2)).toMatchObject({ example: 'tooManyRequests' });
    expect(await last(() => counts.countFailure('192.0.2.2'), 1)).toBe('let through');
  });

  it('count failures apart from requests: a tenant named like an address does not feel them', async () => {
    const counts = limits(settings, pino({ level: 'silent' }));
    await last(() => counts.countFailure('192.0.2.1'), 2);
    expect(await last(() => counts.countRequest('192.0.2.1'), 1)).toBe('let through');
  });
});
