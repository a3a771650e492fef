import { GatewayError, type CreatedIntent, type IntentOrder, type PaymentGateway } from './gateway.ts';

export interface BulkheadSettings {
  /** Orders with the provider at once. Stripe allows 25 a second for one endpoint by default, 100 in live mode. */
  maxInFlight: number;
  /** Orders that wait for one of those to end. */
  maxQueued: number;
  /** How long one waits at most, in milliseconds. */
  maxWaitMs: number;
}

export interface Bulkhead extends PaymentGateway {
  readonly inFlight: number;
  readonly queued: number;
  /** How many orders were sent away since the start. */
  readonly shed: number;
}

/**
 * The gateway behind a bulkhead: so many orders at once, so many that wait a little, and the rest is sent away at once,
 * rather than everything getting slow together. Who is sent away was never with the provider.
 */
export function bulkhead(gateway: PaymentGateway, settings: BulkheadSettings): Bulkhead {
  const waiting = new Set<() => void>();
  let inFlight = 0;
  let shed = 0;

  async function createIntent(order: IntentOrder): Promise<CreatedIntent> {
    if (inFlight >= settings.maxInFlight) await turn();
    else inFlight += 1;
    try {
      return await gateway.createIntent(order);
    } finally {
      leave();
    }
  }

  /** Resolves when a place is handed over: the count of those in flight stays the same. */
  function turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const sendAway = (reason: string) => {
        shed += 1;
        reject(new GatewayError('unavailable', reason));
      };
      if (waiting.size >= settings.maxQueued) return sendAway('too many orders wait already');
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.delete(enter);
        sendAway('waited too long for other orders to end');
      }, settings.maxWaitMs);
      waiting.add(enter);
    });
  }

  function leave(): void {
    const [next] = waiting;
    if (!next) {
      inFlight -= 1;
      return;
    }
    waiting.delete(next);
    next();
  }

  return {
    createIntent,
    close: () => gateway.close(),
    get inFlight() {
      return inFlight;
    },
    get queued() {
      return waiting.size;
    },
    get shed() {
      return shed;
    },
  };
}
