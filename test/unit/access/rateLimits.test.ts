import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRateLimits, type RateLimits } from '../../../src/access/rateLimits.ts';
import { connectRedis } from '../../../src/access/redis.ts';
import { Problem } from '../../../src/contract/problems.ts';
import { startFakeRedis, type FakeRedis } from '../../support/fakeRedis.ts';
import { startBabbler } from '../../support/redis.ts';

const settings = { tenantRequestsPerMinute: 2, addressFailuresPerMinute: 1 };
const ownCounts = () => createRateLimits(settings);

/** What the last of so many counts ended with. */
async function last(count: () => Promise<void>, times: number): Promise<unknown> {
  const endings = await Promise.allSettled(Array.from({ length: times }, count));
  const ending = endings.at(-1)!;
  return ending.status === 'rejected' ? ending.reason : 'let through';
}

beforeEach(() => void vi.useFakeTimers({ now: 0, toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('limits', () => {
  it('let a tenant ask as often as is allowed', async () => {
    const counts = ownCounts();
    expect(await last(() => counts.countRequest('acme'), 2)).toBe('let through');
  });

  it('answer one request more with when to come back, in whole seconds', async () => {
    const counts = ownCounts();
    await counts.countRequest('acme');
    vi.advanceTimersByTime(10_100);
    const refusal = await last(() => counts.countRequest('acme'), 2);
    expect(refusal).toBeInstanceOf(Problem);
    expect(refusal).toMatchObject({ example: 'tooManyRequests', headers: { 'Retry-After': '50' } });
  });

  it('never say 0 seconds', async () => {
    const counts = ownCounts();
    await counts.countRequest('acme');
    vi.advanceTimersByTime(59_999);
    expect(await last(() => counts.countRequest('acme'), 2)).toMatchObject({ headers: { 'Retry-After': '1' } });
  });

  it('let a tenant ask again after the time that Retry-After says', async () => {
    const counts = ownCounts();
    const refusal = (await last(() => counts.countRequest('acme'), 3)) as Problem;
    vi.advanceTimersByTime(Number(refusal.headers['Retry-After']) * 1_000);
    expect(await last(() => counts.countRequest('acme'), 1)).toBe('let through');
  });

  it('leave other tenants alone', async () => {
    const counts = ownCounts();
    await last(() => counts.countRequest('acme'), 3);
    expect(await last(() => counts.countRequest('other'), 1)).toBe('let through');
  });

  it('count failures by address', async () => {
    const counts = ownCounts();
    expect(await last(() => counts.countFailure('192.0.2.1'), 2)).toMatchObject({ example: 'tooManyRequests' });
    expect(await last(() => counts.countFailure('192.0.2.2'), 1)).toBe('let through');
  });

  it('count failures apart from requests: a tenant named like an address does not feel them', async () => {
    const counts = ownCounts();
    await last(() => counts.countFailure('192.0.2.1'), 2);
    expect(await last(() => counts.countRequest('192.0.2.1'), 1)).toBe('let through');
  });

  it.each([
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ])('last a minute, also where the clock is set %s', async (_where, byMs) => {
    const counts = ownCounts();
    await last(() => counts.countRequest('acme'), 2);
    vi.setSystemTime(Date.now() + byMs);
    expect(await last(() => counts.countRequest('acme'), 1)).toMatchObject({ headers: { 'Retry-After': '60' } });
    vi.advanceTimersByTime(59_999);
    expect(await last(() => counts.countRequest('acme'), 1)).toMatchObject({ headers: { 'Retry-After': '1' } });
    vi.advanceTimersByTime(1);
    expect(await last(() => counts.countRequest('acme'), 1)).toBe('let through');
  });

  it('remember a caller for its minute, whenever others came', async () => {
    const counts = ownCounts();
    await counts.countFailure('192.0.2.1');
    vi.advanceTimersByTime(59_000);
    await counts.countFailure('192.0.2.2');
    vi.advanceTimersByTime(59_999);
    expect(await last(() => counts.countFailure('192.0.2.1'), 2)).toMatchObject({ headers: { 'Retry-After': '60' } });
    expect(await last(() => counts.countFailure('192.0.2.2'), 1)).toMatchObject({ headers: { 'Retry-After': '1' } });
  });

  it('are an instance’s own without Redis, and have nothing to close', () => {
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
  ])('of IPv6 counts with its /64: %s and %s', async (first, second) => {
    await expect(afterAFailureFrom(first, second)).rejects.toMatchObject({ example: 'tooManyRequests' });
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['2001:db8:1:23::1', '2001:db8:12:3::1'],
    ['2001::5:6:7:8:9', '2001::6:6:7:8:9'],
    ['1::2:3:4:5:6:7', '1::8:3:4:5:6:7'],
    ['192.0.2.1', '192.0.2.2'],
  ])('does not feel another network: %s and %s', async (first, second) => {
    await expect(afterAFailureFrom(first, second)).resolves.toBeUndefined();
  });
});

/** Fails once from each of so many networks. */
async function failFromMany({ countFailure }: RateLimits, networks: number): Promise<void> {
  for (let at = 0; at < networks; at++)
    await countFailure(`2001:db8:${(at >> 16).toString(16)}:${(at & 0xffff).toString(16)}::`);
}

describe('from more than 100,000 networks in a minute, failures', () => {
  it('count as those of one caller, and the first 100,000 as before', async () => {
    const counts = ownCounts();
    await failFromMany(counts, 100_000);
    expect(await last(() => counts.countFailure('192.0.2.1'), 1)).toBe('let through');
    expect(await last(() => counts.countFailure('192.0.2.2'), 1)).toMatchObject({ headers: { 'Retry-After': '60' } });
    expect(await last(() => counts.countFailure('2001:db8::'), 1)).toMatchObject({ example: 'tooManyRequests' });
    expect(await last(() => counts.countRequest('acme'), 2)).toBe('let through');
  });

  it('have one count a minute', async () => {
    const counts = ownCounts();
    await failFromMany(counts, 100_000);
    await counts.countFailure('192.0.2.1');
    vi.advanceTimersByTime(60_000);
    expect(await last(() => counts.countFailure('192.0.2.2'), 1)).toBe('let through');
    expect(await last(() => counts.countFailure('192.0.2.3'), 1)).toMatchObject({ example: 'tooManyRequests' });
  });

  it('are forgotten after two', async () => {
    const counts = ownCounts();
    await failFromMany(counts, 100_000);
    vi.advanceTimersByTime(60_000);
    await counts.countFailure('192.0.2.1');
    vi.advanceTimersByTime(60_000);
    expect(await last(() => counts.countFailure('192.0.2.2'), 1)).toBe('let through');
    expect(await last(() => counts.countFailure('192.0.2.3'), 1)).toBe('let through');
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

describe('with Redis, limits', () => {
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
    expect(await last(() => other.countRequest('acme'), 1)).toMatchObject({ example: 'tooManyRequests' });
    expect(await last(() => other.countFailure('192.0.2.1'), 1)).toMatchObject({ example: 'tooManyRequests' });
    expect(await last(() => other.countRequest('globex'), 1)).toBe('let through');
  });

  it('last a minute there, and say what is left of it', async () => {
    const { counts } = await sharing();
    await last(() => counts.countRequest('acme'), 2);
    vi.advanceTimersByTime(10_100);
    expect(await last(() => counts.countRequest('acme'), 1)).toMatchObject({ headers: { 'Retry-After': '50' } });
    vi.advanceTimersByTime(10_000);
    expect(await last(() => counts.countRequest('acme'), 1)).toMatchObject({ headers: { 'Retry-After': '40' } });
    vi.advanceTimersByTime(39_900);
    expect(await last(() => counts.countRequest('acme'), 1)).toBe('let through');
  });

  it('have names there that nobody else has, and leave nothing behind', async () => {
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

  it('cost it nothing any more for who has asked too often', async () => {
    const { counts } = await sharing();
    await last(() => counts.countRequest('acme'), 3);
    const told = redis.commands.length;
    expect(await last(() => counts.countRequest('acme'), 5)).toMatchObject({ example: 'tooManyRequests' });
    expect(redis.commands.length).toBe(told);
  });

  it('refuse nobody for longer than a minute, also where the clock is set back', async () => {
    const { counts } = await sharing();
    await last(() => counts.countRequest('acme'), 3);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(await last(() => counts.countRequest('acme'), 1)).toMatchObject({ headers: { 'Retry-After': '60' } });
    vi.advanceTimersByTime(60_000);
    expect(await last(() => counts.countRequest('acme'), 1)).toBe('let through');
  });

  it('count here what it has no count for', async () => {
    const { counts, log } = await sharing();
    redis.state = 'senseless';
    expect(await last(() => counts.countRequest('acme'), 2)).toBe('let through');
    expect(await last(() => counts.countRequest('acme'), 1)).toMatchObject({ example: 'tooManyRequests' });
    expect(log).toEqual([FOUND, LOST]);
  });

  it('wait 100 ms for it, and then count here, at once', async () => {
    const { counts, log } = await sharing();
    redis.state = 'silent';
    let isThrough = false;
    const counted = counts.countRequest('acme').then(() => (isThrough = true));
    await vi.advanceTimersByTimeAsync(99);
    expect(isThrough).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await counted;
    expect(await last(() => counts.countRequest('acme'), 2)).toMatchObject({ example: 'tooManyRequests' });
    expect(counts.shared).toBe(false);
    expect(log).toEqual([FOUND, LOST]);
  });

  it('are shared again a second after it was found silent, if it answers then', async () => {
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
    expect(await last(() => counts.countRequest('acme'), 1)).toBe('let through');
    expect(log).toEqual([FOUND, LOST, FOUND]);
  });

  it('count here what it refuses to count', async () => {
    const { counts, log } = await sharing();
    redis.state = 'readOnly';
    expect(await last(() => counts.countRequest('acme'), 2)).toBe('let through');
    expect(await last(() => counts.countRequest('acme'), 1)).toMatchObject({ example: 'tooManyRequests' });
    expect(log).toEqual([FOUND, LOST]);
  });

  it('are not shared by one that takes no writes, however often it is tried', async () => {
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

  it('notice at once that it has gone', async () => {
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
  ])('are not shared by a server that is no Redis and %s, and counted here all the same', async (_what, bytes) => {
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
    expect(await last(() => counts.countRequest('acme'), 3)).toMatchObject({ example: 'tooManyRequests' });
  });

  it.each([
    ['replies to nothing', '+OK\r\n'],
    ['replies to nothing, again and again', '+OK\r\n'.repeat(1_000)],
    ['fails at nothing', '-ERR no\r\n'],
    ['speaks another protocol', 'HTTP/1.1 400 Bad Request\r\n'],
    ['sends a line without an end', `+${endlessly('x')}`],
    ['sends a string without an end', `$1000000000\r\n${endlessly('x')}`],
    ['sends a list without an end', `*1000000000\r\n${endlessly(':1\r\n')}`],
    ['sends messages without an end', endlessly('>2\r\n+invalidate\r\n_\r\n')],
  ])('leave it alone for a second where it %s', async (_what, bytes) => {
    const { counts, log } = await sharing();
    redis.send(bytes);
    await until(() => redis.connections() === 0);
    expect(counts.shared).toBe(false);
    expect(await last(() => counts.countRequest('acme'), 3)).toMatchObject({ example: 'tooManyRequests' });
    await vi.advanceTimersByTimeAsync(999);
    expect(redis.connections()).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    await until(() => counts.shared);
    expect(log).toEqual([FOUND, LOST, FOUND]);
  });

  it('go on with it where it sends a message that nobody waits for', async () => {
    const { counts, log } = await sharing();
    redis.send('>2\r\n+invalidate\r\n_\r\n');
    await counts.countRequest('acme');
    expect(names()).toContain('payments-service:tenant:acme');
    expect(log).toEqual([FOUND]);
  });

  it('go on with it where much comes, and as much was sent', async () => {
    const { counts, log } = await sharing();
    const messages = '>2\r\n+invalidate\r\n_\r\n'.repeat(40_000);
    redis.send(messages);
    await counts.countRequest('acme');
    await counts.countRequest('x'.repeat(1_000_000));
    redis.send(messages);
    await counts.countRequest('acme');
    expect(log).toEqual([FOUND]);
  });

  it('say in the log that it is absent, once, and nowhere else', async () => {
    const printed = vi.spyOn(console, 'error').mockReturnValue();
    await redis.close();
    const { log } = instance();
    await until(() => log.length === 1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(log).toEqual([LOST]);
    expect(printed).not.toHaveBeenCalled();
  });

  it('say nothing at their own end, and leave no connection', async () => {
    const { counts, log } = await sharing();
    counts.close();
    await until(() => redis.connections() === 0);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(counts.shared).toBe(false);
    expect(redis.connections()).toBe(0);
    expect(log).toEqual([FOUND]);
  });
});
