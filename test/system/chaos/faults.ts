import type { Effect, Fault, StrayContent } from '../../../src/fake-stripe/server.ts';
import type { Random } from './random.ts';

/** The share of calls to Stripe that fail. With three attempts per order, one in five then needs a retry by the client. */
const FAULT_RATE = 0.6;

/**
 * Chooses the fault of one call to Stripe; undefined for a call that succeeds.
 *
 * Left out is an execution that breaks at Stripe and is kept under its key (effect `failed`): by Stripe's rules no retry
 * with that key ever succeeds, so that no client could be promised a final response.
 */
export function chooseFault(random: Random): Fault | undefined {
  if (!random.chance(FAULT_RATE)) return undefined;
  const kind = random.pick(WEIGHTED);
  return FAULTS[kind](random, random.pick<Effect>(['none', 'kept']));
}

type Faults = { [Kind in Fault['kind']]: (random: Random, effect: Effect) => Fault & { kind: Kind } };

const FAULTS: Faults = {
  status: (random, effect) => ({
    kind: 'status',
    status: random.pick([400, 401, 402, 403, 404, 409, 424, 429, 500, 500, 502, 503, 503, 504]),
    effect,
    headers: random.pick([{}, {}, { 'Retry-After': '1' }, { 'Stripe-Should-Retry': 'true' }]),
  }),
  delay: (random, effect) => ({ kind: 'delay', delayMs: random.integer(10, 2_500), effect }),
  hang: (_random, effect) => ({ kind: 'hang', effect }),
  reset: (_random, effect) => ({ kind: 'reset', effect }),
  close: (_random, effect) => ({ kind: 'close', effect }),
  drip: (random) => ({
    kind: 'drip',
    part: random.pick(['all', 'body']),
    bytes: random.integer(20, 200),
    everyMs: random.integer(5, 60),
  }),
  truncated: () => ({ kind: 'truncated' }),
  wrongLength: () => ({ kind: 'wrongLength' }),
  raw: (random, effect) => ({
    kind: 'raw',
    status: random.pick([200, 200, 400, 404, 500, 502]),
    contentType: random.pick(['application/json', 'text/html']),
    body: random.pick(['42', '"ok"', 'true', 'null', '{}', '[]', '', '{"id": "pi_', '<h1>Bad gateway</h1>']),
    effect,
  }),
  anotherIntent: (random) => ({ kind: 'anotherIntent', sameAmount: random.chance(0.7) }),
  strayResponse: (random) => ({
    kind: 'strayResponse',
    stray: { ...random.pick(STRAYS), echo: random.pick(['none', 'none', 'another']) },
    when: random.pick(['before', 'before', 'with', { laterMs: random.integer(0, 50) }]),
  }),
  huge: () => ({ kind: 'huge', mebibytes: 2 }),
  redirect: (random) => ({ kind: 'redirect', status: random.pick([301, 302, 307]), location: 'http://127.0.0.1:1/' }),
  headersFlood: () => ({ kind: 'headersFlood', kibibytes: 40 }),
};

/** Includes every error that would be reported to the caller if it belonged to the caller's request. */
const STRAYS: readonly StrayContent[] = [
  { sameAmount: true },
  { sameAmount: false },
  { error: { status: 400, code: 'amount_too_small', param: 'amount' } },
  { error: { status: 400, param: 'allowed_payment_method_types' } },
  { error: { status: 400, param: 'metadata' } },
  { error: { status: 400, type: 'idempotency_error' } },
  { error: { status: 402 } },
  { error: { status: 404, code: 'resource_missing' } },
  { error: { status: 409, code: 'idempotency_key_in_use' } },
  { error: { status: 429 } },
  { error: { status: 500 } },
];

/** Each kind, repeated by its weight. Faults that take seconds are rare, or there would be few orders. */
const WEIGHTED: readonly Fault['kind'][] = (
  [
    ['status', 24],
    ['delay', 8],
    ['hang', 1],
    ['reset', 12],
    ['close', 8],
    ['drip', 4],
    ['truncated', 6],
    ['wrongLength', 6],
    ['raw', 12],
    ['anotherIntent', 10],
    ['strayResponse', 14],
    ['huge', 1],
    ['redirect', 2],
    ['headersFlood', 4],
  ] as const
).flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));
