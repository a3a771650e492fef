import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { bulkhead } from '../../../src/payments/bulkhead.ts';
import type { CreatedIntent, IntentOrder, PaymentGateway } from '../../../src/payments/gateway.ts';

/** A provider that ends its orders when it is told to. */
class SlowGateway implements PaymentGateway {
  readonly open: { order: IntentOrder; end: () => void; fail: () => void }[] = [];
  readonly begun: string[] = [];
  maxAtOnce = 0;

  createIntent(order: IntentOrder): Promise<CreatedIntent> {
    this.begun.push(order.idempotencyKey);
    const { promise, resolve, reject } = Promise.withResolvers<CreatedIntent>();
    const leave = (settle: () => void) => () => {
      this.open.splice(this.open.indexOf(entry), 1);
      settle();
    };
    const intent = {
      clientSecret: order.idempotencyKey,
      replayed: false,
      requestId: undefined,
      droppedMethodTypes: [],
    };
    const entry = { order, end: leave(() => resolve(intent)), fail: leave(() => reject(new Error('failed'))) };
    this.open.push(entry);
    this.maxAtOnce = Math.max(this.maxAtOnce, this.open.length);
    return promise;
  }

  isClosed = false;
  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** Of a tenant of its own, unless said otherwise. */
const order = (idempotencyKey: string, tenant = idempotencyKey): IntentOrder => ({
  cents: 1000,
  metadata: {},
  idempotencyKey,
  tenant,
});
const SIZES = { maxInFlight: 50, maxQueued: 100, maxWaitMs: 500 };

/** So many orders at once, each of another tenant. */
function crowd(size: number, sizes = SIZES) {
  const { gateway, house } = street(sizes);
  const orders = Array.from({ length: size }, (_, index) => house.createIntent(order(`key-${index}`)));
  const settled = Promise.allSettled(orders);
  return { gateway, house, orders, settled };
}

/** A bulkhead for tenants who order by name: `send('a', 3)` are the orders a1, a2 and a3. */
function street(sizes = SIZES) {
  const gateway = new SlowGateway();
  const house = bulkhead(gateway, sizes);
  const sent = new Map<string, number>();
  const results: Promise<string>[] = [];
  return {
    gateway,
    house,
    send: (tenant: string, count = 1, more: Partial<IntentOrder> = {}) => {
      for (let i = 0; i < count; i++) {
        const number = (sent.get(tenant) ?? 0) + 1;
        sent.set(tenant, number);
        const intent = house.createIntent({ ...order(`${tenant}${number}`, tenant), ...more });
        results.push(
          intent.then(
            ({ clientSecret }) => clientSecret,
            (error: Error) => error.message,
          ),
        );
      }
    },
    inFlight: (tenant: string) => gateway.open.filter(({ order: one }) => one.tenant === tenant).length,
    /** Ends the oldest order of a tenant's. */
    end: async (tenant: string) => {
      gateway.open.find(({ order: one }) => one.tenant === tenant)!.end();
      await settle();
    },
    /** What became of each order, its client secret or why it failed, once nothing is with the provider any more. */
    results: async () => {
      await endAll(gateway, (entry) => entry.end());
      return Promise.all(results);
    },
  };
}

/** Lets everything run that waits for nothing but its turn. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

const outcomes = (results: PromiseSettledResult<CreatedIntent>[]) => ({
  made: results.filter(({ status }) => status === 'fulfilled').length,
  away: results.filter((result) => result.status === 'rejected' && result.reason.fault === 'unavailable').length,
  failed: results.filter((result) => result.status === 'rejected' && result.reason.message === 'failed').length,
});

/** Ends what is open, and what comes after it, until nothing is. */
async function endAll({ open }: SlowGateway, how: (entry: SlowGateway['open'][number], turn: number) => void) {
  for (let turn = 0; open.length > 0; turn++) {
    how(open[0]!, turn);
    await settle();
  }
}

describe('the bulkhead', () => {
  afterEach(() => void vi.useRealTimers());

  it('lets 50 orders through at once, 100 wait, and sends the rest away at once', async () => {
    const { gateway, house, orders, settled } = crowd(400);
    await Promise.allSettled(orders.slice(150));
    expect(house).toMatchObject({ inFlight: 50, queued: 100, rejected: 250 });
    await endAll(gateway, (entry) => entry.end());
    expect(outcomes(await settled)).toEqual({ made: 150, away: 250, failed: 0 });
    expect(gateway.maxAtOnce).toBe(50);
  });

  it('never lets an order through that it sent away', async () => {
    const { gateway, orders, settled } = crowd(400);
    await Promise.allSettled(orders.slice(150));
    await endAll(gateway, (entry) => entry.end());
    await settled;
    expect(gateway.begun).toHaveLength(150);
  });

  it('lets those who wait through in the order in which they came', async () => {
    const { gateway, settled } = crowd(150);
    await endAll(gateway, (entry) => entry.end());
    await settled;
    expect(gateway.begun).toEqual(Array.from({ length: 150 }, (_, index) => `key-${index}`));
  });

  it('lets nobody wait longer than 500 ms', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { gateway, house, settled } = crowd(150);
    vi.advanceTimersByTime(499);
    expect(house.queued).toBe(100);
    vi.advanceTimersByTime(1);
    expect(house).toMatchObject({ inFlight: 50, queued: 0, rejected: 100 });
    await endAll(gateway, (entry) => entry.end());
    expect(outcomes(await settled)).toEqual({ made: 50, away: 100, failed: 0 });
  });

  it('keeps no timer of an order that got its turn', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { gateway, settled } = crowd(150);
    await endAll(gateway, (entry) => entry.end());
    await settled;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('hands a place on when its order fails, and gives it back at the end', async () => {
    const { gateway, house, settled } = crowd(150);
    await endAll(gateway, (entry, turn) => (turn % 2 === 0 ? entry.fail() : entry.end()));
    expect(outcomes(await settled)).toEqual({ made: 75, away: 0, failed: 75 });
    expect(house).toMatchObject({ inFlight: 0, queued: 0, rejected: 0 });
    expect(gateway.maxAtOnce).toBe(50);
  });

  it('gives a place back when the gateway throws at once', async () => {
    const throwing: PaymentGateway = {
      createIntent() {
        throw new Error('at once');
      },
      close: async () => {},
    };
    const house = bulkhead(throwing, SIZES);
    await expect(house.createIntent(order('key'))).rejects.toThrow('at once');
    expect(house.inFlight).toBe(0);
  });

  it('gives every order its own answer', async () => {
    const { gateway, orders } = crowd(20, { ...SIZES, maxInFlight: 3 });
    await endAll(gateway, (entry) => entry.end());
    const secrets = (await Promise.all(orders)).map(({ clientSecret }) => clientSecret);
    expect(secrets).toEqual(Array.from({ length: 20 }, (_, index) => `key-${index}`));
  });

  it('is as open as before after a crowd', async () => {
    const { gateway, house, settled } = crowd(400);
    await endAll(gateway, (entry) => entry.end());
    await settled;
    const next = Array.from({ length: 50 }, (_, index) => house.createIntent(order(`next-${index}`)));
    await endAll(gateway, (entry) => entry.end());
    await expect(Promise.all(next)).resolves.toHaveLength(50);
  });

  it('says for the log why it sent an order away', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { orders } = crowd(3, { maxInFlight: 1, maxQueued: 1, maxWaitMs: 500 });
    const [, waiting, tooMany] = orders.map((one) => one.catch((error: unknown) => error));
    vi.advanceTimersByTime(500);
    expect(await waiting).toMatchObject({ message: 'timed out waiting in the queue' });
    expect(await tooMany).toMatchObject({ message: 'the queue is full' });
  });

  it('gives one tenant two thirds of the places, and leaves the rest to others', async () => {
    const { house, send, inFlight } = street();
    send('a', 60);
    expect(house).toMatchObject({ inFlight: 34, queued: 26 });
    send('b', 16);
    await settle();
    expect(inFlight('b')).toBe(16);
    expect(house).toMatchObject({ inFlight: 50, queued: 26 });
  });

  it('leaves places to a tenant that comes after many who take all they can', async () => {
    const { send, inFlight } = street();
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 10; i++) send(`busy-${i}-`);
    }
    send('b', 2);
    await settle();
    expect(inFlight('b')).toBe(2);
  });

  it('keeps two thirds of the places for a tenant for as long as it has orders', async () => {
    const { house, gateway, send, results } = street();
    send('a', 134);
    const open: number[] = [];
    while (house.queued > 0) {
      open.push(house.inFlight);
      gateway.open[0]!.end();
      await settle();
    }
    expect(new Set(open)).toEqual(new Set([34]));
    await results();
    expect(gateway.maxAtOnce).toBe(34);
  });

  it('hands the next place to the tenant that has the fewest', async () => {
    const { gateway, send, end } = street({ ...SIZES, maxInFlight: 6 });
    send('a', 9);
    send('b', 9);
    send('c', 2);
    await settle();
    expect(gateway.begun).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2']);
    await end('a');
    await end('a');
    expect(gateway.begun.slice(6)).toEqual(['c1', 'c2']);
  });

  it('takes turns among tenants that have equally many places', async () => {
    const { gateway, send, results } = street({ ...SIZES, maxInFlight: 1 });
    send('x');
    send('a', 3);
    send('b', 2);
    send('c');
    await results();
    expect(gateway.begun).toEqual(['x1', 'a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it("makes room in a full queue: the newest order of the tenant with the longest is sent away for another's", async () => {
    const { house, send, results } = street({ ...SIZES, maxInFlight: 1, maxQueued: 3 });
    send('a', 4);
    send('b');
    expect(house).toMatchObject({ queued: 3, rejected: 1 });
    expect(await results()).toEqual(['a1', 'a2', 'a3', 'the queue is full', 'b1']);
  });

  it('sends an order away from a full queue, where nobody has two more waiting than its tenant', async () => {
    const { send, results } = street({ ...SIZES, maxInFlight: 1, maxQueued: 3 });
    send('x');
    send('b');
    send('a', 2);
    send('b');
    expect(await results()).toEqual(['x1', 'b1', 'a1', 'a2', 'the queue is full']);
  });

  it('has no queue where none may wait', async () => {
    const { send, results } = street({ ...SIZES, maxInFlight: 1, maxQueued: 0 });
    send('a');
    send('b');
    expect(await results()).toEqual(['a1', 'the queue is full']);
  });

  it('forgets tenants that have no orders: they make nobody else smaller', async () => {
    const { gateway, send, inFlight } = street();
    for (let i = 0; i < 400; i++) send(`gone-${i}-`);
    await endAll(gateway, (entry) => entry.end());
    send('a', 60);
    send('b', 16);
    await settle();
    expect([inFlight('a'), inFlight('b')]).toEqual([34, 16]);
  });

  describe('whose client has left', () => {
    const GONE = 'the client disconnected while the order was queued';

    it('while the order waited: does not call the provider for it, and hands the place on', async () => {
      const { gateway, house, send, results } = street({ ...SIZES, maxInFlight: 1 });
      let isAbandoned = false;
      send('a');
      send('b', 30, { isAbandoned: () => isAbandoned });
      send('c');
      isAbandoned = true;
      expect(await results()).toEqual(['a1', ...Array.from({ length: 30 }, () => GONE), 'c1']);
      expect(gateway.begun).toEqual(['a1', 'c1']);
      expect(house).toMatchObject({ inFlight: 0, queued: 0, rejected: 0 });
    });

    it('as it seems: an order that finds a place at once is sent, for a client may close its side and read on', async () => {
      const { send, results } = street();
      send('a', 1, { isAbandoned: () => true });
      expect(await results()).toEqual(['a1']);
    });

    it('once the provider was called: goes on, for what became of the order is not known', async () => {
      let isAbandoned = false;
      const { send, results } = street();
      send('a', 1, { isAbandoned: () => isAbandoned });
      isAbandoned = true;
      expect(await results()).toEqual(['a1']);
    });

    it('keeps nobody else out of a full queue', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const { house, send, results } = street({ ...SIZES, maxInFlight: 1, maxQueued: 2 });
      send('a');
      send('b', 1, { isAbandoned: () => true });
      send('c');
      send('d');
      expect(house).toMatchObject({ inFlight: 1, queued: 2, rejected: 0 });
      expect(await results()).toEqual(['a1', GONE, 'c1', 'd1']);
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  it('keeps its promises whoever comes, leaves and ends in whatever order', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('send' as const), tenant: fc.integer({ min: 0, max: 6 }) }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat() }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('leave' as const), tenant: fc.integer({ min: 0, max: 6 }) }),
      },
    );
    const sizes = fc.record({
      maxInFlight: fc.integer({ min: 1, max: 12 }),
      maxQueued: fc.integer({ min: 0, max: 8 }),
      maxWaitMs: fc.constant(60_000),
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(step, { maxLength: 60 }), async (size, steps) => {
        const { gateway, house, send, inFlight, results } = street(size);
        const gone = new Set<number>();
        let isPassedOver = false;
        for (const one of steps) {
          if (one.kind === 'end') gateway.open[one.which % gateway.open.length]?.end();
          if (one.kind === 'leave') gone.add(one.tenant);
          if (one.kind === 'send') {
            const before = inFlight(`t${one.tenant}-`);
            const isFree = house.inFlight < size.maxInFlight;
            gone.delete(one.tenant);
            send(`t${one.tenant}-`, 1, { isAbandoned: () => gone.has(one.tenant) });
            // Who has none gets any place that is free.
            isPassedOver ||= before === 0 && isFree && inFlight(`t${one.tenant}-`) !== 1;
          }
          await settle();
          expect(gateway.open.length).toBe(house.inFlight);
          expect(house.inFlight).toBeLessThanOrEqual(size.maxInFlight);
          expect(house.queued).toBeLessThanOrEqual(size.maxQueued);
          // Nobody waits while so much is free that they could have more.
          isPassedOver ||= house.queued > 0 && house.inFlight <= size.maxInFlight / 2;
        }
        expect(isPassedOver).toBe(false);
        const all = await results();
        expect(house).toMatchObject({ inFlight: 0, queued: 0 });
        expect(all.filter((result) => result === 'the queue is full')).toHaveLength(house.rejected);
        expect(gateway.begun).toHaveLength(all.filter((result) => /^t\d-/.test(result)).length);
      }),
      { numRuns: 200 },
    );
  });

  it('closes the gateway behind it', async () => {
    const { gateway, house } = crowd(0);
    await house.close();
    expect(gateway.isClosed).toBe(true);
  });
});
