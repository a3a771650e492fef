import type { RunCheck } from './exchangeRecord.ts';
import type { Violation } from './judge.ts';

/** Headers that no response may have, whatever sends it. Others are free: gateways add theirs, a Server header among them. */
const FORBIDDEN: readonly (readonly [name: RegExp, value: RegExp, reason: string])[] = [
  [/^set-cookie$/, /^/, 'no cookies: the API key alone tells who calls'],
  [/^age$/, /[1-9]/, 'no response out of a cache'],
  [/^(request-id|original-request|idempotency-key|stripe-.+)$/, /^/, "none of Stripe's headers"],
  [/^access-control-allow-credentials$/, /true/, 'no credentials for browsers: the key belongs on a server'],
  [/^x-powered-by$/, /^/, 'no name of the software'],
  [/^/, /_secret_/, 'no client secret in a header'],
  [/^/, /\.(c|m)?(js|ts|py|rb|php|java|go|cs)\b:\d+/, 'no place in the code'],
];

/** Headers that give away a secret, or what is behind the API, or that let others mix up callers. */
export const findForbiddenHeaders: RunCheck = (records, { apiKey }) =>
  records.flatMap((record) => {
    const {
      'mock-scenario': scenario,
      'access-control-allow-credentials': _forPages,
      ...rest
    } = record.response?.headers ?? {};
    // The mock lets every page call: it has no secrets.
    const headers = Object.entries(scenario === undefined ? (record.response?.headers ?? {}) : rest);
    return headers
      .flatMap(([name, value]) => judgeHeader(name, [value ?? ''].flat().join(', '), apiKey))
      .map((violation) => ({ record, violation }));
  });

function judgeHeader(name: string, value: string, apiKey: string): Violation[] {
  if (value.includes(apiKey)) return [{ part: name, expected: 'no API key in a header', got: 'the key' }];
  const [, , reason] = FORBIDDEN.find(([names, values]) => names.test(name) && values.test(value)) ?? [];
  return reason === undefined ? [] : [{ part: name, expected: reason, got: JSON.stringify(value) }];
}
