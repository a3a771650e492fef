import { vi } from 'vitest';
import type { FakeStripe, Fault } from '../../src/fake-stripe/server.ts';
import { operations } from '../support/contractDocument.ts';
import { bodies, json, requestTo, type Case } from './case.ts';

const intent = operations.find(({ operationId }) => operationId === 'createPaymentIntent')!;
const post = requestTo(intent);
const validBody = { amount: 100 };

const createMetadata = (entries: number, keyLength: number, character: string) =>
  Object.fromEntries(
    Array.from({ length: entries }, (_, i) => [
      `${i}`.padStart(2, '0') + character.repeat(keyLength - 2),
      character.repeat(500),
    ]),
  );

const always = (stripe: FakeStripe, fault: Fault) => stripe.playWith(() => fault);

const created = (title: string, body: unknown, headers?: readonly (readonly [string, string])[]): Case => ({
  operation: intent,
  example: 'created',
  title,
  creates: true,
  request: post(json(body), headers),
});

const stripeRefuses = (
  example: string,
  title: string,
  fault: Omit<Fault & { kind: 'status' }, 'kind' | 'effect'>,
): Case => ({
  operation: intent,
  example,
  title,
  request: post(json(validBody)),
  arrange: (stripe) => always(stripe, { kind: 'status', effect: 'none', ...fault }),
});

/** A new key for each run, so that a deployment does not replay an earlier one. */
const freshKey = () => `contract-${crypto.randomUUID()}`;
const reusedKey = freshKey();
const busyKey = freshKey();
const replayedKey = freshKey();

export const createPaymentIntentCases: readonly Case[] = [
  ...Object.entries(intent.requestExamples).map(([name, { value }]) => created(`request example ${name}`, value)),
  created('the minimum amount', { amount: 0.5 }),
  created('the maximum amount', { amount: 999_999.99 }),
  created('amounts without an exact floating-point number: 1.15', { amount: 1.15 }),
  created('19.99', { amount: 19.99 }),
  created('4.35', { amount: 4.35 }),
  created('0.57', { amount: 0.57 }),
  created('1.10 with its zero', '{"amount":1.10}'),
  created('an amount in scientific notation', '{"amount":115e-2}'),
  created('unknown fields, which are ignored', { amount: 100, currency: 'eur', customer: { id: 'cus_1' } }),
  created('empty metadata', { amount: 100, metadata: {} }),
  created('contact data of any shape', { amount: 100, metadata: { email: 'not an address', phone: '' } }),
  created('metadata up to every limit of Stripe, in plain UTF-8', {
    amount: 100,
    metadata: createMetadata(50, 40, '𝔐'),
  }),
  created('a body of the maximum size', json(validBody).padEnd(intent.bodyLimitBytes)),
  created('a charset beside the media type', validBody, [['Content-Type', 'Application/JSON; charset=utf-8']]),
  created('an idempotency key', validBody, [['Idempotency-Key', freshKey()]]),
  created('a quoted idempotency key', validBody, [['Idempotency-Key', `"${freshKey()}"`]]),
  created('an idempotency key of 255 characters', validBody, [['Idempotency-Key', freshKey().padEnd(255, '~')]]),
  {
    ...created('a query, which is ignored', validBody),
    request: (apiKey) => ({ ...post(json(validBody))(apiKey), path: `${intent.path}?utm=1` }),
  },

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
  ...bodies(intent, 'amountRequired', {
    'an empty body': '',
    'an empty object': {},
    'other fields only': { paymentMethodTypes: ['card'] },
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
  ...bodies(intent, 'invalidMetadata', {
    'an array': { amount: 100, metadata: [] },
    null: { amount: 100, metadata: null },
    'a number as a value': { amount: 100, metadata: { orderId: 1 } },
    'a nested object': { amount: 100, metadata: { order: { id: '1' } } },
    'a number as the e-mail address': { amount: 100, metadata: { email: 1 } },
    '51 keys': { amount: 100, metadata: { ...createMetadata(50, 10, 'k'), more: 'x' } },
    '9,000 keys': { amount: 100, metadata: Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [i, 1])) },
    'an empty key': { amount: 100, metadata: { '': 'x' } },
    'a key of 41 characters': { amount: 100, metadata: { ['k'.repeat(41)]: 'x' } },
    'a key with brackets': { amount: 100, metadata: { 'a[b]': 'x' } },
    'a value of 501 characters': { amount: 100, metadata: { note: 'x'.repeat(501) } },
    'half a surrogate pair in a value': String.raw`{"amount":100,"metadata":{"note":"\ud800"}}`,
    'half a surrogate pair in a key': String.raw`{"amount":100,"metadata":{"\udc00":"x"}}`,
    'half a surrogate pair in the phone number': String.raw`{"amount":100,"metadata":{"phone":"\ud83d"}}`,
  }),
  stripeRefuses('invalidMetadata', 'Stripe refuses a value', {
    status: 400,
    type: 'invalid_request_error',
    param: 'metadata[email]',
  }),
  {
    operation: intent,
    example: 'idempotencyKeyReused',
    title: 'another amount under the same key',
    request: post(json({ amount: 200 }), [['Idempotency-Key', reusedKey]]),
    arrange: async (_stripe, sendFirst) => {
      await sendFirst(post(json(validBody), [['Idempotency-Key', reusedKey]]));
    },
  },
  {
    operation: intent,
    example: 'created',
    title: 'the same request under the same key, whose intent exists already',
    request: post(json(validBody), [['Idempotency-Key', replayedKey]]),
    arrange: async (_stripe, sendFirst) => {
      await sendFirst(post(json(validBody), [['Idempotency-Key', replayedKey]]));
    },
  },
  {
    operation: intent,
    example: 'idempotencyKeyInUse',
    title: 'the first request with this key is still in progress',
    request: post(json(validBody), [['Idempotency-Key', busyKey]]),
    arrange: async (stripe, sendFirst) => {
      stripe.play({ kind: 'delay', delayMs: 5_000, effect: 'none' });
      void sendFirst(post(json(validBody), [['Idempotency-Key', busyKey]]));
      await vi.waitUntil(() => stripe.ledger.requestCount > 0);
    },
  },

  stripeRefuses('internalError', 'Stripe refuses our key', { status: 401, type: 'invalid_request_error' }),
  stripeRefuses('internalError', 'Stripe refuses a parameter of ours', {
    status: 400,
    type: 'invalid_request_error',
    code: 'parameter_unknown',
    param: 'currency',
  }),
  stripeRefuses('providerUnavailable', 'Stripe fails', { status: 500, type: 'api_error' }),
  stripeRefuses('providerUnavailable', 'Stripe limits us', {
    status: 429,
    type: 'invalid_request_error',
    code: 'rate_limit',
  }),
];
