import { type DocumentedOperation, operations } from '../support/contractDocument.ts';
import { json, requestTo, type Case, type FirstRequest, type Headers } from './case.ts';
import type { IntentBodies } from './intents.cases.ts';

/** A new key for each run, so that a deployment does not replay an earlier one. */
export const freshKey = (): string => `contract-${crypto.randomUUID()}`;

export const withKey = (key: string): Headers => [['Idempotency-Key', key]];

/** A case with a key of its own. */
const keyed = (make: (key: string) => Case): Case => make(freshKey());

/** The cases of idempotency keys of an operation that creates an intent. Each has keys of its own. */
export function idempotencyCases(operation: DocumentedOperation, given: IntentBodies): Case[] {
  const { example, body, otherBody } = given;
  const post = requestTo(operation);
  const sent = (headers: Headers, content: object = body): FirstRequest => ({ request: post(json(content), headers) });
  const withMetadata = (metadata: object) => ({ ...body, metadata });

  const created = (title: string, request: Case['request'], first: readonly FirstRequest[] = []): Case => ({
    operation,
    example,
    title,
    creates: true,
    request,
    ...(first.length > 0 && { first }),
  });
  const replayed = (title: string, first: readonly FirstRequest[], request: Case['request']): Case => ({
    operation,
    example,
    title,
    first,
    replays: true,
    request,
  });
  const reused = (title: string, first: readonly FirstRequest[], request: Case['request']): Case => ({
    operation,
    example: 'idempotencyKeyReused',
    title,
    first,
    request,
  });
  const invalid = (title: string, content: object, headers?: Headers): Case => ({
    operation,
    example: 'invalidIdempotencyKey',
    title,
    request: post(json(content), headers),
  });
  /** Two keys for two payments that differ in nothing else. */
  const different = (title: string, key: string, other: string): Case =>
    created(`the same request under a key that differs ${title}`, post(json(body), withKey(other)), [
      sent(withKey(key)),
    ]);

  return [
    keyed((key) => created('an idempotency key', post(json(body), withKey(key)))),
    keyed((key) => created('a quoted idempotency key', post(json(body), withKey(`"${key}"`)))),
    keyed((key) => created('an idempotency key of 255 characters', post(json(body), withKey(key.padEnd(255, '~'))))),
    keyed((key) => created('an idempotency key in the body', post(json({ ...body, idempotencyKey: key })))),
    keyed((key) =>
      created(
        'the same idempotency key in the header and in the body',
        post(json({ ...body, idempotencyKey: key }), withKey(key)),
      ),
    ),
    keyed((key) =>
      created(
        'the same key, quoted in the header',
        post(json({ ...body, idempotencyKey: `${key}"q` }), withKey(`"${key}\\"q"`)),
      ),
    ),

    invalid('a number in the body', { ...body, idempotencyKey: 1 }),
    invalid('null in the body', { ...body, idempotencyKey: null }),
    invalid('an empty key in the body', { ...body, idempotencyKey: '' }),
    invalid('a quoted key in the body', { ...body, idempotencyKey: '"key"' }),
    invalid('a space in the key in the body', { ...body, idempotencyKey: 'a b' }),
    invalid('a non-ASCII character in the body', { ...body, idempotencyKey: 'schlüssel' }),
    invalid('256 characters in the body', { ...body, idempotencyKey: 'k'.repeat(256) }),
    keyed((key) =>
      invalid('another key in the header than in the body', { ...body, idempotencyKey: key }, withKey('other')),
    ),
    keyed((key) =>
      invalid(
        'the key in capitals in the header than in the body',
        { ...body, idempotencyKey: key },
        withKey(key.toUpperCase()),
      ),
    ),

    keyed((key) =>
      replayed(
        'the same request under the same key, whose intent exists already',
        [sent(withKey(key))],
        post(json(body), withKey(key)),
      ),
    ),
    keyed((key) =>
      replayed(
        'the same request under the same key, quoted',
        [sent(withKey(key))],
        post(json(body), withKey(`"${key}"`)),
      ),
    ),
    keyed((key) =>
      replayed(
        'the same request under the same key, bare and with an escaped quote',
        [sent(withKey(`"${key}\\"\\\\"`))],
        post(json(body), withKey(`${key}"\\`)),
      ),
    ),
    keyed((key) =>
      replayed(
        'the same request, with the key in the body',
        [sent(withKey(key))],
        post(json({ ...body, idempotencyKey: key })),
      ),
    ),
    keyed((key) =>
      replayed(
        'the same request with its fields in another sequence, white space, an ignored field and another User-Agent',
        [sent([...withKey(key), ['User-Agent', 'first']], withMetadata({ a: '1', b: '2' }))],
        post(JSON.stringify({ ignored: true, metadata: { b: '2', a: '1' }, ...body }, undefined, 1), [
          ...withKey(key),
          ['User-Agent', 'second'],
        ]),
      ),
    ),
    keyed((key) =>
      replayed(
        'the same request after another call',
        [sent(withKey(key)), { ...sent([], otherBody), isBetween: true }],
        post(json(body), withKey(key)),
      ),
    ),
    keyed((key) => ({
      ...replayed(
        'the same request twice at once, and then again',
        [sent(withKey(key)), sent(withKey(key))],
        post(json(body), withKey(key)),
      ),
      isFirstAtOnce: true,
    })),

    keyed((key) =>
      reused('another request under the same key', [sent(withKey(key))], post(json(otherBody), withKey(key))),
    ),
    keyed((key) =>
      reused(
        'another request under the same key, quoted',
        [sent(withKey(key))],
        post(json(otherBody), withKey(`"${key}"`)),
      ),
    ),
    keyed((key) =>
      reused(
        'another request under the same key in the body',
        [sent(withKey(key))],
        post(json({ ...otherBody, idempotencyKey: key })),
      ),
    ),
    keyed((key) =>
      reused(
        'other metadata under the same key',
        [sent(withKey(key), withMetadata({ orderId: '1' }))],
        post(json(withMetadata({ orderId: '2' })), withKey(key)),
      ),
    ),

    keyed((key) => different('only in case', key, key.toUpperCase())),
    keyed((key) => different('only in its character 255', `${key.padEnd(254, '~')}1`, `${key.padEnd(254, '~')}2`)),
    keyed((key) => different('only in its first character', `1${key.padEnd(254, '~')}`, `2${key.padEnd(254, '~')}`)),
    keyed((key) => different('only in punctuation', `${key}.a`, `${key}_a`)),
    keyed((key) => different('only by a percent sign and two digits', `${key}a`, `${key}%61`)),
    keyed((key) =>
      created(
        'a request under a key of another operation',
        post(json(body), withKey(key)),
        operations
          .filter((other) => other !== operation)
          .map((other) => ({
            request: requestTo(other)(json(Object.values(other.requestExamples)[0]!.value), withKey(key)),
          })),
      ),
    ),
    keyed((key) =>
      created('a request under a key of another tenant', post(json(body), withKey(key)), [
        { ...sent(withKey(key)), byAnotherTenant: true },
      ]),
    ),
    keyed((key) =>
      created('a valid request under the key of a refused one', post(json(body), withKey(key)), [
        sent(withKey(key), given.refused.body({})),
      ]),
    ),
    {
      ...created('the same request twice at once, and then again, without a key', post(json(body)), [
        sent([]),
        sent([]),
      ]),
      isFirstAtOnce: true,
    },
  ];
}
