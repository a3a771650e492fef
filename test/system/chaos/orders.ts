import type { OperationId } from '../../../src/contract/handler.ts';

/** A valid request body for each operation, but for the metadata. */
export const orders: Readonly<Record<OperationId, (cents: number) => object>> = {
  createPaymentIntent: (cents) => ({ amount: cents / 100 }),
  createSetupIntent: () => ({}),
};
