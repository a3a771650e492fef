import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../../src/fake-stripe/server.ts';
import type { DocumentedOperation } from '../support/contractDocument.ts';
import { bodies, json, requestTo, type Case, type Headers } from './case.ts';
import { gatewayCases } from './gateway.cases.ts';
import { freshKey, idempotencyCases, withKey } from './idempotency.cases.ts';
import { RUN_MARK } from './stripeIntents.ts';

/** A case in which the operation creates an intent. */
export const createdBy =
  (operation: DocumentedOperation, example: string) =>
  (title: string, body: unknown, headers?: Headers): Case => ({
    operation,
    example,
    title,
    creates: true,
    request: requestTo(operation)(body === undefined ? undefined : json(body), headers),
  });

/** A case in which Stripe refuses a valid request. */
export const refusedByStripe =
  (operation: DocumentedOperation, body: object) =>
  (example: string, title: string, fault: Omit<Fault & { kind: 'status' }, 'kind' | 'effect'>): Case => ({
    operation,
    example,
    title,
    request: requestTo(operation)(json(body)),
    arrange: (stripe) => stripe.playWith(() => ({ kind: 'status', effect: 'none', ...fault })),
  });

const createMetadata = (entries: number, keyLength: number, character: string) =>
  Object.fromEntries(
    Array.from({ length: entries }, (_, i) => [
      `${i}`.padStart(2, '0') + character.repeat(keyLength - 2),
      character.repeat(500),
    ]),
  );

/** Text that is easily changed on its way: stored as given. */
const TEXTS = {
  email: 'Jane.Doe+Orders@Example.com',
  orderNumber: '007',
  ALL_CAPS: ' between spaces ',
  aKeyOfMoreThanTwentyCharacters: 'e\u0301 is not \u00e9',
  lines: 'first\r\nsecond\nthird',
  markup: '<b>Fish & Chips</b> "to go"',
  escapes: String.raw`100%25 a%2Bb a\nb`,
  emoji: '\u{1f469}\u{200d}\u{1f4bb} \u{1f4b3}',
  ['__proto__']: 'an entry like any other',
  ключ: 'значение',
  [RUN_MARK]: freshKey(),
};

/** The bodies of an operation that creates an intent. */
export interface IntentBodies {
  /** The name of the success. */
  example: string;
  /** A valid body without metadata or a key, and one that differs from it. */
  body: object;
  otherBody: object;
  /** A body with this metadata, and why it is refused. */
  refused: { example: string; body: (metadata: object) => object };
}

/** The cases of every operation that creates an intent: metadata, idempotency keys, gateways, Stripe's failures. */
export function intentCases(operation: DocumentedOperation, given: IntentBodies): Case[] {
  const { example, body } = given;
  const post = requestTo(operation);
  const created = createdBy(operation, example);
  const stripeRefuses = refusedByStripe(operation, body);
  const withMetadata = (metadata: unknown) => ({ ...body, metadata });

  const busyKey = withKey(freshKey());

  return [
    ...Object.entries(operation.requestExamples).map(([name, { value }]) => created(`request example ${name}`, value)),
    created('empty metadata', withMetadata({})),
    created('contact data of any shape', withMetadata({ email: 'not an address', phone: '' })),
    created('metadata of all kinds of text', withMetadata(TEXTS)),
    created('metadata up to every limit of Stripe, in plain UTF-8', withMetadata(createMetadata(50, 40, '𝔐'))),
    created('a body of the maximum size', json(body).padEnd(operation.bodyLimitBytes)),
    created('a charset beside the media type', body, [['Content-Type', 'Application/JSON; charset=utf-8']]),
    {
      ...created('a query, which is ignored', body),
      request: (apiKey) => ({ ...post(json(body))(apiKey), path: `${operation.path}?utm=1` }),
    },
    ...bodies(operation, 'invalidMetadata', {
      'an array': withMetadata([]),
      null: withMetadata(null),
      'a number as a value': withMetadata({ orderId: 1 }),
      'a nested object': withMetadata({ order: { id: '1' } }),
      'a number as the e-mail address': withMetadata({ email: 1 }),
      '51 keys': withMetadata({ ...createMetadata(50, 10, 'k'), more: 'x' }),
      '9,000 keys': withMetadata(Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [i, 1]))),
      'an empty key': withMetadata({ '': 'x' }),
      'a key of 41 characters': withMetadata({ ['k'.repeat(41)]: 'x' }),
      'a key with brackets': withMetadata({ 'a[b]': 'x' }),
      'a value of 501 characters': withMetadata({ note: 'x'.repeat(501) }),
      'half a surrogate pair in a value': withMetadata({ note: '\ud800' }),
      'half a surrogate pair in a key': withMetadata({ '\udc00': 'x' }),
      'half a surrogate pair in the phone number': withMetadata({ phone: '\ud83d' }),
      'before an invalid idempotency key': { ...withMetadata([]), idempotencyKey: '' },
    }),
    stripeRefuses('invalidMetadata', 'Stripe refuses a value', {
      status: 400,
      type: 'invalid_request_error',
      param: 'metadata[email]',
    }),

    {
      operation,
      example: 'idempotencyKeyInUse',
      title: 'the first request with this key is still in progress',
      request: post(json(body), busyKey),
      arrange: async (stripe, sendFirst) => {
        stripe.play({ kind: 'delay', delayMs: 5_000, effect: 'none' });
        void sendFirst(post(json(body), busyKey));
        while (stripe.ledger.requestCount === 0) await sleep(10);
      },
    },

    ...idempotencyCases(operation, given),
    ...gatewayCases(operation, given),

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
}
