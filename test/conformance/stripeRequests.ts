import fc, { type Arbitrary } from 'fast-check';

/** A request to Stripe's API. */
export interface StripeRequest {
  title: string;
  method: string;
  path: string;
  /** By lower-case name. A test key and the media type of a form are added. */
  headers: Record<string, string>;
  body: string;
  /** Whether the description can validate the body: a creation with a valid key, sent as a form. */
  form: boolean;
}

/** The statuses of the fake and of stripe-mock, and whether the description accepts the body. */
export interface Verdicts {
  fake: number;
  mock: number;
  description?: boolean;
}

export interface Dispute extends StripeRequest {
  /** Why the difference is correct or does not matter. */
  reason: string;
  verdicts: Verdicts;
  /** Sent to both servers first. */
  before?: StripeRequest;
}

const CREATION = { method: 'POST', path: '/v1/payment_intents', headers: {}, form: true };
const GOOD = 'amount=100&currency=usd';
const TYPES = 'allowed_payment_method_types';
const AUTOMATIC = 'automatic_payment_methods';

const creation = (body: string): StripeRequest => ({ ...CREATION, title: body, body });
const setup = (body: string): StripeRequest => ({
  ...CREATION,
  title: `a setup intent, ${body || 'without parameters'}`,
  path: '/v1/setup_intents',
  body,
});
const withHeaders = (title: string, headers: Record<string, string>, body = GOOD): StripeRequest => ({
  ...CREATION,
  title,
  headers,
  body,
  form: false,
});
const at = (method: string, path: string, body = ''): StripeRequest => ({
  ...CREATION,
  title: `${method} ${path}`,
  method,
  path,
  body,
  form: false,
});

// --- requests on which the fake, stripe-mock and the description agree ---

/** Parameters by name, each with accepted and rejected texts. */
const PARAMETERS: Record<string, { accepted: string[]; rejected: string[] }> = {
  amount: {
    accepted: ['amount=50', 'amount=100', 'amount=99999999', 'amount=%2B100', 'amount=0100', 'amount=7&amount=100'],
    rejected: [
      '',
      'amount=',
      'amount=abc',
      'amount=1.5',
      'amount=1e2',
      'amount=+100',
      'amount[0]=100',
      'amount[a]=100',
    ],
  },
  currency: { accepted: ['currency=usd', 'currency=USD'], rejected: ['', 'currency[a]=usd', 'currency[0]=usd'] },
  metadata: {
    accepted: ['', 'metadata[a]=', 'metadata[a]=b', 'metadata[0]=b', 'metadata[a]', 'metadata[a%20b]=%F0%9F%92%B6'],
    rejected: ['metadata=x', 'metadata[]=x', 'metadata[a][b]=c', 'metadata[a][]=c'],
  },
  types: {
    accepted: [
      '',
      `${TYPES}[0]=card`,
      `${TYPES}[]=card`,
      `${TYPES}[0]=card&${TYPES}[1]=eps`,
      `${TYPES}[]=card&${TYPES}[]=card`,
    ],
    rejected: [
      `${TYPES}=`,
      `${TYPES}=card`,
      `${TYPES}[0]=`,
      `${TYPES}[0]=cash`,
      `${TYPES}[0]=Card`,
      `${TYPES}[1]=card`,
      `${TYPES}[a]=card`,
      `${TYPES}[0][a]=card`,
    ],
  },
  description: {
    accepted: ['', 'description=text', 'description='],
    rejected: ['description[a]=b', 'description[]=b'],
  },
  receiptEmail: { accepted: ['', 'receipt_email=a%40b.c'], rejected: ['receipt_email[a]=b'] },
  unknown: { accepted: ['', '&'], rejected: ['amuont=1', 'amuont[a]=1', '__proto__[a]=1', 'constructor=1'] },
};

