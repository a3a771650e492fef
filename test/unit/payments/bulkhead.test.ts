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

const order = (idempotencyKey: string): IntentOrder => ({ tenant: 'acme', cents: 1000, metadata: {}, idempotencyKey });
const SIZES = { maxInFlight: 50, maxQueued: 100, maxWaitMs: 500 };

function crowd(size: number, sizes = SIZES) {
  const gateway = new SlowGateway();
  const house = bulkhead(gateway, sizes);
  const orders = Array.from({ length: size }, (_, index) => house.createIntent(order(`key-${index}`)));
  const settled = Promise.allSettled(orders);
  return { gateway, house, orders, settled };
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
    expect(house).toMatchObject({ inFlight: 50, queued: 100, shed: 250 });
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
    expect(house).toMatchObject({ inFlight: 50, queued: 0, shed: 100 });
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
    expect(house).toMatchObject({ inFlight: 0, queued: 0, shed: 0 });
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
    expect(await waiting).toMatchObject({ message: 'waited too long for other orders to end' });
    expect(await tooMany).toMatchObject({ message: 'too many orders wait already' });
  });

  it('closes the gateway behind it', async () => {
    const { gateway, house } = crowd(0);
    await house.close();
    expect(gateway.isClosed).toBe(true);
  });
});
