/** With a real Redis, instances share their rate limits; without it, they go on. */
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GLOBEX, observedServer, pay, readStatuses, type ObservedServer } from '../../support/observed.ts';
import { hasRedis, needsRedis, startRedis, type RedisServer } from '../../support/redis.ts';

/** Redis may take 100 ms of it. The rest is for two cores that others use too; a request that waits for Redis takes seconds. */
const SOON_MS = 1_000;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
const later = <Part extends { close(): Promise<void> }>(part: Part): Part => {
  closing.push(() => part.close());
  return part;
};

const redis = async (options?: Parameters<typeof startRedis>[0]) => later(await startRedis(options));
const server = async (redisUrl: string, overrides: Record<string, string> = {}) =>
  later(await observedServer({ REDIS_URL: redisUrl, ...overrides }));

const isShared = async ({ metric }: ObservedServer) => (await metric('limits_shared')) === 1;
const whenShared = (observed: ObservedServer) =>
  vi.waitFor(async () => expect(await isShared(observed)).toBe(true), { timeout: 8_000, interval: 25 });
const aboutRedis = ({ log }: ObservedServer) => log.filter(({ msg }) => msg.startsWith('Redis')).map(({ msg }) => msg);

const LOST = 'Redis is unavailable: each instance counts its own rate limits';
const FOUND = 'Redis is available: rate limits are shared';

async function timed(send: () => Promise<Response>): Promise<{ status: number; ms: number }> {
  const startedAt = performance.now();
  const { status } = await send();
  return { status, ms: performance.now() - startedAt };
}

async function expectFastPayments(observed: ObservedServer): Promise<void> {
  for (let request = 0; request < 5; request++) {
    const { status, ms } = await timed(() => observed.pay());
    expect(status).toBe(200);
    expect(ms).toBeLessThan(SOON_MS);
  }
}

describe.skipIf(!hasRedis)(`with Redis${needsRedis}`, () => {
  it('two instances share one count', async () => {
    const { url } = await redis();
    const instances = [
      await server(url, { TENANT_REQUESTS_PER_MINUTE: '4', ADDRESS_FAILURES_PER_MINUTE: '2' }),
      await server(url, { TENANT_REQUESTS_PER_MINUTE: '4', ADDRESS_FAILURES_PER_MINUTE: '2' }),
    ];
    await Promise.all(instances.map((one) => whenShared(one)));
    const urls = [...instances, ...instances, ...instances].map((one) => one.url);
    const paid = await Promise.all(urls.map((one) => pay(one)));
    const failed = await Promise.all(urls.map((one) => pay(one, { key: 'wrong' })));
    expect(readStatuses(paid).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 200, 429, 429]);
    expect(readStatuses(failed).toSorted((a, b) => a - b)).toEqual([401, 401, 429, 429, 429, 429]);
  });

  it('the password in the URL is used', async () => {
    const { port } = await redis({ password: 'p@ss:w/rd' });
    const observed = await server(`redis://:${encodeURIComponent('p@ss:w/rd')}@127.0.0.1:${port}`);
    await whenShared(observed);
    expect(aboutRedis(observed)).toEqual([FOUND]);
  });

  it('a window made longer by the clock of Redis, set back, starts again', async () => {
    const { url } = await redis();
    const observed = await server(url, { TENANT_REQUESTS_PER_MINUTE: '1' });
    await whenShared(observed);
    expect((await observed.pay()).status).toBe(200);
    const operator = new Redis(url);
    const key = 'payments-service:tenant:acme';
    await operator.pexpire(key, 3_659_000);
    expect((await observed.pay()).status).toBe(200);
    const leftMs = await operator.pttl(key);
    operator.disconnect();
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(60_000);
    expect((await observed.pay()).status).toBe(429);
  });

  const failures: [string, (server: RedisServer) => unknown, (server: RedisServer) => unknown][] = [
    ['frozen', (one) => one.freeze(), (one) => one.thaw()],
    ['killed', (one) => one.kill(), (one) => one.restart()],
  ];
  it.each(failures)(
    'requests go on while it is %s, with local limits, and shared ones afterwards',
    async (_how, fail, restore) => {
      const shared = await redis();
      const observed = await server(shared.url, { TENANT_REQUESTS_PER_MINUTE: '20' });
      await whenShared(observed);

      await fail(shared);
      // Those that notice the failure are counted as well.
      const crowd = await Promise.all(Array.from({ length: 30 }, () => observed.pay({ key: GLOBEX })));
      expect(readStatuses(crowd).filter((status) => status === 200)).toHaveLength(20);
      await expectFastPayments(observed);
      expect(await isShared(observed)).toBe(false);

      const restoredAt = performance.now();
      await restore(shared);
      await whenShared(observed);
      console.log(`shared again ${Math.round(performance.now() - restoredAt)} ms after Redis was back`);
      expect(aboutRedis(observed)).toEqual([FOUND, LOST, FOUND]);
    },
  );

  it('a Redis that was absent at the start is used without a restart', async () => {
    const shared = await redis();
    await shared.kill();
    const observed = await server(shared.url);
    await expectFastPayments(observed);
    await shared.restart();
    await whenShared(observed);
    expect(aboutRedis(observed)).toEqual([LOST, FOUND]);
  });

  it('a wrong password is the same as no Redis, and is not logged', async () => {
    const { port } = await redis({ password: 'right' });
    const observed = await server(`redis://:canary-wrong-password@127.0.0.1:${port}`);
    await expectFastPayments(observed);
    await vi.waitFor(() => expect(aboutRedis(observed)).toEqual([LOST]), { timeout: 5_000 });
    expect(JSON.stringify(observed.log)).not.toContain('canary-wrong-password');
  });
});
