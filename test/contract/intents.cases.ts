import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../../src/fake-stripe/server.ts';
import { operations, type DocumentedOperation } from '../support/contractDocument.ts';
import { bodies, json, requestTo, type Case, type Headers } from './case.ts';

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

/** A case after an earlier request. */
const after = (first: Case['request'], known: Case): Case => ({
  ...known,
  arrange: async (_stripe, sendFirst) => void (await sendFirst(first)),
});

/** A new key for each run, so that a deployment does not replay an earlier one. */
const freshKey = () => `contract-${crypto.randomUUID()}`;

const withKey = (key: string): Headers => [['Idempotency-Key', key]];

const createMetadata = (entries: number, keyLength: number, character: string) =>
  Object.fromEntries(
    Array.from({ length: entries }, (_, i) => [
      `${i}`.padStart(2, '0') + character.repeat(keyLength - 2),
      character.repeat(500),
    ]),
  );

interface Valid {
  /** The name of the success. */
  example: string;
  /** A valid body without metadata or a key, and one that differs from it. */
  body: object;
  otherBody: object;
}

/** The cases of every operation that creates an intent: metadata, idempotency keys, Stripe's failures. */
export function intentCases(operation: DocumentedOperation, { example, body, otherBody }: Valid): Case[] {
  const post = requestTo(operation);
  const created = createdBy(operation, example);
  const stripeRefuses = refusedByStripe(operation, body);
  const withMetadata = (metadata: unknown) => ({ ...body, metadata });

  const reused = (title: string, request: Case['request']): Case => ({
    operation,
    example: 'idempotencyKeyReused',
    title,
    request,
  });
  const replayed = (title: string, request: Case['request']): Case => ({ operation, example, title, request });

  const key = freshKey();
  const longKey = key.padEnd(254, '~');
  const another = operations.find((other) => other !== operation)!;

  return [
    ...Object.entries(operation.requestExamples).map(([name, { value }]) => created(`request example ${name}`, value)),
    created('empty metadata', withMetadata({})),
    created('contact data of any shape', withMetadata({ email: 'not an address', phone: '' })),
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

    created('an idempotency key', body, withKey(freshKey())),
    created('a quoted idempotency key', body, withKey(`"${freshKey()}"`)),
    created('an idempotency key of 255 characters', body, withKey(freshKey().padEnd(255, '~'))),
    created('an idempotency key in the body', { ...body, idempotencyKey: freshKey() }),
    created('the same idempotency key in the header and in the body', { ...body, idempotencyKey: key }, withKey(key)),
    created('the same key, quoted in the header', { ...body, idempotencyKey: `${key}"q` }, withKey(`"${key}\\"q"`)),
    ...bodies(operation, 'invalidIdempotencyKey', {
      'a number in the body': { ...body, idempotencyKey: 1 },
      'null in the body': { ...body, idempotencyKey: null },
      'an empty key in the body': { ...body, idempotencyKey: '' },
      'a quoted key in the body': { ...body, idempotencyKey: '"key"' },
      'a space in the key in the body': { ...body, idempotencyKey: 'a b' },
      'a non-ASCII character in the body': { ...body, idempotencyKey: 'schlüssel' },
      '256 characters in the body': { ...body, idempotencyKey: 'k'.repeat(256) },
    }),
    ...Object.entries({ 'another key': 'other', 'the key in capitals': key.toUpperCase() }).map(([title, header]) => ({
      operation,
      example: 'invalidIdempotencyKey',
      title: `${title} in the header than in the body`,
      request: post(json({ ...body, idempotencyKey: key }), withKey(header)),
    })),

    after(
      post(json(body), withKey(key)),
      replayed('the same request under the same key, whose intent exists already', post(json(body), withKey(key))),
    ),
    after(
      post(json(body), withKey(key)),
      replayed('the same request, with the key in the body', post(json({ ...body, idempotencyKey: key }))),
    ),
    after(
      post(json(body), withKey(key)),
      reused('another request under the same key', post(json(otherBody), withKey(key))),
    ),
    after(
      post(json(body), withKey(key)),
      reused('another request under the same key, quoted', post(json(otherBody), withKey(`"${key}"`))),
    ),
    after(
      post(json(body), withKey(key)),
      reused('another request under the same key in the body', post(json({ ...otherBody, idempotencyKey: key }))),
    ),
    after(
      post(json(body), withKey(key)),
      created('another request under a key that differs only in case', otherBody, withKey(key.toUpperCase())),
    ),
    after(
      post(json(body), withKey(`${longKey}1`)),
      created('another request under a key that differs only in its character 255', otherBody, withKey(`${longKey}2`)),
    ),
    after(
      requestTo(another)(json(Object.values(another.requestExamples)[0]!.value), withKey(key)),
      created('a request under a key of another operation', body, withKey(key)),
    ),
    {
      operation,
      example: 'idempotencyKeyInUse',
      title: 'the first request with this key is still in progress',
      request: post(json(body), withKey(key)),
      arrange: async (stripe, sendFirst) => {
        stripe.play({ kind: 'delay', delayMs: 5_000, effect: 'none' });
        void sendFirst(post(json(body), withKey(key)));
        while (stripe.ledger.requestCount === 0) await sleep(10);
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
}
