import { GatewayError, type CreatedIntent, type IntentOrder, type PaymentGateway } from './gateway.ts';

export interface BulkheadSettings {
  /** Orders with the provider at once. Stripe allows 25 a second for one endpoint by default, 100 in live mode. */
  maxInFlight: number;
  /** Orders that wait for one of those to end, of all tenants together. */
  maxQueued: number;
  /** How long one waits at most, in milliseconds. */
  maxWaitMs: number;
}

export interface Bulkhead extends PaymentGateway {
  readonly inFlight: number;
  readonly queued: number;
  /** How many orders were rejected since the start, because too many were there. */
  readonly rejected: number;
}

/** A tenant with orders in flight or queued. No other is kept. */
interface Tenant {
  readonly name: string;
  inFlight: number;
  /** The oldest first. */
  readonly queue: QueuedOrder[];
}

interface QueuedOrder {
  readonly tenant: Tenant;
  readonly isAbandoned: IntentOrder['isAbandoned'];
  readonly timer: NodeJS.Timeout;
  acquired(): void;
  rejected(error: GatewayError): void;
}

/**
 * Limits concurrent orders and shares the places among tenants. Excess orders queue up to `maxQueued`, each for at most
 * `maxWaitMs`; the rest are rejected as `unavailable` at once, rather than everything getting slow together. A rejected
 * order never reached the provider.
 *
 * With `n` places, and `k` tenants that have orders in flight or queued:
 * - A tenant with no order in flight gets a free place at once, whichever it is, and so does one that has fewer than
 *   n / (k + 1), rounded down.
 * - Beyond that, a tenant gets another place only while it has fewer than twice as many as are free. Alone it has about two
 *   thirds of all; `k` tenants that take all they can have about 2n / (2k + 1) each, and half as many stay free.
 * - While orders are queued, the next place goes to the tenant with the fewest in flight, by turns among equals. The orders
 *   of one tenant keep their order.
 * - In a full queue the newest order of the tenant with the longest queue makes room for a tenant that has at least two
 *   fewer queued.
 *
 * A place in use is never taken away: a tenant that comes when all are taken has its share once orders of others have ended.
 *
 * A queued order whose client is gone gets no place: it is rejected as well, and not counted among the rejected.
 */
export function bulkhead(gateway: PaymentGateway, { maxInFlight, maxQueued, maxWaitMs }: BulkheadSettings): Bulkhead {
  const tenants = new Map<string, Tenant>();
  /** Tenants with queued orders; the one that was served last is at the end. */
  const queueing = new Set<Tenant>();
  let inFlight = 0;
  let queued = 0;
  let rejectedCount = 0;

  async function createIntent(order: IntentOrder): Promise<CreatedIntent> {
    const tenant = findTenant(order.tenant);
    // Whoever has queued orders has as many places as it may have: nobody overtakes those.
    if (tenant.inFlight < placesPerTenant()) acquire(tenant);
    else await queuedPlace(tenant, order);
    try {
      return await gateway.createIntent(order);
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

  /** How many places a tenant may have now. */
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
      // Behind its equals.
      if (queueing.delete(next)) queueing.add(next);
      order.acquired();
    }
  }

  /** Resolves with a place acquired. */
  function queuedPlace(tenant: Tenant, { isAbandoned }: IntentOrder): Promise<void> {
    return new Promise((acquired, rejected) => {
      const timer = setTimeout(() => reject(order, 'waited too long for other orders to end'), maxWaitMs);
      const order: QueuedOrder = { tenant, isAbandoned, timer, acquired, rejected };
      tenant.queue.push(order);
      queueing.add(tenant);
      queued += 1;
      if (queued > maxQueued) abandonAll();
      if (queued > maxQueued) reject(newestOfLongestQueue(tenant), 'too many orders wait already');
    });
  }

  /** Looks at every queued order, so only where the queue is full. */
  function abandonAll(): void {
    const orders = [...queueing].flatMap(({ queue }) => queue.filter(({ isAbandoned }) => isAbandoned?.()));
    orders.forEach(abandon);
  }

  function abandon(order: QueuedOrder): void {
    dequeue(order);
    order.rejected(new GatewayError('unavailable', 'the client left while the order was queued'));
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

  /** Of `newcomer`, whose order is in its queue already, unless another queue is longer still. */
  function newestOfLongestQueue(newcomer: Tenant): QueuedOrder {
    const { queue } = [...queueing].reduce(
      (longest, tenant) => (tenant.queue.length > longest.queue.length ? tenant : longest),
      newcomer,
    );
    return queue.at(-1)!;
  }

  return {
    createIntent,
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
