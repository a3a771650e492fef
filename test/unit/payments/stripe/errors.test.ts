import { describe, expect, it } from 'vitest';
import {
  classifyFailure,
  isOutOfSync,
  isRetriable,
  logFields,
  type Failure,
} from '../../../../src/payments/stripe/errors.ts';

type ErrorResponse = Pick<Failure, 'statusCode' | 'type' | 'code' | 'param'>;

const refused = { outcome: 'refused', reason: '', headers: {} } as const;

describe('classifyFailure', () => {
  it.each([
    [{ statusCode: 400, code: 'amount_too_small', param: 'amount' }, 'amountTooSmall'],
    [{ statusCode: 400, code: 'amount_too_large', param: 'amount' }, 'amountTooLarge'],
    [{ statusCode: 400, param: 'allowed_payment_method_types' }, 'methodTypesRefused'],
    [{ statusCode: 400, param: 'allowed_payment_method_types[0]' }, 'methodTypesRefused'],
    [{ statusCode: 400, param: 'payment_method_types' }, 'methodTypesRefused'],
    [{ statusCode: 400, param: 'payment_method_types[11]' }, 'methodTypesRefused'],
    [{ statusCode: 400, code: 'payment_method_unactivated' }, 'methodTypesRefused'],
    [{ statusCode: 400, code: 'payment_method_unsupported_type' }, 'methodTypesRefused'],
    [{ statusCode: 400, param: 'metadata' }, 'metadataRefused'],
    [{ statusCode: 400, param: 'metadata[a b]' }, 'metadataRefused'],
    [{ statusCode: 400, type: 'idempotency_error' }, 'keyReused'],
    [{ statusCode: 409 }, 'keyInUse'],
    [{ statusCode: 409, type: 'idempotency_error' }, 'keyInUse'],
    [{ statusCode: 400, type: 'idempotency_error', code: 'idempotency_key_in_use' }, 'keyInUse'],
    [{ statusCode: 429 }, 'unavailable'],
    [{ statusCode: 429, code: 'lock_timeout' }, 'unavailable'],
    [{ statusCode: 400, code: 'lock_timeout' }, 'unavailable'],
    [{ statusCode: 409, code: 'lock_timeout' }, 'unavailable'],
    [{ statusCode: 400, code: 'rate_limit' }, 'unavailable'],
    [{ statusCode: 500 }, 'unavailable'],
    [{ statusCode: 503, type: 'api_error' }, 'unavailable'],
    [{ statusCode: 599 }, 'unavailable'],
    [{ statusCode: 400 }, 'broken'],
    [{ statusCode: 400, param: 'amount' }, 'broken'],
    [{ statusCode: 400, param: 'metadata_of_mine' }, 'broken'],
    [{ statusCode: 400, code: 'toString', param: 'constructor' }, 'broken'],
    [{ statusCode: 401, type: 'invalid_request_error' }, 'broken'],
    [{ statusCode: 402, type: 'card_error', param: 'metadata' }, 'broken'],
    [{ statusCode: 403 }, 'broken'],
    [{ statusCode: 404, code: 'amount_too_small' }, 'broken'],
    [{ statusCode: 422 }, 'broken'],
    [{ statusCode: 302 }, 'broken'],
  ] satisfies [ErrorResponse, string][])('classifies %o as %s', (response, fault) => {
    expect(classifyFailure({ outcome: 'refused', ...response })).toBe(fault);
  });

  it.each([
    ['unreachable', undefined, 'unavailable'],
    ['timeout', 200, 'unavailable'],
    ['cut', 200, 'unavailable'],
    ['mismatched', 200, 'broken'],
    ['unattributed', 400, 'unavailable'],
    ['unattributed', 402, 'unavailable'],
    ['unattributed', 404, 'unavailable'],
    ['unattributed', 409, 'unavailable'],
    ['unattributed', 429, 'unavailable'],
    ['unattributed', 500, 'unavailable'],
    ['unattributed', 401, 'broken'],
    ['unattributed', 403, 'broken'],
    ['unsent', undefined, 'broken'],
    ['unusable', 200, 'broken'],
    ['unusable', 302, 'broken'],
    ['unusable', 403, 'broken'],
    ['unusable', 429, 'unavailable'],
    ['unusable', 502, 'unavailable'],
  ] as const)('classifies %s (%s) as %s', (outcome, statusCode, fault) => {
    expect(classifyFailure({ outcome, statusCode })).toBe(fault);
  });
});

