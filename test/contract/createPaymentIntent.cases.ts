import { operations } from '../support/contractDocument.ts';
import { bodies, requestTo, type Case } from './case.ts';
import { createdBy, intentCases, refusedByStripe } from './intents.cases.ts';

const intent = operations.find(({ operationId }) => operationId === 'createPaymentIntent')!;
const post = requestTo(intent);
const validBody = { amount: 100 };
const created = createdBy(intent, 'created');
const stripeRefuses = refusedByStripe(intent, validBody);

export const createPaymentIntentCases: readonly Case[] = [
  ...intentCases(intent, {
    example: 'created',
    body: validBody,
    otherBody: { amount: 200 },
    refused: { example: 'amountTooSmall', body: (metadata) => ({ amount: 0.25, metadata }) },
  }),

  created('the minimum amount', { amount: 0.5 }),
  created('the maximum amount', { amount: 999_999.99 }),
  created('amounts without an exact floating-point number: 1.15', { amount: 1.15 }),
  created('19.99', { amount: 19.99 }),
  created('4.35', { amount: 4.35 }),
  created('0.57', { amount: 0.57 }),
  created('1.10 with its zero', '{"amount":1.10}'),
  created('an amount in scientific notation', '{"amount":115e-2}'),
  created('unknown fields, which are ignored', { amount: 100, currency: 'eur', customer: { id: 'cus_1' } }),

  { operation: intent, example: 'amountRequired', title: 'no body', request: post(undefined) },
  {
    operation: intent,
    example: 'amountRequired',
    title: 'no body, in chunks',
    request: post(undefined, [['Transfer-Encoding', 'chunked']]),
  },
  ...['application/json', 'text/plain'].map((type) => ({
    operation: intent,
    example: 'amountRequired',
    title: `no body, in chunks, and the media type ${type}`,
    request: post(undefined, [
      ['Content-Type', type],
      ['Transfer-Encoding', 'chunked'],
    ]),
  })),
  {
    operation: intent,
    example: 'amountRequired',
    title: 'an empty object, and an amount in the query',
    request: (apiKey) => ({ ...post('{}')(apiKey), path: `${intent.path}?amount=100` }),
  },
  ...bodies(intent, 'amountRequired', {
    'an empty body': '',
    'an empty object': {},
    'other fields only': { paymentMethodTypes: ['card'] },
    'a field name in capitals': { AMOUNT: 100 },
    'other fields only, and those invalid': { paymentMethodTypes: [], metadata: 1 },
  }),
  ...bodies(intent, 'invalidAmount', {
    null: { amount: null },
    'a string': { amount: '100' },
    'an empty string': { amount: '' },
    true: { amount: true },
    'an array': { amount: [100] },
    'an object': { amount: {} },
    zero: { amount: 0 },
    'minus zero': '{"amount":-0}',
    'a negative number': { amount: -1 },
    'a negative fraction': { amount: -0.001 },
    'above the range of a number': '{"amount":1e400}',
    'below the range of a number': '{"amount":-1e400}',
    'before other invalid fields': { amount: 0, paymentMethodTypes: [], metadata: [] },
  }),
  ...bodies(intent, 'amountTooSmall', {
    '0.49': { amount: 0.49 },
    '0.0000001': { amount: 1e-7 },
    '0.4999': { amount: 0.4999 },
  }),
  ...bodies(intent, 'amountTooLarge', {
    'a million': { amount: 1_000_000 },
    '1e21': { amount: 1e21 },
    'a fraction over': { amount: 999_999.991 },
  }),
  ...bodies(intent, 'amountTooPrecise', {
    '1.155': { amount: 1.155 },
    '0.501': { amount: 0.501 },
    '999999.989': { amount: 999_999.989 },
  }),
  ...bodies(intent, 'invalidPaymentMethodTypes', {
    'an empty array': { amount: 100, paymentMethodTypes: [] },
    'a string': { amount: 100, paymentMethodTypes: 'card' },
    null: { amount: 100, paymentMethodTypes: null },
    repeats: { amount: 100, paymentMethodTypes: ['card', 'card'] },
    'an unknown type': { amount: 100, paymentMethodTypes: ['card', 'cash'] },
    'a type in capitals': { amount: 100, paymentMethodTypes: ['Card'] },
    'items that are no strings': { amount: 100, paymentMethodTypes: [1, null] },
    '40,000 items': { amount: 100, paymentMethodTypes: Array.from({ length: 40_000 }, () => 1) },
    'before invalid metadata': { amount: 100, paymentMethodTypes: [], metadata: [] },
  }),
  stripeRefuses('invalidPaymentMethodTypes', 'Stripe refuses one', {
    status: 400,
    type: 'invalid_request_error',
    param: 'allowed_payment_method_types[0]',
  }),
];
