import type { PaymentGateway } from '../payments/gateway.ts';
import { dollarsToCents } from '../payments/money.ts';
import type { Handler } from '../contract/handler.ts';
import { createIntent, PROBLEMS, type ProblemsByFault } from './intents.ts';

/** Creates a payment intent at the gateway and returns its client secret. */
export const createPaymentIntent =
  (gateway: PaymentGateway): Handler<'createPaymentIntent'> =>
  async (request) => {
    const { amount, paymentMethodTypes: methodTypes } = request.body;
    const { intent, headers, logFields } = await createIntent(request, PAYMENT_PROBLEMS, (order) =>
      gateway.createPaymentIntent({ ...order, cents: dollarsToCents(amount), ...(methodTypes && { methodTypes }) }),
    );
    const { clientSecret, droppedMethodTypes } = intent;
    return {
      example: 'created',
      fields: { data: { paymentIntentSecret: clientSecret } },
      headers,
      logFields: { ...logFields, ...(droppedMethodTypes.length > 0 && { droppedMethodTypes }) },
    };
  };

const PAYMENT_PROBLEMS: ProblemsByFault<'createPaymentIntent'> = {
  ...PROBLEMS,
  amountTooSmall: 'amountTooSmall',
  amountTooLarge: 'amountTooLarge',
  methodTypesRefused: 'invalidPaymentMethodTypes',
};
