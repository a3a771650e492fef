import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRateLimits, type RateLimits } from '../../../src/access/rateLimits.ts';
import { connectRedis } from '../../../src/access/redis.ts';
import { Problem } from '../../../src/contract/problems.ts';
import { startFakeRedis, type FakeRedis } from '../../support/fakeRedis.ts';
import { startBabbler } from '../../support/redis.ts';

const settings = { tenantRequestsPerMinute: 2, addressFailuresPerMinute: 1 };
const ownCounts = () => createRateLimits(settings);

/** The result of the last of so many counts. */
async function lastOf(count: () => Promise<void>, times: number): Promise<unknown> {
  const endings = await Promise.allSettled(Array.from({ length: times }, count));
  const ending = endings.at(-1)!;
  return ending.status === 'rejected' ? ending.reason : 'allowed';
}

beforeEach(() => void vi.useFakeTimers({ now: 0, toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('rate limits', () => {
  it('allow a tenant as many requests as configured', async () => {
    const counts = ownCounts();
    expect(await lastOf(() => counts.countRequest('acme'), 2)).toBe('allowed');
  });

  it('refuse one request more, with Retry-After in whole seconds', async () => {
    const counts = ownCounts();
    await counts.countRequest('acme');
    vi.advanceTimersByTime(10_100);
    const refusal = await lastOf(() => counts.countRequest('acme'), 2);
    expect(refusal).toBeInstanceOf(Problem);
    expect(refusal).toMatchObject({ example: 'tooManyRequests', headers: { 'Retry-After': '50' } });
  });

  it('have a Retry-After of at least 1 second', async () => {
    const counts = ownCounts();
    await counts.countRequest('acme');
    vi.advanceTimersByTime(59_999);
    expect(await lastOf(() => counts.countRequest('acme'), 2)).toMatchObject({ headers: { 'Retry-After': '1' } });
  });

  it('allow requests again after Retry-After', async () => {
    const counts = ownCounts();
    const refusal = (await lastOf(() => counts.countRequest('acme'), 3)) as Problem;
    vi.advanceTimersByTime(Number(refusal.headers['Retry-After']) * 1_000);
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toBe('allowed');
  });

  it('do not affect other tenants', async () => {
    const counts = ownCounts();
    await lastOf(() => counts.countRequest('acme'), 3);
    expect(await lastOf(() => counts.countRequest('other'), 1)).toBe('allowed');
  });

  it('count failures by address', async () => {
    const counts = ownCounts();
    expect(await lastOf(() => counts.countFailure('192.0.2.1'), 2)).toMatchObject({ example: 'tooManyRequests' });
    expect(await lastOf(() => counts.countFailure('192.0.2.2'), 1)).toBe('allowed');
  });

  it('count failures apart from requests, even for a tenant named like an address', async () => {
    const counts = ownCounts();
    await lastOf(() => counts.countFailure('192.0.2.1'), 2);
    expect(await lastOf(() => counts.countRequest('192.0.2.1'), 1)).toBe('allowed');
  });

  it.each([
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ])('last a minute, also where the clock is set %s', async (_where, byMs) => {
    const counts = ownCounts();
    await lastOf(() => counts.countRequest('acme'), 2);
    vi.setSystemTime(Date.now() + byMs);
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toMatchObject({ headers: { 'Retry-After': '60' } });
    vi.advanceTimersByTime(59_999);
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toMatchObject({ headers: { 'Retry-After': '1' } });
    vi.advanceTimersByTime(1);
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toBe('allowed');
  });

  it('count each caller in its own minute', async () => {
    const counts = ownCounts();
    await counts.countFailure('192.0.2.1');
    vi.advanceTimersByTime(59_000);
    await counts.countFailure('192.0.2.2');
    vi.advanceTimersByTime(59_999);
    expect(await lastOf(() => counts.countFailure('192.0.2.1'), 2)).toMatchObject({ headers: { 'Retry-After': '60' } });
    expect(await lastOf(() => counts.countFailure('192.0.2.2'), 1)).toMatchObject({ headers: { 'Retry-After': '1' } });
  });

  it('are per instance without Redis', () => {
    const counts = ownCounts();
    expect(counts.shared).toBe(false);
    expect(() => counts.close()).not.toThrow();
  });
});

const afterAFailureFrom = async (first: string, second: string) => {
  const { countFailure } = ownCounts();
  await countFailure(first);
  return countFailure(second);
};

describe('an address', () => {
  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
    ['2001::5:6:7:8:9', '2001::5:1:1:1:1'],
    ['2001:db8::1', '2001:db8::2'],
    ['2001:db8::1', '2001:db8:0:0:1:2:3:4'],
    ['::1:2:3:4:5:6:7', '0:1:2:3::'],
    ['::1', '::2'],
  ])('of IPv6 is counted with its /64: %s and %s', async (first, second) => {
    await expect(afterAFailureFrom(first, second)).rejects.toMatchObject({ example: 'tooManyRequests' });
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['2001:db8:1:23::1', '2001:db8:12:3::1'],
    ['2001::5:6:7:8:9', '2001::6:6:7:8:9'],
    ['1::2:3:4:5:6:7', '1::8:3:4:5:6:7'],
    ['192.0.2.1', '192.0.2.2'],
  ])('is not counted with another network: %s and %s', async (first, second) => {
    await expect(afterAFailureFrom(first, second)).resolves.toBeUndefined();
  });
});

/** Fails once from each of so many networks. */
async function failFromMany({ countFailure }: RateLimits, networks: number): Promise<void> {
  for (let at = 0; at < networks; at++)
    await countFailure(`2001:db8:${(at >> 16).toString(16)}:${(at & 0xffff).toString(16)}::`);
}

describe('failures from more than 100,000 networks in a minute', () => {
  it('are counted as those of one caller beyond the first 100,000', async () => {
    const counts = ownCounts();
    await failFromMany(counts, 100_000);
    expect(await lastOf(() => counts.countFailure('192.0.2.1'), 1)).toBe('allowed');
    expect(await lastOf(() => counts.countFailure('192.0.2.2'), 1)).toMatchObject({ headers: { 'Retry-After': '60' } });
    expect(await lastOf(() => counts.countFailure('2001:db8::'), 1)).toMatchObject({ example: 'tooManyRequests' });
    expect(await lastOf(() => counts.countRequest('acme'), 2)).toBe('allowed');
  });

  it('are counted by the minute', async () => {
    const counts = ownCounts();
    await failFromMany(counts, 100_000);
    await counts.countFailure('192.0.2.1');
    vi.advanceTimersByTime(60_000);
    expect(await lastOf(() => counts.countFailure('192.0.2.2'), 1)).toBe('allowed');
    expect(await lastOf(() => counts.countFailure('192.0.2.3'), 1)).toMatchObject({ example: 'tooManyRequests' });
  });

  it('are forgotten after two minutes', async () => {
    const counts = ownCounts();
    await failFromMany(counts, 100_000);
    vi.advanceTimersByTime(60_000);
    await counts.countFailure('192.0.2.1');
    vi.advanceTimersByTime(60_000);
    expect(await lastOf(() => counts.countFailure('192.0.2.2'), 1)).toBe('allowed');
    expect(await lastOf(() => counts.countFailure('192.0.2.3'), 1)).toBe('allowed');
  });
});

const LOST = 'Redis is unavailable: each instance counts its own rate limits';
const FOUND = 'Redis is available: rate limits are shared';

/** Lets everything run that waits for no clock of ours, until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  const endsAt = process.uptime() + 5;
  while (!isSo() && process.uptime() < endsAt) await new Promise((resolve) => setImmediate(resolve));
  expect(isSo()).toBe(true);
}

/** More of it than Redis ever has to send. */
const endlessly = (bytes: string) => bytes.repeat(Math.ceil(2_000_000 / bytes.length));

describe('rate limits with Redis', () => {
  const closing: (() => void)[] = [];
  let redis: FakeRedis;
  beforeEach(async () => {
    redis = await startFakeRedis();
    closing.push(() => void redis.close());
  });
  afterEach(() => closing.splice(0).forEach((close) => close()));

  /** An instance, and what it has logged. */
  function instance(redisUrl = redis.url) {
    const log: string[] = [];
    const write = (line: string) => void log.push((JSON.parse(line) as { msg: string }).msg);
    const counts = createRateLimits(settings, connectRedis(redisUrl, pino({}, { write })));
    closing.push(counts.close);
    return { counts, log };
  }
  async function sharing() {
    const one = instance();
    await until(() => one.counts.shared);
    return one;
  }
  const names = () => redis.keys().toSorted();

  it('are one count for all instances', async () => {
    const [{ counts: one }, { counts: other }] = [await sharing(), await sharing()];
    await one.countRequest('acme');
    await other.countRequest('acme');
    await one.countFailure('192.0.2.1');
    expect(await lastOf(() => other.countRequest('acme'), 1)).toMatchObject({ example: 'tooManyRequests' });
    expect(await lastOf(() => other.countFailure('192.0.2.1'), 1)).toMatchObject({ example: 'tooManyRequests' });
    expect(await lastOf(() => other.countRequest('globex'), 1)).toBe('allowed');
  });

  it('last a minute there, with the rest of it as Retry-After', async () => {
    const { counts } = await sharing();
    await lastOf(() => counts.countRequest('acme'), 2);
    vi.advanceTimersByTime(10_100);
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toMatchObject({ headers: { 'Retry-After': '50' } });
    vi.advanceTimersByTime(10_000);
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toMatchObject({ headers: { 'Retry-After': '40' } });
    vi.advanceTimersByTime(39_900);
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toBe('allowed');
  });

  it('use keys with a prefix there, all of which expire', async () => {
    const { counts } = await sharing();
    await counts.countRequest('acme');
    await counts.countFailure('192.0.2.1');
    await counts.countFailure('2001:db8:1:2::3');
    expect(names()).toEqual([
      'payments-service:address:192.0.2.1',
      'payments-service:address:2001:db8:1:2',
      'payments-service:probe',
      'payments-service:tenant:acme',
    ]);
    vi.advanceTimersByTime(60_000);
    expect(names()).toEqual([]);
  });

  it('send no commands for a caller above the limit', async () => {
    const { counts } = await sharing();
    await lastOf(() => counts.countRequest('acme'), 3);
    const sent = redis.commands.length;
    expect(await lastOf(() => counts.countRequest('acme'), 5)).toMatchObject({ example: 'tooManyRequests' });
    expect(redis.commands.length).toBe(sent);
  });

  it('refuse for a minute at most, also where the clock is set back', async () => {
    const { counts } = await sharing();
    await lastOf(() => counts.countRequest('acme'), 3);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toMatchObject({ headers: { 'Retry-After': '60' } });
    vi.advanceTimersByTime(60_000);
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toBe('allowed');
  });

  it('count locally where Redis returns no count', async () => {
    const { counts, log } = await sharing();
    redis.state = 'senseless';
    expect(await lastOf(() => counts.countRequest('acme'), 2)).toBe('allowed');
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toMatchObject({ example: 'tooManyRequests' });
    expect(log).toEqual([FOUND, LOST]);
  });

  it('wait 100 ms for Redis, and then count locally at once', async () => {
    const { counts, log } = await sharing();
    redis.state = 'silent';
    let isThrough = false;
    const counted = counts.countRequest('acme').then(() => (isThrough = true));
    await vi.advanceTimersByTimeAsync(99);
    expect(isThrough).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await counted;
    expect(await lastOf(() => counts.countRequest('acme'), 2)).toMatchObject({ example: 'tooManyRequests' });
    expect(counts.shared).toBe(false);
    expect(log).toEqual([FOUND, LOST]);
  });

  it('are shared again a second after Redis was silent, if it responds then', async () => {
    const { counts, log } = await sharing();
    redis.state = 'silent';
    const counted = counts.countRequest('acme');
    await vi.advanceTimersByTimeAsync(100);
    await counted;
    await until(() => redis.connections() === 0);
    redis.state = 'well';
    await vi.advanceTimersByTimeAsync(999);
    expect(redis.connections()).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    await until(() => counts.shared);
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toBe('allowed');
    expect(log).toEqual([FOUND, LOST, FOUND]);
  });

  it('count locally where Redis refuses writes', async () => {
    const { counts, log } = await sharing();
    redis.state = 'readOnly';
    expect(await lastOf(() => counts.countRequest('acme'), 2)).toBe('allowed');
    expect(await lastOf(() => counts.countRequest('acme'), 1)).toMatchObject({ example: 'tooManyRequests' });
    expect(log).toEqual([FOUND, LOST]);
  });

  it('are not shared by a Redis that refuses writes, however often it is tried', async () => {
    redis.state = 'readOnly';
    const { counts, log } = instance();
    await until(() => redis.commands.length === 1);
    await until(() => redis.connections() === 0);
    await vi.advanceTimersByTimeAsync(1_000);
    await until(() => redis.commands.length === 2);
    await until(() => redis.connections() === 0);
    const probe = 'set payments-service:probe  EX 1';
    expect(redis.commands).toEqual([probe, probe]);
    expect(counts.shared).toBe(false);
    expect(log).toEqual([LOST]);
  });

  it('notice at once that the connection is lost', async () => {
    const { counts, log } = await sharing();
    await redis.close();
    await until(() => !counts.shared);
    expect(log).toEqual([FOUND, LOST]);
  });

  it.each([
    ['says OK to everything', '+OK\r\n'.repeat(8)],
    ['refuses everything', "-ERR unknown command 'x'\r\n".repeat(8)],
    ['speaks HTTP', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'],
    ['sends garbage', '\u0000\u0001babble\r\n$-7\r\n*x\r\n'],
    ['sends a string without an end', '$1000000000\r\nand so on'],
    ['sends nothing', ''],
  ])('are not shared by a server that is no Redis and %s, and counted locally', async (_what, bytes) => {
    const babbler = await startBabbler(bytes);
    closing.push(() => void babbler.close());
    const { counts, log } = instance(`redis://127.0.0.1:${babbler.port}`);
    for (let step = 0; step < 5 && log.length === 0; step += 1) {
      await until(() => babbler.connections() > 0 || log.length > 0);
      await vi.advanceTimersByTimeAsync(100);
    }
    await until(() => log.length > 0);
    expect(log).toEqual([LOST]);
    expect(counts.shared).toBe(false);
    expect(await lastOf(() => counts.countRequest('acme'), 3)).toMatchObject({ example: 'tooManyRequests' });
  });

  it.each([
    ['sends an unexpected reply', '+OK\r\n'],
    ['sends many unexpected replies', '+OK\r\n'.repeat(1_000)],
    ['sends an unexpected error', '-ERR no\r\n'],
    ['speaks another protocol', 'HTTP/1.1 400 Bad Request\r\n'],
    ['sends a line without an end', `+${endlessly('x')}`],
    ['sends a string without an end', `$1000000000\r\n${endlessly('x')}`],
    ['sends a list without an end', `*1000000000\r\n${endlessly(':1\r\n')}`],
    ['sends messages without an end', endlessly('>2\r\n+invalidate\r\n_\r\n')],
  ])('do not use Redis for a second after it %s', async (_what, bytes) => {
    const { counts, log } = await sharing();
    redis.send(bytes);
    await until(() => redis.connections() === 0);
    expect(counts.shared).toBe(false);
    expect(await lastOf(() => counts.countRequest('acme'), 3)).toMatchObject({ example: 'tooManyRequests' });
    await vi.advanceTimersByTimeAsync(999);
    expect(redis.connections()).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    await until(() => counts.shared);
    expect(log).toEqual([FOUND, LOST, FOUND]);
  });

  it('ignore a push message of Redis', async () => {
    const { counts, log } = await sharing();
    redis.send('>2\r\n+invalidate\r\n_\r\n');
    await counts.countRequest('acme');
    expect(names()).toContain('payments-service:tenant:acme');
    expect(log).toEqual([FOUND]);
  });

  it('keep the connection where as many bytes are sent as received', async () => {
    const { counts, log } = await sharing();
    const messages = '>2\r\n+invalidate\r\n_\r\n'.repeat(40_000);
    redis.send(messages);
    await counts.countRequest('acme');
    await counts.countRequest('x'.repeat(1_000_000));
    redis.send(messages);
    await counts.countRequest('acme');
    expect(log).toEqual([FOUND]);
  });

  it('log once that Redis is absent, and print nothing', async () => {
    const printed = vi.spyOn(console, 'error').mockReturnValue();
    await redis.close();
    const { log } = instance();
    await until(() => log.length === 1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(log).toEqual([LOST]);
    expect(printed).not.toHaveBeenCalled();
  });

  it('log nothing when they are closed, and leave no connection', async () => {
    const { counts, log } = await sharing();
    counts.close();
    await until(() => redis.connections() === 0);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(counts.shared).toBe(false);
    expect(redis.connections()).toBe(0);
    expect(log).toEqual([FOUND]);
  });
});
