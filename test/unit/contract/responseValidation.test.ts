import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { createResponseValidator, type SentResponse } from '../../../src/contract/responseValidation.ts';
import { openContract } from '../../../src/contract/engine.ts';
import { respondWithFirstExample } from '../../support/engine.ts';

const { operations } = await openContract(document, { notImplemented: respondWithFirstExample });

/** What the validation logs and counts for a response. */
function validate(response: Partial<SentResponse>) {
  const lines: { violations: string[] }[] = [];
  const counted: object[] = [];
  const check = createResponseValidator(operations, {
    logger: pino({ base: null, timestamp: false }, { write: (line) => void lines.push(JSON.parse(line)) }),
    metrics: { countViolation: (violation) => counted.push(violation) },
  });
  check({ ...good, ...response });
  return { violations: lines.flatMap((line) => line.violations), lines, counted };
}

const good: SentResponse = {
  requestId: 'r1',
  operation: 'createPaymentIntent',
  status: 400,
  headers: {
    'content-type': 'application/json; charset=utf-8',
    'x-request-id': 'r1',
    'cache-control': 'no-store',
    'x-error-code': 'amountRequired',
  },
  body: { success: false, message: 'Amount is required' },
};
const created = {
  status: 200,
  success: true,
  message: 'Payment intent created successfully',
  data: { paymentIntentSecret: 'pi_1_secret_2' },
};
const { 'cache-control': _, ...cacheable } = good.headers;

describe('a response that the contract allows', () => {
  it.each<[string, Partial<SentResponse>]>([
    ['a refusal', {}],
    ['a success', { status: 200, body: created }],
    ['a refusal without an operation', { operation: undefined, status: 404 }],
    ['JSON without a charset', { headers: { ...good.headers, 'content-type': 'application/json' } }],
    ['a text of digits in a header', { headers: { ...good.headers, 'x-request-id': '7' } }],
    ['a number in a header', { status: 503, headers: { ...good.headers, 'retry-after': '17' } }],
    ['headers that the contract does not name', { headers: { ...good.headers, vary: 'Origin' } }],
  ])('is neither logged nor counted: %s', (_what, response) => {
    expect(validate(response)).toEqual({ violations: [], lines: [], counted: [] });
  });
});

describe('a response that the contract does not allow', () => {
  it.each<[string, Partial<SentResponse>, string[]]>([
    ['another status', { status: 422 }, ['status: not documented']],
    ['another status without an operation', { operation: undefined, status: 500.5 }, ['status: not documented']],
    ['another operation', { operation: 'refund' }, ['operation: not in the contract']],
    [
      'another media type',
      { headers: { ...good.headers, 'content-type': 'text/html' } },
      ['header Content-Type: not JSON'],
    ],
    [
      'a media type that only ends like JSON',
      { headers: { ...good.headers, 'content-type': 'x-application/json' } },
      ['header Content-Type: not JSON'],
    ],
    ['a header too few', { headers: cacheable }, ['header Cache-Control: required']],
    [
      'a header with another value',
      { headers: { ...cacheable, 'cache-control': 'public' } },
      ['header Cache-Control: enum'],
    ],
    ...['soon', 'in 7', '7 s', ''].map((text): [string, Partial<SentResponse>, string[]] => [
      `a malformed number, "${text}"`,
      { status: 503, headers: { ...good.headers, 'retry-after': text } },
      ['header Retry-After: type'],
    ]),
    [
      'a number out of range',
      { status: 503, headers: { ...good.headers, 'retry-after': '0' } },
      ['header Retry-After: minimum'],
    ],
    ['no body', { body: undefined }, ['body: type']],
    ['a field too few', { body: { success: false } }, ['body: required']],
    [
      'a field too many',
      { body: { success: false, message: 'x', stack: 'sk_live_1' } },
      ['body: additionalProperties'],
    ],
    [
      'a secret of another shape',
      { status: 200, body: { ...created, data: { paymentIntentSecret: 'sk_live_1' } } },
      ['body/data/paymentIntentSecret: pattern'],
    ],
  ])('is logged with the violated rules: %s', (_what, response, violations) => {
    expect(validate(response).violations).toEqual(violations);
  });

  it('is logged and counted once, without any of its content', () => {
    const body = { ...created, data: { paymentIntentSecret: 'sk_live_1' }, email: 'a@b.c' };
    const { lines, counted } = validate({ status: 200, body });
    expect(lines).toEqual([
      {
        level: 50,
        requestId: 'r1',
        operation: 'createPaymentIntent',
        status: 200,
        violations: ['body: additionalProperties', 'body/data/paymentIntentSecret: pattern'],
        msg: 'response violates the contract',
      },
    ]);
    expect(counted).toEqual([{ operation: 'createPaymentIntent', status: 200 }]);
  });
});

it('prints nothing about a format that it does not know', async () => {
  const warn = vi.spyOn(console, 'warn');
  const dated = structuredClone(document);
  Object.assign(dated.components.schemas.Failure.properties.message, { format: 'a sentence' });
  const { operations: some } = await openContract(dated, { notImplemented: respondWithFirstExample });
  createResponseValidator(some, { logger: pino({ level: 'silent' }), metrics: { countViolation: () => {} } })(good);
  expect(warn).not.toHaveBeenCalled();
});