const AUTOMATIC_BODIES: Record<200 | 400, string[]> = {
  200: [`${AUTOMATIC}[enabled]=true`, `${AUTOMATIC}[enabled]=true&${AUTOMATIC}[allow_redirects]=never`],
  400: [
    `${AUTOMATIC}=true`,
    `${AUTOMATIC}[enabled]=maybe`,
    `${AUTOMATIC}[enabled]=`,
    `${AUTOMATIC}[allow_redirects]=never`,
    `${AUTOMATIC}[enabled]=true&${AUTOMATIC}[allow_redirects]=no`,
  ],
};

const without = (name: string) =>
  GOOD.split('&')
    .filter((pair) => !pair.startsWith(`${name}=`))
    .join('&');

export const agreed: readonly (StripeRequest & { status: number })[] = [
  ...Object.entries(PARAMETERS).flatMap(([name, { accepted, rejected }]) => [
    ...accepted.map((text) => ({ ...creation(joined([without(name), text])), status: 200 })),
    ...rejected.map((text) => ({ ...creation(joined([without(name), text])), status: 400 })),
  ]),
  ...([200, 400] as const).flatMap((status) =>
    AUTOMATIC_BODIES[status].map((text) => ({ ...creation(joined([GOOD, text])), status })),
  ),
  { ...creation(''), status: 400 },
  ...['', 'metadata[a]=b', 'metadata[a]='].map((body) => ({ ...setup(body), status: 200 })),
  ...['metadata=x', 'metadata[a][b]=c', 'amount=100'].map((body) => ({ ...setup(body), status: 400 })),
  { ...withHeaders('no key', { authorization: '' }), status: 401 },
  { ...withHeaders('no Bearer', { authorization: 'sk_test_1' }), status: 401 },
  { ...withHeaders('a malformed key', { authorization: 'Bearer nonsense' }), status: 401 },
  { ...withHeaders('a live key', { authorization: 'Bearer sk_live_1234' }), status: 401 },
  { ...withHeaders('a publishable key', { authorization: 'Bearer pk_test_1234' }), status: 401 },
  { ...withHeaders('Basic', { authorization: `Basic ${btoa('sk_test_1:')}` }), status: 200 },
  { ...withHeaders('JSON', { 'content-type': 'application/json' }, '{"amount":100,"currency":"usd"}'), status: 400 },
  { ...withHeaders('text', { 'content-type': 'text/plain' }), status: 400 },
  { ...withHeaders('a charset', { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }), status: 200 },
  { ...withHeaders('a bad escape', {}, 'amount=%zz&currency=usd'), status: 400 },
  { ...at('PUT', CREATION.path, GOOD), status: 404 },
  { ...at('DELETE', CREATION.path), status: 404 },
  { ...at('POST', '/v1/payment_intent', GOOD), status: 404 },
  { ...at('GET', '/v1/nothing'), status: 404 },
];

function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('&');
}

/** Parameters of a payment that a setup does not have. */
const NO_PARAMETERS = { accepted: [''], rejected: ['amount=100', 'currency=usd', 'receipt_email=a%40b.c'] };

/** Random bodies of those parameters, about half of them valid. */
export const anyCreation = (): Arbitrary<StripeRequest> =>
  fc.oneof(
    anyBody(Object.values(PARAMETERS)).map(creation),
    anyBody([PARAMETERS['metadata']!, PARAMETERS['unknown']!, NO_PARAMETERS]).map(setup),
  );

function anyBody(parameters: readonly (typeof NO_PARAMETERS)[]): Arbitrary<string> {
  const texts = parameters.map(({ accepted, rejected }) =>
    fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...accepted) },
      { weight: 1, arbitrary: fc.constantFrom(...rejected) },
    ),
  );
  return fc
    .tuple(...texts)
    .chain((some) => fc.shuffledSubarray(some, { minLength: some.length }))
    .map(joined);
}

// --- requests on which they differ ---

const dispute = (request: StripeRequest, reason: string, verdicts: Verdicts): Dispute => ({
  ...request,
  reason,
  verdicts,
});
const stricter = (texts: readonly string[], reason: string): Dispute[] =>
  texts.map((text) => dispute(creation(text), reason, { fake: 400, mock: 200, description: true }));

const metadataKeys = (count: number) => Array.from({ length: count }, (_, i) => `metadata[k${i}]=v`).join('&');

