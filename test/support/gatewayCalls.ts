import type { Ledger, LedgerEntry } from '../../src/fake-stripe/server.ts';
import type { CreatedIntent, PaymentGateway, PaymentOrder } from '../../src/payments/gateway.ts';

export type GatewayCallName = Exclude<keyof PaymentGateway, 'close'>;

/** A call of the gateway, as tests need it that hold for every call. */
export interface GatewayCall {
  /** The method of Stripe's SDK. */
  method: string;
  /** Where it creates an intent at Stripe. */
  path: string;
  /** The `object` of the intent. */
  object: string;
  idPrefix: string;
  /** A call takes from the order what it needs. */
  create: (gateway: PaymentGateway, order: PaymentOrder) => Promise<CreatedIntent>;
  /** What it has created. */
  created: (ledger: Ledger) => readonly LedgerEntry[];
  /** The fields of Stripe's response that only this kind of intent has. */
  ownFields: (form: URLSearchParams) => object;
}

/** All of them: without its row, a new call does not compile. */
export const gatewayCalls: Readonly<Record<GatewayCallName, GatewayCall>> = {
  createPaymentIntent: {
    method: 'paymentIntents.create',
    path: '/v1/payment_intents',
    object: 'payment_intent',
    idPrefix: 'pi_',
    create: (gateway, order) => gateway.createPaymentIntent(order),
    created: ({ intents }) => intents,
    ownFields: (form) => ({
      amount: Number(form.get('amount')),
      currency: form.get('currency'),
      payment_method_types: ['card'],
    }),
  },
  createSetupIntent: {
    method: 'setupIntents.create',
    path: '/v1/setup_intents',
    object: 'setup_intent',
    idPrefix: 'seti_',
    create: (gateway, order) => gateway.createSetupIntent(order),
    created: ({ setupIntents }) => setupIntents,
    ownFields: () => ({}),
  },
};

/** The intents of every kind. */
export const allCreated = (ledger: Ledger): readonly LedgerEntry[] =>
  Object.values(gatewayCalls).flatMap(({ created }) => created(ledger));
