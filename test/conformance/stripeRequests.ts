import fc, { type Arbitrary } from 'fast-check';

/** A request to Stripe's API. */
export interface StripeRequest {
  title: string;
  method: string;
  path: string;
  /** By lower-case name; besides a test key and the form's media type. */
  headers: Record<string, string>;
  body: string;
  /** The body is what is judged: a creation, with a good key and as a form. */
  form: boolean;
}

/** The statuses of the fake and of stripe-mock, and whether the description takes the body. */
export interface Verdicts {
  fake: number;
  mock: number;
  description?: boolean;
}

export interface Dispute extends StripeRequest {
  /** Why the fake is right to differ, or does not matter. */
  reason: string;
  verdicts: Verdicts;
  /** What is sent to both first. */
  before?: StripeRequest;
}

const CREATION = { method: 'POST', path: '/v1/payment_intents', headers: {}, form: true };
const GOOD = 'amount=100&currency=usd';
const TYPES = 'allowed_payment_method_types';
const AUTOMATIC = 'automatic_payment_methods';

const creation = (body: string): StripeRequest => ({ ...CREATION, title: body, body });
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

// --- on these, all are of one mind ---

/** Parameters by name; each with texts that are taken, and texts that are refused. */
const PARAMETERS: Record<string, { taken: string[]; refused: string[] }> = {
  amount: {
    taken: ['amount=50', 'amount=100', 'amount=99999999', 'amount=%2B100', 'amount=0100', 'amount=7&amount=100'],
    refused: ['', 'amount=', 'amount=abc', 'amount=1.5', 'amount=1e2', 'amount=+100', 'amount[0]=100', 'amount[a]=100'],
  },
  currency: { taken: ['currency=usd', 'currency=USD'], refused: ['', 'currency[a]=usd', 'currency[0]=usd'] },
  metadata: {
    taken: ['', 'metadata[a]=', 'metadata[a]=b', 'metadata[0]=b', 'metadata[a]', 'metadata[a%20b]=%F0%9F%92%B6'],
    refused: ['metadata=x', 'metadata[]=x', 'metadata[a][b]=c', 'metadata[a][]=c'],
  },
  types: {
    taken: [
      '',
      `${TYPES}[0]=card`,
      `${TYPES}[]=card`,
      `${TYPES}[0]=card&${TYPES}[1]=eps`,
      `${TYPES}[]=card&${TYPES}[]=card`,
    ],
    refused: [
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
  description: { taken: ['', 'description=text', 'description='], refused: ['description[a]=b', 'description[]=b'] },
  receiptEmail: { taken: ['', 'receipt_email=a%40b.c'], refused: ['receipt_email[a]=b'] },
  unknown: { taken: ['', '&'], refused: ['amuont=1', 'amuont[a]=1', '__proto__[a]=1', 'constructor=1'] },
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
  ...Object.entries(PARAMETERS).flatMap(([name, { taken, refused }]) => [
    ...taken.map((text) => ({ ...creation(joined([without(name), text])), status: 200 })),
    ...refused.map((text) => ({ ...creation(joined([without(name), text])), status: 400 })),
  ]),
  ...([200, 400] as const).flatMap((status) =>
    AUTOMATIC_BODIES[status].map((text) => ({ ...creation(joined([GOOD, text])), status })),
  ),
  { ...creation(''), status: 400 },
  { ...withHeaders('no key', { authorization: '' }), status: 401 },
  { ...withHeaders('no Bearer', { authorization: 'sk_test_1' }), status: 401 },
  { ...withHeaders('a key that is none', { authorization: 'Bearer nonsense' }), status: 401 },
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

/** Random bodies of those parameters, about half of them good. */
export function anyCreation(): Arbitrary<StripeRequest> {
  const texts = Object.values(PARAMETERS).map(({ taken, refused }) =>
    fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...taken) },
      { weight: 1, arbitrary: fc.constantFrom(...refused) },
    ),
  );
  return fc
    .tuple(...texts)
    .chain((some) => fc.shuffledSubarray(some, { minLength: some.length }))
    .map((some) => creation(joined(some)));
}

// --- on these, they are not ---

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
    "the limits of an amount stand in the description's prose only",
  ),
  ...stricter(
    ['amount=100&currency=eur', 'amount=100&currency=xxx', 'amount=100&currency='],
    'which currencies there are stands in the prose only, and the fake models dollars alone',
  ),
  ...stricter(
    [`${GOOD}&${metadataKeys(51)}`, `${GOOD}&metadata[${'k'.repeat(41)}]=v`, `${GOOD}&metadata[k]=${'v'.repeat(501)}`],
    'the limits of metadata stand in the prose only',
  ).map((row, index) => ({
    ...row,
    title: ['51 metadata keys', 'a metadata key of 41', 'a metadata value of 501'][index]!,
  })),
  ...stricter([`${GOOD}&${TYPES}[0]=eps`], 'stripe-mock has no account: no type is left that takes dollars'),
  ...stricter(
    [`${GOOD}&payment_method_types[0]=card`],
    'the parameter is gone since 2026-09-30.endive, which is newer than the description',
  ),
  ...stricter(
    [`${GOOD}&${TYPES}[0]=card&${AUTOMATIC}[enabled]=true`],
    'that two parameters exclude each other can only be said in prose',
  ),
  ...stricter([`${GOOD}&${AUTOMATIC}[enabled]=false`], 'the fake does not model it, and says so'),
  ...stricter([`${GOOD}&confirm=true`], 'the fake does not model it: whoever sends it must teach it first'),
  ...stricter(
    [`${GOOD}&${AUTOMATIC}[enabled]=true&${AUTOMATIC}[amuont]=1`],
    'the description closes the outermost object only; Stripe refuses unknown parameters at every depth',
  ),
  dispute(
    { ...creation(`${GOOD}&description=${'x'.repeat(1001)}`), title: 'a description of 1001 characters' },
    'stripe-mock checks no lengths',
    { fake: 400, mock: 200, description: false },
  ),
  dispute(creation(`${GOOD}&metadata=`), 'it unsets all metadata, as the prose says; the schema forgot it', {
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
  dispute(
    withHeaders('a body that is no UTF-8', {}, `${GOOD}&metadata[a]=%ff`),
    'stripe-mock, in Go, takes any bytes',
    {
      fake: 400,
      mock: 200,
    },
  ),
  dispute(withHeaders('a name that does not end', {}, 'amount[=1&currency=usd'), 'stripe-mock guesses what was meant', {
    fake: 400,
    mock: 200,
  }),
  dispute(withHeaders('a parameter without a name', {}, `${GOOD}&=`), 'stripe-mock drops it', { fake: 400, mock: 200 }),
  {
    ...dispute(
      withHeaders('an idempotency key with other parameters', { 'idempotency-key': 'k1' }, 'amount=200&currency=usd'),
      'stripe-mock remembers nothing',
      { fake: 400, mock: 200 },
    ),
    before: withHeaders('first', { 'idempotency-key': 'k1' }),
  },
  dispute(
    withHeaders('an idempotency key of 256 characters', { 'idempotency-key': 'k'.repeat(256) }),
    'stripe-mock reads no idempotency keys',
    { fake: 400, mock: 200 },
  ),
  dispute(at('GET', '/v1/payment_intents/pi_unknown'), 'stripe-mock remembers nothing, and finds everything', {
    fake: 404,
    mock: 200,
  }),
  dispute(at('GET', '/v1/payment_intents'), 'lists are not modelled', { fake: 404, mock: 200 }),
];
