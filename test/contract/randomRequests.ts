import fc, { type Arbitrary } from 'fast-check';
import type { OperationId } from '../../src/contract/handler.ts';
import { document, operations, type DocumentedOperation } from '../support/contractDocument.ts';
import type { WireRequest } from '../support/exchange.ts';

const TYPES = document.components.schemas.PaymentMethodType.enum;

/** Any request to the service: about a third good, the rest broken in one place or several, or hardly a request at all. */
export const anyRequest = (apiKey: string): Arbitrary<WireRequest> =>
  fc.oneof(
    ...operations.map((operation) => {
      const bodies = BODIES[operation.operationId];
      const request = requestTo(operation, apiKey);
      return fc.oneof(
        { weight: 4, arbitrary: goodRequest(request, bodies) },
        { weight: 6, arbitrary: withOddBody(request, bodies) },
        { weight: 2, arbitrary: withOddHeaders(request, bodies, apiKey) },
        { weight: 1, arbitrary: withOddTarget(operation, bodies, apiKey) },
        { weight: 1, arbitrary: withOddBytes(request, bodies, operation.bodyLimitBytes) },
      );
    }),
  );

/** A request that creates an intent. */
export const validRequest = (apiKey: string): Arbitrary<WireRequest> =>
  fc.oneof(...operations.map((operation) => goodRequest(requestTo(operation, apiKey), BODIES[operation.operationId])));

/** Requests of which some repeat others, exactly or in other words, and some reuse the key of others. */
export const anySequence = (apiKey: string): Arbitrary<WireRequest[]> =>
  fc
    .tuple(...operations.map((operation) => payments(operation, apiKey)))
    .chain((some) => fc.array(fc.oneof(...some), { minLength: 2, maxLength: 6 }));

/** The request bodies of an operation. */
interface Bodies {
  valid: Arbitrary<object>;
  /** Each field valid or not, or absent. */
  odd: Arbitrary<object>;
  isRequired: boolean;
}

// --- good ---

const dollars = fc.oneof(
  fc.integer({ min: 50, max: 99_999_999 }).map((cents) => cents / 100),
  fc.constantFrom(0.5, 0.57, 1.1, 1.15, 4.35, 19.99, 100, 999_999.99),
);

/** With a card, if Stripe would be asked: which of the other types it offers for dollars only Stripe knows, and it refuses if none is left. */
const withCard = (some: unknown[]): unknown[] =>
  some.length > 0 && some.every((type) => TYPES.includes(type as never)) && !some.includes('card')
    ? [...some, 'card']
    : some;

const types = fc.uniqueArray(fc.constantFrom(...TYPES), { minLength: 1, maxLength: TYPES.length }).map(withCard);

const key = fc.oneof(
  fc.constantFrom('email', 'phone', 'orderId', '__proto__', 'constructor', 'toString'),
  fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 }).filter((text) => !/[[\]]/.test(text)),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((text) => !/[[\]]/.test(text)),
);
const value = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', 'a@b.c', '+1404567890', 'x'.repeat(500), '𝔐'.repeat(500), '{"amount":1}', 'a&b=c+d%20'),
);
const metadata = fc
  .uniqueArray(fc.tuple(key, value), { maxLength: 50, selector: ([name]) => name })
  .map((entries) => Object.fromEntries(entries));

const bareKey = fc.oneof(
  fc.uuid(),
  fc.uuid().map((id) => id.padEnd(255, '!')),
);

/** A key in the header, in the body, or the same in both. */
const idempotency = (anyKey: Arbitrary<string>) =>
  fc
    .record({ key: anyKey, isQuoted: fc.boolean(), places: fc.constantFrom('neither', 'header', 'body', 'both') })
    .map(({ key: text, isQuoted, places }) => ({
      headers:
        places === 'header' || places === 'both' ? named('Idempotency-Key', [isQuoted ? `"${text}"` : text]) : [],
      fields: places === 'body' || places === 'both' ? { idempotencyKey: text } : {},
    }));

const goodRequest = (request: Requests, { valid, isRequired }: Bodies): Arbitrary<WireRequest> =>
  fc
    .record({ body: valid, mediaType, keys: idempotency(bareKey), extra: harmless, isEmpty: fc.boolean() })
    .map(({ body, mediaType: type, keys, extra, isEmpty }) =>
      isEmpty && !isRequired
        ? request(undefined, [...keys.headers, ...extra])
        : request(JSON.stringify({ ...body, ...keys.fields }), [['Content-Type', type], ...keys.headers, ...extra]),
    );

const mediaType = fc.constantFrom(
  'application/json',
  'application/json; charset=utf-8',
  'Application/JSON;charset="UTF-8"',
  'application/json ; a=b; c',
);
const harmless = fc.subarray([
  ['Accept', 'text/html'],
  ['Accept-Encoding', 'br'],
  ['X-Request-Id', 'theirs'],
  ['Content-Encoding', 'identity'],
  ['Cookie', 'a=b'],
  ['User-Agent', ''],
  ['X-HTTP-Method-Override', 'DELETE'],
] as [string, string][]);