describe('isRetriable', () => {
  it.each([
    { statusCode: 500 },
    { statusCode: 503 },
    { statusCode: 409 },
    { statusCode: 429, code: 'lock_timeout' },
    { statusCode: 400, code: 'idempotency_key_in_use' },
    { statusCode: 429, headers: { 'stripe-should-retry': 'true' } },
    { statusCode: 400, headers: { 'stripe-should-retry': 'true' } },
  ])('repeats a temporary refusal: %o', (response) => {
    expect(isRetriable({ ...refused, ...response })).toBe(true);
  });

  it.each([
    { statusCode: 400 },
    { statusCode: 401 },
    { statusCode: 402 },
    { statusCode: 429 },
    { statusCode: 500, headers: { 'stripe-should-retry': 'false' } },
    { statusCode: 409, headers: { 'stripe-should-retry': 'false' } },
  ])('does not repeat a final refusal: %o', (response) => {
    expect(isRetriable({ ...refused, ...response })).toBe(false);
  });

  it.each([
    ['unreachable', undefined, true],
    ['timeout', undefined, true],
    ['cut', 200, true],
    ['mismatched', 200, true],
    ['unusable', 200, true],
    ['unusable', 403, true],
    ['unusable', 502, true],
    ['unusable', undefined, true],
    ['unusable', 299, true],
    ['unusable', 300, false],
    ['unusable', 301, false],
    ['unusable', 399, false],
    ['unusable', 400, true],
    ['unsent', undefined, false],
  ] as const)('%s (%s): %s', (outcome, statusCode, repeated) => {
    expect(isRetriable({ outcome, reason: '', statusCode, headers: {} })).toBe(repeated);
  });

  it.each([
    [{ statusCode: 400 }, true],
    [{ statusCode: 401 }, true],
    [{ statusCode: 409 }, true],
    [{ statusCode: 500 }, true],
    [{ statusCode: 400, headers: { 'stripe-should-retry': 'false' } }, true],
    [{ statusCode: 500, headers: { 'stripe-should-retry': 'false' } }, true],
    [{ statusCode: 429 }, false],
    [{ statusCode: 429, code: 'lock_timeout' }, true],
    [{ statusCode: 429, headers: { 'stripe-should-retry': 'true' } }, true],
  ])('repeats an error that does not name our key, except for a rate limit: %o %s', (error, repeated) => {
    expect(isRetriable({ outcome: 'unattributed', reason: '', headers: {}, ...error })).toBe(repeated);
  });

  it('repeats after a response that was cut, even where its header says not to retry', () => {
    const headers = { 'stripe-should-retry': 'false' };
    expect(isRetriable({ outcome: 'cut', reason: '', statusCode: 200, headers })).toBe(true);
  });
});

describe('isOutOfSync', () => {
  it.each([
    ['mismatched', 200, true],
    ['mismatched', 500, true],
    ['unattributed', 400, true],
    ['unattributed', 401, true],
    ['unattributed', 409, true],
    ['unattributed', 429, false],
    ['unattributed', 500, false],
    ['unattributed', 503, false],
    ['refused', 400, false],
    ['cut', 200, false],
    ['unusable', 200, false],
  ] as const)('%s (%s): %s', (outcome, statusCode, expected) => {
    expect(isOutOfSync({ outcome, statusCode })).toBe(expected);
  });
});

describe('logFields', () => {
  it('keeps identifiers', () => {
    const response = { statusCode: 400, type: 'invalid_request_error', code: 'parameter_unknown', param: 'amount' };
    expect(logFields({ ...refused, ...response, headers: { 'request-id': 'req_1' } })).toEqual({
      ...response,
      requestId: 'req_1',
    });
  });

  it('has no keys for missing values', () => {
    expect(Object.keys(logFields(refused))).toEqual([]);
  });

  it("drops the caller's metadata keys", () => {
    expect(logFields({ ...refused, param: 'metadata[jane@example.com]' })).toEqual({ param: 'metadata' });
  });

  it('drops sentences and line breaks', () => {
    const headers = { 'request-id': 'req_1\n{"level":60}' };
    expect(logFields({ ...refused, type: 'Invalid API Key: sk_test_****', code: 'a b', headers })).toEqual({});
  });
});
