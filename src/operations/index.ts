import type { PaymentGateway } from '../payments/gateway.ts';
import type { Handlers } from '../contract/handler.ts';
import { createPaymentIntent } from './createPaymentIntent.ts';
import { createSetupIntent } from './createSetupIntent.ts';

/** The handlers of all operations, with this gateway. */
export const liveHandlers = (gateway: PaymentGateway): Handlers => ({
  createPaymentIntent: createPaymentIntent(gateway),
  createSetupIntent: createSetupIntent(gateway),
});