export const disputed: readonly Dispute[] = [
  ...stricter(
    ['amount=49&currency=usd', 'amount=0&currency=usd', 'amount=-5&currency=usd', 'amount=100000000&currency=usd'],
    "the limits of an amount are in the description's prose only",
  ),
  ...stricter(
    ['amount=100&currency=eur', 'amount=100&currency=xxx', 'amount=100&currency='],
    'the list of currencies is in the prose only, and the fake supports dollars only',
  ),
  ...stricter(
    [`${GOOD}&${metadataKeys(51)}`, `${GOOD}&metadata[${'k'.repeat(41)}]=v`, `${GOOD}&metadata[k]=${'v'.repeat(501)}`],
    'the limits of metadata are in the prose only',
  ).map((row, index) => ({
    ...row,
    title: ['51 metadata keys', 'a metadata key of 41 characters', 'a metadata value of 501 characters'][index]!,
  })),
  ...stricter([`${GOOD}&${TYPES}[0]=eps`], 'stripe-mock has no account: no type remains that supports dollars'),
  ...stricter(
    [`${GOOD}&payment_method_types[0]=card`],
    'the parameter was removed in 2026-09-30.endive, which is newer than the description',
  ),
  ...stricter(
    [`${GOOD}&${TYPES}[0]=card&${AUTOMATIC}[enabled]=true`],
    'a schema cannot express that two parameters exclude each other',
  ),
  ...stricter([`${GOOD}&${AUTOMATIC}[enabled]=false`], 'the fake does not support it, and reports that'),
  ...stricter(
    [`${GOOD}&confirm=true`],
    'the fake does not support it: a caller that needs it must add it to the fake first',
  ),
  ...stricter(
    [`${GOOD}&${AUTOMATIC}[enabled]=true&${AUTOMATIC}[amuont]=1`],
    'the description closes the outermost object only; Stripe refuses unknown parameters at every depth',
  ),
  dispute(setup('usage=on_session'), 'the fake does not support it', { fake: 400, mock: 200, description: true }),
  dispute(
    { ...creation(`${GOOD}&description=${'x'.repeat(1001)}`), title: 'a description of 1001 characters' },
    'stripe-mock checks no lengths',
    { fake: 400, mock: 200, description: false },
  ),
  dispute(creation(`${GOOD}&metadata=`), 'it unsets all metadata according to the prose; the schema lacks it', {
    fake: 200,
    mock: 400,
    description: false,
  }),
  ...['card_present', 'interac_present'].map((type) =>
    dispute(creation(`${GOOD}&${TYPES}[0]=card&${TYPES}[1]=${type}`), 'the type is newer than the description', {
      fake: 200,
      mock: 400,
      description: false,
    }),
  ),
  dispute(withHeaders('a body that is not UTF-8', {}, `${GOOD}&metadata[a]=%ff`), 'stripe-mock accepts any bytes', {
    fake: 400,
    mock: 200,
  }),
  dispute(
    withHeaders('a name without its closing bracket', {}, 'amount[=1&currency=usd'),
    'stripe-mock accepts the malformed name',
    {
      fake: 400,
      mock: 200,
    },
  ),
  dispute(withHeaders('a parameter without a name', {}, `${GOOD}&=`), 'stripe-mock ignores it', {
    fake: 400,
    mock: 200,
  }),
  {
    ...dispute(
      withHeaders('an idempotency key with other parameters', { 'idempotency-key': 'k1' }, 'amount=200&currency=usd'),
      'stripe-mock is stateless',
      { fake: 400, mock: 200 },
    ),
    before: withHeaders('first', { 'idempotency-key': 'k1' }),
  },
  dispute(
    withHeaders('an idempotency key of 256 characters', { 'idempotency-key': 'k'.repeat(256) }),
    'stripe-mock reads no idempotency keys',
    { fake: 400, mock: 200 },
  ),
  dispute(at('GET', '/v1/payment_intents/pi_unknown'), 'stripe-mock is stateless and finds every id', {
    fake: 404,
    mock: 200,
  }),
];
