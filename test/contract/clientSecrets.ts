import type { WireResponse } from '../support/exchange.ts';
import type { ExchangeRecord, RunCheck } from './exchangeRecord.ts';
import type { Violation } from './judge.ts';

const SECRET = /(?:pi|seti)_[A-Za-z0-9]+_secret_[A-Za-z0-9]+/;

/** The client secret of a success. */
export const findSecret = (response: WireResponse | undefined): string | undefined =>
  response?.status === 200 ? SECRET.exec(response.text)?.[0] : undefined;

/** Client secrets that belong to another call, replays that are none, and replays of which the response does not tell. */
export const findWrongSecrets: RunCheck = (records) => {
  const uses = Map.groupBy(records.flatMap(listSecrets), ({ secret }) => secret);
  const shared = [...uses.values()].filter((some) => new Set(some.map(({ call }) => call)).size > 1);
  const sharing = new Set(shared.flat().map(({ record }) => record));
  return [
    ...[...sharing].map((record) => ({ record, violation: SHARED })),
    ...records
      .filter(({ response, violations }) => response !== undefined && violations.length === 0)
      .flatMap((record) => [...judgeReplay(record), ...judgeFirst(record)].map((violation) => ({ record, violation }))),
  ];
};

const SHARED: Violation = {
  part: 'client secret',
  expected: 'that of an intent of this call alone',
  got: 'that of another call',
};

/** The secrets that a case received, each with its call: the requests that a replay belongs to are one call. */
function listSecrets(record: ExchangeRecord): { record: ExchangeRecord; call: unknown; secret: string }[] {
  const { known, response, first = [] } = record;
  const isOwn = (index: number) => known.replays && !known.first![index]!.isBetween;
  return [
    { one: response, call: known.replays ? record : response },
    ...first.map((one, index) => ({ one, call: isOwn(index) ? record : one })),
  ].flatMap(({ one, call }) => {
    const secret = findSecret(one);
    return secret === undefined ? [] : [{ record, call, secret }];
  });
}

function judgeReplay({ known, response, first = [], isRepeated }: ExchangeRecord): Violation[] {
  const got = response!.headers['idempotent-replayed'];
  if (!known.replays) {
    // A second request of ours can be a replay.
    const isFresh = known.creates && !isRepeated;
    return isFresh && got !== undefined
      ? [{ part: 'Idempotent-Replayed', expected: 'none for a new intent', got: JSON.stringify(got) }]
      : [];
  }
  const isSame = first.some(
    (one, index) => !known.first![index]!.isBetween && findSecret(one) === findSecret(response),
  );
  const expected = 'that of the first request with this key';
  return [
    ...(got === 'true' ? [] : [{ part: 'Idempotent-Replayed', expected: 'true', ...(got && { got: String(got) }) }]),
    ...(isSame ? [] : [{ part: 'client secret', expected, got: 'another' }]),
  ];
}

/** What comes before a replay or a conflict creates an intent, or is told to wait for another that does. */
function judgeFirst({ known, first = [] }: ExchangeRecord): Violation[] {
  if (known.first === undefined || known.creates) return [];
  return first
    .filter((one) => one !== undefined)
    .filter((one) => findSecret(one) === undefined && one.headers['x-error-code'] !== 'idempotencyKeyInUse')
    .map(({ status, text }) => ({
      part: 'first request',
      expected: 'a new intent, or 409 idempotencyKeyInUse',
      got: `${status} ${text}`,
    }));
}
