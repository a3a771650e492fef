import type { PaymentGateway } from '../payments/gateway.ts';
import type { Handler } from '../contract/handler.ts';
import { createIntent, PROBLEMS, type ProblemsByFault } from './intents.ts';

/** Creates a setup intent at the gateway and returns its client secret. */
export const createSetupIntent =
  (gateway: PaymentGateway): Handler<'createSetupIntent'> =>
  async (request) => {
    const { intent, ...success } = await createIntent(request, SETUP_PROBLEMS, (order) =>
      gateway.createSetupIntent(order),
    );
    return { example: 'setupCreated', fields: { paymentSecret: intent.clientSecret }, ...success };
  };

/** We send neither an amount nor payment method types: a failure that names them is our fault. */
const SETUP_PROBLEMS: ProblemsByFault<'createSetupIntent'> = {
  ...PROBLEMS,
  amountTooSmall: 'internalError',
  amountTooLarge: 'internalError',
  methodTypesRefused: 'internalError',
};