// --- under the same key ---

/** Requests with two different bodies, each in different words, now and then with a fault, under one of two keys. */
const payments = (operation: DocumentedOperation, apiKey: string): Arbitrary<Arbitrary<WireRequest>> => {
  const { valid } = BODIES[operation.operationId];
  return fc.tuple(valid, valid).map((bodies) =>
    fc
      .record({
        body: fc.constantFrom(...bodies),
        words,
        fault: fc.oneof(
          { weight: 9, arbitrary: fc.constant({}) },
          { weight: 1, arbitrary: fc.constantFrom({ metadata: 'none' }, { idempotencyKey: 'a b' }, { amount: 0.1 }) },
        ),
        keyed: idempotency(fc.constantFrom('key-1', 'key-2')),
      })
      .map(({ body, words: chosen, fault, keyed }) =>
        requestTo(operation, apiKey)(inOtherWords({ ...body, ...keyed.fields, ...fault }, chosen), [
          ...JSON_TYPE,
          ...keyed.headers,
        ]),
      ),
  );
};

const words = fc.record({
  isReversed: fc.boolean(),
  isPadded: fc.boolean(),
  ignored: fc.constantFrom({}, { currency: 'eur', note: null }),
});
type Words = typeof words extends Arbitrary<infer Value> ? Value : never;

/** The body as text that asks Stripe for the same. */
function inOtherWords(body: object, { isReversed, isPadded, ignored }: Words): string {
  const sorted = (object: object) => {
    const entries = Object.entries(object);
    return Object.fromEntries(isReversed ? entries.toReversed() : entries);
  };
  // No metadata is the same as empty metadata.
  const { metadata: given = isPadded ? {} : undefined, ...fields } = body as { metadata?: unknown };
  const inOrder = typeof given === 'object' ? sorted(given as object) : given;
  const text = JSON.stringify(sorted({ ...fields, ...ignored, metadata: inOrder }), null, isPadded ? 2 : 0);
  return isPadded ? text.replace(/("amount": \d+)(?=[,\n])/, '$1.00') : text;
}

// --- broken in the body ---

const oddNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, -1, 0.49, 0.499, 0.501, 1.155, 1e-7, 999_999.991, 1_000_000, 1e21, 1e308, 19.990000000000002),
);
const anything = fc.oneof(oddNumber, fc.jsonValue({ maxDepth: 2 }));
const oddTypes = fc.oneof(
  fc
    .array(fc.oneof(fc.constantFrom(...TYPES), fc.string(), fc.constant('Card')), { maxLength: 70 })
    .map((some) => withCard(some)),
  fc.array(anything, { maxLength: 5 }),
  fc.constant([]),
  anything,
);
const oddMetadata = fc.oneof(
  fc.dictionary(fc.oneof(key, fc.constantFrom('', 'a[b]', 'k'.repeat(41), '\ud800')), fc.oneof(value, anything), {
    maxKeys: 60,
  }),
  fc.constantFrom({ note: 'x'.repeat(501) }, { note: '\udfff' }, { email: null }, { phone: 1 }),
  anything,
);

const maybeOddMetadata = fc.oneof(metadata, oddMetadata);
const oddKey = fc.oneof(bareKey, fc.constantFrom('', '"key"', 'a b', 'schlüssel', 'k'.repeat(256)), anything);

const BODIES: Record<OperationId, Bodies> = {
  createPaymentIntent: {
    valid: fc.record({ amount: dollars, paymentMethodTypes: types, metadata }, { requiredKeys: ['amount'] }),
    odd: fc.record(
      {
        amount: fc.oneof(dollars, anything),
        paymentMethodTypes: fc.oneof(types, oddTypes),
        metadata: maybeOddMetadata,
        idempotencyKey: oddKey,
        currency: anything,
      },
      { requiredKeys: [] },
    ),
    isRequired: true,
  },
  createSetupIntent: {
    valid: fc.record({ metadata }, { requiredKeys: [] }),
    odd: fc.record({ metadata: maybeOddMetadata, idempotencyKey: oddKey, amount: anything }, { requiredKeys: [] }),
    isRequired: false,
  },
};

const withOddBody = (request: Requests, { valid, odd }: Bodies): Arbitrary<WireRequest> =>
  fc
    .oneof(
      odd.map((body) => JSON.stringify(body)),
      fc.jsonValue().map((body) => JSON.stringify(body)),
      fc
        .tuple(valid, fc.nat(), fc.string({ maxLength: 3 }))
        .map(([body, at, typo]) => spoil(JSON.stringify(body), at, typo)),
      fc.constantFrom(
        '',
        ' ',
        '{}',
        '{"amount":1e400}',
        '{"amount":01}',
        '{"amount":1}x',
        '\ufeff{"amount":1}',
        'amount=1',
        '{"amount":1,"amount":"2"}',
      ),
    )
    .map((body) => request(body, JSON_TYPE));

