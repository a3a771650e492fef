/** What must not compile: each @ts-expect-error is a test that `make types` runs. */
import { describe, expectTypeOf, it } from 'vitest';
import {
  paymentsClient,
  type operations,
  type PaymentProblem,
  type PaymentResult,
  type PaymentIntent,
  type PaymentsClient,
} from '../../../src/client/index.ts';

const client = paymentsClient({ baseUrl: 'http://127.0.0.1:1', apiKey: 'cv_types' });

/** Compiled, and never called. */
export const wrong = [
  // @ts-expect-error An amount is a number.
  () => client.createPaymentIntent({ amount: '1.15' }),
  // @ts-expect-error An amount is required.
  () => client.createPaymentIntent({}),
  // @ts-expect-error A field is spelt as in the contract.
  () => client.createPaymentIntent({ amount: 1, paymentMethodType: ['card'] }),
  // @ts-expect-error A payment method type is one of Stripe's.
  () => client.createPaymentIntent({ amount: 1, paymentMethodTypes: ['cash'] }),
  // @ts-expect-error Metadata are texts.
  () => client.createPaymentIntent({ amount: 1, metadata: { orderId: 7 } }),
  // @ts-expect-error A client has a key.
  () => paymentsClient({ baseUrl: 'http://127.0.0.1:1' }),
  async () => {
    const result = await client.createPaymentIntent({ amount: 1 });
    // @ts-expect-error There are data only where it is known to be good.
    return result.data;
  },
];

describe('types', () => {
  it('the client has a method for every operation of the contract', () => {
    expectTypeOf<Exclude<keyof operations, keyof PaymentsClient>>().toBeNever();
  });

  it('a result is data or a problem', () => {
    type Created = Awaited<ReturnType<PaymentsClient['createPaymentIntent']>>;
    expectTypeOf<Created>().toEqualTypeOf<PaymentResult<PaymentIntent>>();
  });

  it("a problem's name decides its status and its words", () => {
    type Named<Name> = Extract<PaymentProblem, { name: Name }>;
    expectTypeOf<Named<'amountTooSmall'>['status']>().toEqualTypeOf<400>();
    expectTypeOf<Named<'amountTooSmall'>['body']['message']>().toEqualTypeOf<'Amount must be at least 0.50'>();
    expectTypeOf<Named<'invalidApiKey'>['body']['error']>().toEqualTypeOf<'Invalid API key'>();
    expectTypeOf<Named<'noResponse'>['status']>().toEqualTypeOf<undefined>();
    expectTypeOf<Extract<PaymentProblem, { name: 'nonsense' }>>().toBeNever();
  });
});
