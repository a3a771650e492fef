import type {
  CreatedIntent,
  CreatedPaymentIntent,
  Order,
  PaymentGateway,
  PaymentOrder,
} from '../../src/payments/gateway.ts';

/** A provider that makes one intent per idempotency key, and replays it. */
export class MemoryGateway implements PaymentGateway {
  readonly orders: (Order & Partial<PaymentOrder>)[] = [];
  readonly #intents = new Map<string, CreatedIntent>();
  readonly #droppedMethodTypes: readonly string[];

  constructor({ droppedMethodTypes = [] as readonly string[] } = {}) {
    this.#droppedMethodTypes = droppedMethodTypes;
  }

  async createPaymentIntent(order: PaymentOrder): Promise<CreatedPaymentIntent> {
    return { ...this.#create('pi', order), droppedMethodTypes: this.#droppedMethodTypes };
  }

  async createSetupIntent(order: Order): Promise<CreatedIntent> {
    return this.#create('seti', order);
  }

  async close(): Promise<void> {}

  #create(prefix: string, order: Order): CreatedIntent {
    this.orders.push(order);
    const earlier = this.#intents.get(order.idempotencyKey);
    if (earlier) return { ...earlier, replayed: true };
    const { size } = this.#intents;
    const intent = { clientSecret: `${prefix}_${size}_secret_x`, replayed: false, requestId: `req_${size}` };
    this.#intents.set(order.idempotencyKey, intent);
    return intent;
  }
}

/** A provider of which every call fails with this error. */
export function failingGateway(error: unknown): PaymentGateway {
  const fail = async (): Promise<never> => {
    throw error;
  };
  return { createPaymentIntent: fail, createSetupIntent: fail, close: async () => {} };
}
