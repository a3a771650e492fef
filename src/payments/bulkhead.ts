import { GatewayError, type Order, type PaymentGateway } from './gateway.ts';

export interface BulkheadSettings {
  /** Concurrent calls to the provider. Stripe's default rate limits: 25 a second for one endpoint, 100 in live mode. */
  maxInFlight: number;
  /** Orders that wait for a place, over all tenants. */
  maxQueued: number;
  /** Longest wait of one order, in milliseconds. */
  maxWaitMs: number;
}

export interface Bulkhead extends PaymentGateway {
  readonly inFlight: number;
  readonly queued: number;
  /** Orders rejected since the start because the queue was full or the wait timed out. */
  readonly rejected: number;
}

/** A tenant with orders in flight or queued. */
interface Tenant {
  readonly name: string;
  inFlight: number;
  /** The oldest first. */
  readonly queue: QueuedOrder[];
}

interface QueuedOrder {
  readonly tenant: Tenant;
  readonly isAbandoned: Order['isAbandoned'];
  readonly timer: NodeJS.Timeout;
  acquired(): void;
  rejected(error: GatewayError): void;
}

/**
 * Limits concurrent orders, whatever they create, and shares the places among tenants. Excess orders queue up to `maxQueued`,
 * each for at most `maxWaitMs`; the rest fail with `unavailable` without calling the provider.
 *
 * With `n` places, and `k` tenants that have orders in flight or queued:
 * - A tenant with fewer than n / (k + 1) orders in flight, rounded down, or with none, gets any free place at once.
 * - Beyond that, a tenant gets another place only while it has fewer than twice as many as are free. A single tenant can use
 *   about two thirds of the places; `k` tenants that take all they can have about 2n / (2k + 1) each, and half as many stay
 *   free.
 * - While orders are queued, the next place goes to the tenant with the fewest in flight, round-robin among equals. The
 *   orders of one tenant stay in sequence.
 * - In a full queue, the newest order of the tenant with the longest queue is rejected in favour of a tenant with at least
 *   two fewer queued.
 *
 * Orders in flight are never interrupted: when all places are taken, a new tenant gets its share as orders of others end.
 *
 * A queued order whose client has disconnected fails too, but does not count as rejected.
 */
export function bulkhead(gateway: PaymentGateway, { maxInFlight, maxQueued, maxWaitMs }: BulkheadSettings): Bulkhead {
  const tenants = new Map<string, Tenant>();
  /** Tenants with queued orders, the most recently served last. */
  const queueing = new Set<Tenant>();
  let inFlight = 0;
  let queued = 0;
  let rejectedCount = 0;

  async function run<Created>(order: Order, call: () => Promise<Created>): Promise<Created> {
    const tenant = findTenant(order.tenant);
    // A tenant with queued orders is at its limit, so its queued orders are never overtaken.
    if (tenant.inFlight < placesPerTenant()) acquire(tenant);
    else await queuedPlace(tenant, order);
    try {
      return await call();
    } finally {
      release(tenant);
    }
  }

  function findTenant(name: string): Tenant {
    let tenant = tenants.get(name);
    if (!tenant) tenants.set(name, (tenant = { name, inFlight: 0, queue: [] }));
    return tenant;
  }

  function forgetIfIdle(tenant: Tenant): void {
    if (tenant.inFlight === 0 && tenant.queue.length === 0) tenants.delete(tenant.name);
  }

  /** The current limit of each tenant. */
  function placesPerTenant(): number {
    const free = maxInFlight - inFlight;
    return free === 0 ? 0 : Math.max(2 * free, Math.floor(maxInFlight / (tenants.size + 1)));
  }

  function acquire(tenant: Tenant): void {
    tenant.inFlight += 1;
    inFlight += 1;
  }

  function release(tenant: Tenant): void {
    tenant.inFlight -= 1;
    inFlight -= 1;
    forgetIfIdle(tenant);
    while (queued > 0) {
      const next = fewestInFlight();
      if (next.inFlight >= placesPerTenant()) return;
      const order = next.queue[0]!;
      if (order.isAbandoned?.()) {
        abandon(order);
        continue;
      }
      acquire(next);
      dequeue(order);
      // Round-robin: move the tenant to the end.
      if (queueing.delete(next)) queueing.add(next);
      order.acquired();
    }
  }

  /** Resolves once a place is acquired. */
  function queuedPlace(tenant: Tenant, { isAbandoned }: Order): Promise<void> {
    return new Promise((acquired, rejected) => {
      const timer = setTimeout(() => reject(order, 'timed out waiting in the queue'), maxWaitMs);
      const order: QueuedOrder = { tenant, isAbandoned, timer, acquired, rejected };
      tenant.queue.push(order);
      queueing.add(tenant);
      queued += 1;
      if (queued > maxQueued) abandonAll();
      if (queued > maxQueued) reject(newestOfLongestQueue(tenant), 'the queue is full');
    });
  }

  /** Checks every queued order, so it runs only when the queue is full. */
  function abandonAll(): void {
    const orders = [...queueing].flatMap(({ queue }) => queue.filter(({ isAbandoned }) => isAbandoned?.()));
    orders.forEach(abandon);
  }

  function abandon(order: QueuedOrder): void {
    dequeue(order);
    order.rejected(new GatewayError('unavailable', 'the client disconnected while the order was queued'));
  }

  function reject(order: QueuedOrder, reason: string): void {
    dequeue(order);
    rejectedCount += 1;
    order.rejected(new GatewayError('unavailable', reason));
  }

  function dequeue(order: QueuedOrder): void {
    const { tenant, timer } = order;
    clearTimeout(timer);
    tenant.queue.splice(tenant.queue.indexOf(order), 1);
    queued -= 1;
    if (tenant.queue.length === 0) queueing.delete(tenant);
    forgetIfIdle(tenant);
  }

  function fewestInFlight(): Tenant {
    return [...queueing].reduce((fewest, tenant) => (tenant.inFlight < fewest.inFlight ? tenant : fewest));
  }

  /** The newest order of `newcomer`, which is already queued, unless another tenant's queue is longer. */
  function newestOfLongestQueue(newcomer: Tenant): QueuedOrder {
    const { queue } = [...queueing].reduce(
      (longest, tenant) => (tenant.queue.length > longest.queue.length ? tenant : longest),
      newcomer,
    );
    return queue.at(-1)!;
  }

  return {
    createPaymentIntent: (order) => run(order, () => gateway.createPaymentIntent(order)),
    createSetupIntent: (order) => run(order, () => gateway.createSetupIntent(order)),
    close: () => gateway.close(),
    get inFlight() {
      return inFlight;
    },
    get queued() {
      return queued;
    },
    get rejected() {
      return rejectedCount;
    },
  };
}
