import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { bulkhead } from '../../../src/payments/bulkhead.ts';
import type {
  CreatedIntent,
  CreatedPaymentIntent,
  Order,
  PaymentGateway,
  PaymentOrder,
} from '../../../src/payments/gateway.ts';
import { gatewayCalls, type GatewayCallName } from '../../support/gatewayCalls.ts';

/** A provider whose orders end when the test ends them. */
class SlowGateway implements PaymentGateway {
  readonly open: { order: Order; end: () => void; fail: () => void }[] = [];
  readonly begun: string[] = [];
  maxAtOnce = 0;

  createPaymentIntent = (order: PaymentOrder): Promise<CreatedPaymentIntent> => this.#begin(order);
  createSetupIntent = (order: Order): Promise<CreatedIntent> => this.#begin(order);

  #begin(order: Order): Promise<CreatedPaymentIntent> {
    this.begun.push(order.idempotencyKey);
    const { promise, resolve, reject } = Promise.withResolvers<CreatedPaymentIntent>();
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
const order = (idempotencyKey: string, tenant = idempotencyKey): PaymentOrder => ({
  cents: 1000,
  metadata: {},
  idempotencyKey,
  tenant,
});
const SIZES = { maxInFlight: 50, maxQueued: 100, maxWaitMs: 500 };

/** Sends so many orders at once, each of another tenant. */
function sendMany(size: number, sizes = SIZES) {
  const { gateway, limited } = startBulkhead(sizes);
  const orders = Array.from({ length: size }, (_, index) => limited.createPaymentIntent(order(`key-${index}`)));
  const settled = Promise.allSettled(orders);
  return { gateway, limited, orders, settled };
}

/** A bulkhead for named tenants: `send('a', 3)` sends the orders a1, a2 and a3. */
function startBulkhead(sizes = SIZES) {
  const gateway = new SlowGateway();
  const limited = bulkhead(gateway, sizes);
  const sent = new Map<string, number>();
  const results: Promise<string>[] = [];
  return {
    gateway,
    limited,
    send: (
      tenant: string,
      count = 1,
      more: Partial<PaymentOrder> = {},
      call: GatewayCallName = 'createPaymentIntent',
    ) => {
      for (let i = 0; i < count; i++) {
        const number = (sent.get(tenant) ?? 0) + 1;
        sent.set(tenant, number);
        const intent = gatewayCalls[call].create(limited, { ...order(`${tenant}${number}`, tenant), ...more });
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
    /** The client secret of each order, or the message of its error, once the provider has ended all of them. */
    results: async () => {
      await endAll(gateway, (entry) => entry.end());
      return Promise.all(results);
    },
  };
}

/** Lets all pending callbacks run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

const outcomes = (results: PromiseSettledResult<CreatedIntent>[]) => ({
  created: results.filter(({ status }) => status === 'fulfilled').length,
  rejected: results.filter((result) => result.status === 'rejected' && result.reason.fault === 'unavailable').length,
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

  it('sends 50 orders at once, queues 100, and rejects the rest at once', async () => {
    const { gateway, limited, orders, settled } = sendMany(400);
    await Promise.allSettled(orders.slice(150));
    expect(limited).toMatchObject({ inFlight: 50, queued: 100, rejected: 250 });
    await endAll(gateway, (entry) => entry.end());
    expect(outcomes(await settled)).toEqual({ created: 150, rejected: 250, failed: 0 });
    expect(gateway.maxAtOnce).toBe(50);
  });

  it('never sends an order that it rejected', async () => {
    const { gateway, orders, settled } = sendMany(400);
    await Promise.allSettled(orders.slice(150));
    await endAll(gateway, (entry) => entry.end());
    await settled;
    expect(gateway.begun).toHaveLength(150);
  });

  it('sends queued orders in the order in which they came', async () => {
    const { gateway, settled } = sendMany(150);
    await endAll(gateway, (entry) => entry.end());
    await settled;
    expect(gateway.begun).toEqual(Array.from({ length: 150 }, (_, index) => `key-${index}`));
  });

  it('queues no order for longer than 500 ms', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { gateway, limited, settled } = sendMany(150);
    vi.advanceTimersByTime(499);
    expect(limited.queued).toBe(100);
    vi.advanceTimersByTime(1);
    expect(limited).toMatchObject({ inFlight: 50, queued: 0, rejected: 100 });
    await endAll(gateway, (entry) => entry.end());
    expect(outcomes(await settled)).toEqual({ created: 50, rejected: 100, failed: 0 });
  });

  it('keeps no timer of an order that was sent', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { gateway, settled } = sendMany(150);
    await endAll(gateway, (entry) => entry.end());
    await settled;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('releases the place of an order that fails', async () => {
    const { gateway, limited, settled } = sendMany(150);
    await endAll(gateway, (entry, turn) => (turn % 2 === 0 ? entry.fail() : entry.end()));
    expect(outcomes(await settled)).toEqual({ created: 75, rejected: 0, failed: 75 });
    expect(limited).toMatchObject({ inFlight: 0, queued: 0, rejected: 0 });
    expect(gateway.maxAtOnce).toBe(50);
  });

  it('releases the place where the gateway throws synchronously', async () => {
    const gateway = new SlowGateway();
    gateway.createSetupIntent = () => {
      throw new Error('at once');
    };
    const limited = bulkhead(gateway, SIZES);
    await expect(limited.createSetupIntent(order('key'))).rejects.toThrow('at once');
    expect(limited.inFlight).toBe(0);
  });

  it('returns its own intent to every order', async () => {
    const { gateway, orders } = sendMany(20, { ...SIZES, maxInFlight: 3 });
    await endAll(gateway, (entry) => entry.end());
    const secrets = (await Promise.all(orders)).map(({ clientSecret }) => clientSecret);
    expect(secrets).toEqual(Array.from({ length: 20 }, (_, index) => `key-${index}`));
  });

  it('has all its places again after a burst', async () => {
    const { gateway, limited, settled } = sendMany(400);
    await endAll(gateway, (entry) => entry.end());
    await settled;
    const next = Array.from({ length: 50 }, (_, index) => limited.createPaymentIntent(order(`next-${index}`)));
    await endAll(gateway, (entry) => entry.end());
    await expect(Promise.all(next)).resolves.toHaveLength(50);
  });

  it('says in the error why it rejected an order', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { orders } = sendMany(3, { maxInFlight: 1, maxQueued: 1, maxWaitMs: 500 });
    const [, waiting, tooMany] = orders.map((one) => one.catch((error: unknown) => error));
    vi.advanceTimersByTime(500);
    expect(await waiting).toMatchObject({ message: 'timed out waiting in the queue' });
    expect(await tooMany).toMatchObject({ message: 'the queue is full' });
  });

  it('gives one tenant two thirds of the places, and leaves the rest to others', async () => {
    const { limited, send, inFlight } = startBulkhead();
    send('a', 60);
    expect(limited).toMatchObject({ inFlight: 34, queued: 26 });
    send('b', 16);
    await settle();
    expect(inFlight('b')).toBe(16);
    expect(limited).toMatchObject({ inFlight: 50, queued: 26 });
  });

  it('leaves places to a tenant that comes after many busy ones', async () => {
    const { send, inFlight } = startBulkhead();
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 10; i++) send(`busy-${i}-`);
    }
    send('b', 2);
    await settle();
    expect(inFlight('b')).toBe(2);
  });

  it('keeps two thirds of the places for a tenant for as long as it has orders', async () => {
    const { limited, gateway, send, results } = startBulkhead();
    send('a', 134);
    const open: number[] = [];
    while (limited.queued > 0) {
      open.push(limited.inFlight);
      gateway.open[0]!.end();
      await settle();
    }
    expect(new Set(open)).toEqual(new Set([34]));
    await results();
    expect(gateway.maxAtOnce).toBe(34);
  });

  it('gives the next place to the tenant with the fewest in flight', async () => {
    const { gateway, send, end } = startBulkhead({ ...SIZES, maxInFlight: 6 });
    send('a', 9);
    send('b', 9);
    send('c', 2);
    await settle();
    expect(gateway.begun).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2']);
    await end('a');
    await end('a');
    expect(gateway.begun.slice(6)).toEqual(['c1', 'c2']);
  });

  it('alternates among tenants with equally many in flight', async () => {
    const { gateway, send, results } = startBulkhead({ ...SIZES, maxInFlight: 1 });
    send('x');
    send('a', 3);
    send('b', 2);
    send('c');
    await results();
    expect(gateway.begun).toEqual(['x1', 'a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('makes room in a full queue by rejecting the newest order of the tenant with the most queued', async () => {
    const { limited, send, results } = startBulkhead({ ...SIZES, maxInFlight: 1, maxQueued: 3 });
    send('a', 4);
    send('b');
    expect(limited).toMatchObject({ queued: 3, rejected: 1 });
    expect(await results()).toEqual(['a1', 'a2', 'a3', 'the queue is full', 'b1']);
  });

  it('rejects an order at a full queue where no other tenant has two more queued', async () => {
    const { send, results } = startBulkhead({ ...SIZES, maxInFlight: 1, maxQueued: 3 });
    send('x');
    send('b');
    send('a', 2);
    send('b');
    expect(await results()).toEqual(['x1', 'b1', 'a1', 'a2', 'the queue is full']);
  });

  it('queues nothing with maxQueued 0', async () => {
    const { send, results } = startBulkhead({ ...SIZES, maxInFlight: 1, maxQueued: 0 });
    send('a');
    send('b');
    expect(await results()).toEqual(['a1', 'the queue is full']);
  });

  it('forgets tenants without orders, which take no places from others', async () => {
    const { gateway, send, inFlight } = startBulkhead();
    for (let i = 0; i < 400; i++) send(`gone-${i}-`);
    await endAll(gateway, (entry) => entry.end());
    send('a', 60);
    send('b', 16);
    await settle();
    expect([inFlight('a'), inFlight('b')]).toEqual([34, 16]);
  });

  it('counts orders for payments and for setups together', async () => {
    const { gateway, limited, send, results } = startBulkhead({ ...SIZES, maxInFlight: 2, maxQueued: 2 });
    send('a');
    send('b', 1, {}, 'createSetupIntent');
    send('c');
    send('d', 2, {}, 'createSetupIntent');
    expect(gateway.begun).toEqual(['a1', 'b1']);
    expect(limited).toMatchObject({ inFlight: 2, queued: 2, rejected: 1 });
    expect(await results()).toEqual(['a1', 'b1', 'c1', 'd1', 'the queue is full']);
  });

  it("counts a tenant's setups against its payments", async () => {
    const { inFlight, send } = startBulkhead();
    send('a', 30, {}, 'createSetupIntent');
    send('a', 30);
    send('b', 16);
    await settle();
    expect([inFlight('a'), inFlight('b')]).toEqual([34, 16]);
  });

  describe('an order whose client has left', () => {
    const GONE = 'the client disconnected while the order was queued';

    it('while it was queued is not sent, and its place goes to the next', async () => {
      const { gateway, limited, send, results } = startBulkhead({ ...SIZES, maxInFlight: 1 });
      let isAbandoned = false;
      send('a');
      send('b', 30, { isAbandoned: () => isAbandoned });
      send('c');
      isAbandoned = true;
      expect(await results()).toEqual(['a1', ...Array.from({ length: 30 }, () => GONE), 'c1']);
      expect(gateway.begun).toEqual(['a1', 'c1']);
      expect(limited).toMatchObject({ inFlight: 0, queued: 0, rejected: 0 });
    });

    it('is sent where a place is free, because a client may close its side and still read', async () => {
      const { send, results } = startBulkhead();
      send('a', 1, { isAbandoned: () => true });
      expect(await results()).toEqual(['a1']);
    });

    it('after it was sent goes on, because its effect is not known', async () => {
      let isAbandoned = false;
      const { send, results } = startBulkhead();
      send('a', 1, { isAbandoned: () => isAbandoned });
      isAbandoned = true;
      expect(await results()).toEqual(['a1']);
    });

    it('takes no place in a full queue', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const { limited, send, results } = startBulkhead({ ...SIZES, maxInFlight: 1, maxQueued: 2 });
      send('a');
      send('b', 1, { isAbandoned: () => true });
      send('c');
      send('d');
      expect(limited).toMatchObject({ inFlight: 1, queued: 2, rejected: 0 });
      expect(await results()).toEqual(['a1', GONE, 'c1', 'd1']);
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  it('keeps its limits in any sequence of orders sent, ended and abandoned', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('send' as const),
          tenant: fc.integer({ min: 0, max: 6 }),
          call: fc.constantFrom(...(Object.keys(gatewayCalls) as GatewayCallName[])),
        }),
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
        const { gateway, limited, send, inFlight, results } = startBulkhead(size);
        const left = new Set<number>();
        let isPassedOver = false;
        for (const one of steps) {
          if (one.kind === 'end') gateway.open[one.which % gateway.open.length]?.end();
          if (one.kind === 'leave') left.add(one.tenant);
          if (one.kind === 'send') {
            const before = inFlight(`t${one.tenant}-`);
            const isFree = limited.inFlight < size.maxInFlight;
            left.delete(one.tenant);
            send(`t${one.tenant}-`, 1, { isAbandoned: () => left.has(one.tenant) }, one.call);
            // A tenant without orders in flight gets any free place.
            isPassedOver ||= before === 0 && isFree && inFlight(`t${one.tenant}-`) !== 1;
          }
          await settle();
          expect(gateway.open.length).toBe(limited.inFlight);
          expect(limited.inFlight).toBeLessThanOrEqual(size.maxInFlight);
          expect(limited.queued).toBeLessThanOrEqual(size.maxQueued);
          // No order is queued while more than half of the places are free.
          isPassedOver ||= limited.queued > 0 && limited.inFlight <= size.maxInFlight / 2;
        }
        expect(isPassedOver).toBe(false);
        const all = await results();
        expect(limited).toMatchObject({ inFlight: 0, queued: 0 });
        expect(all.filter((result) => result === 'the queue is full')).toHaveLength(limited.rejected);
        expect(gateway.begun).toHaveLength(all.filter((result) => /^t\d-/.test(result)).length);
      }),
      { numRuns: 200 },
    );
  });

  it('closes its gateway', async () => {
    const { gateway, limited } = sendMany(0);
    await limited.close();
    expect(gateway.isClosed).toBe(true);
  });
});