/** The text with a few characters replaced somewhere. */
function spoil(text: string, at: number, typo: string): string {
  const start = at % text.length;
  return text.slice(0, start) + typo + text.slice(start + typo.length);
}

// --- broken in the headers ---

const withOddHeaders = (request: Requests, { valid }: Bodies, apiKey: string): Arbitrary<WireRequest> =>
  fc
    .record({
      body: fc.oneof(
        valid.map((body) => JSON.stringify(body)),
        fc.constant('no JSON'),
      ),
      odd: oddHeaders(apiKey),
    })
    .map(({ body, odd }) => ({ ...request(body, JSON_TYPE), headers: [HOST, ...odd] }));

const oddHeaders = (apiKey: string): Arbitrary<[string, string][]> =>
  fc
    .record({
      keys: fc.oneof(
        fc.constantFrom(
          [],
          [''],
          [apiKey],
          [apiKey, apiKey],
          [`${apiKey}x`],
          [apiKey, 'other'],
          [apiKey.toUpperCase()],
        ),
        fc.array(headerValue, { maxLength: 2 }),
      ),
      contentTypes: fc.oneof(
        fc.constantFrom(
          [],
          [''],
          ['application/json'],
          ['text/plain'],
          ['application/json, text/plain'],
          ['text/json'],
        ),
        fc.array(headerValue, { maxLength: 1 }),
      ),
      encodings: fc.constantFrom([], ['gzip'], ['identity'], ['']),
      idempotencyKeys: fc.oneof(
        fc.array(fc.oneof(bareKey, headerValue), { maxLength: 2 }),
        fc.constant(['k'.repeat(256)]),
      ),
      prefer: fc.constantFrom([], ['return=minimal'], ['wait=10']),
    })
    .map(({ keys, contentTypes, encodings, idempotencyKeys, prefer }) => [
      ...named('cv-api-key', keys),
      ...named('Content-Type', contentTypes),
      ...named('Content-Encoding', encodings),
      ...named('Idempotency-Key', idempotencyKeys),
      ...named('Prefer', prefer),
    ]);

const named = (name: string, values: readonly string[]): [string, string][] => values.map((text) => [name, text]);

/** What Node's client lets into a header: Latin-1 without controls. */
const headerValue = fc.string({
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter((code) => code !== 0x7f)
    .map((code) => String.fromCharCode(code)),
  maxLength: 20,
});

// --- another method or path ---

const withOddTarget = (
  { path: right }: DocumentedOperation,
  { valid }: Bodies,
  apiKey: string,
): Arbitrary<WireRequest> =>
  fc
    .record({
      method: fc.constantFrom('GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'POST'),
      path: fc.oneof(
        fc.constantFrom(
          right,
          `${right}?amount=1`,
          `${right}?`,
          `${right}/`,
          `/${right}`,
          `${right}%20`,
          right.replace('pay', '%70ay'),
          right.replace('/payments', '%2Fpayments'),
          right.replace('payments', 'x/../payments'),
          `${right};v=1`,
          `${right}%zz`,
          right.toUpperCase(),
          '/',
          '*',
        ),
        fc.webPath(),
      ),
      hasKey: fc.boolean(),
      body: fc.option(valid, { nil: undefined }),
    })
    .map(({ method, path, hasKey, body }) => ({
      method,
      path: path === '' ? '/' : path,
      headers: [HOST, ...(hasKey ? [['cv-api-key', apiKey] as const] : []), ...JSON_TYPE],
      body: body && JSON.stringify(body),
    }));

// --- broken in the bytes ---

const withOddBytes = (request: Requests, { valid }: Bodies, limitBytes: number): Arbitrary<WireRequest> =>
  fc
    .oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(valid, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 3 })).map(([body, at, junk]) => {
        const bytes = Buffer.from(JSON.stringify(body));
        bytes.set(junk.subarray(0, bytes.length - (at % bytes.length)), at % bytes.length);
        return bytes;
      }),
      valid.map((body) => Buffer.from(JSON.stringify(body), 'utf16le')),
      fc.constantFrom(0, 1).map((more) => Buffer.alloc(limitBytes + more, '{"amount":1}'.padEnd(64))),
      // White space around is JSON too: the largest valid body there is.
      valid.map((body) => Buffer.from(JSON.stringify(body).padEnd(limitBytes))),
    )
    .map((body) => request(body, JSON_TYPE));

const HOST = ['Host', 'parity.test'] as const;
const JSON_TYPE = [['Content-Type', 'application/json']] as const;

type Requests = ReturnType<typeof requestTo>;

const requestTo =
  ({ method, path }: DocumentedOperation, apiKey: string) =>
  (body: string | Uint8Array | undefined, headers: WireRequest['headers']): WireRequest => ({
    method,
    path,
    headers: [HOST, ['cv-api-key', apiKey], ...headers],
    body,
  });
