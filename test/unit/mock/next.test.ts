/** Scenarios of requests that the test does not send itself, and so can't give a header to. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPayment, mocking, type OwnMock } from '../../support/mocking.ts';
import { send } from '../../support/exchange.ts';

let mock: OwnMock;
let broken: OwnMock;
beforeAll(async () => {
  [mock, broken] = await Promise.all([mocking(), mocking({ SCENARIO: 'amountTooSmall' })]);
});
afterAll(() => Promise.all([mock.close(), broken.close()]));

const post = async (headers: Record<string, string> = {}, changes = {}, { url } = mock) => {
  const { status, headers: received } = await send(url, createPayment(headers, changes));
  return { status, scenario: received['mock-scenario'], reason: received['mock-reason'] };
};
const setup = { path: '/api/v1/payments/setup', body: '{}' };
const next = (body: unknown, method = 'PUT') =>
  send(mock.url, {
    method,
    path: '/_mock/next',
    headers: [['Host', 'mock.test']],
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
const metadata = (name: string) => ({ body: JSON.stringify({ amount: 1, metadata: { mock_scenario: name } }) });

beforeEach(() => next(undefined, 'DELETE'));

const created = { status: 200, scenario: 'created', reason: undefined };
const unavailable = { status: 503, scenario: 'providerUnavailable', reason: 'chosen by next' };

describe('PUT /_mock/next', () => {
  it('sets the scenario of the next valid request', async () => {
    expect(await next({ scenario: 'providerUnavailable' })).toMatchObject({ status: 204, text: '' });
    expect(await post({}, { body: '{}' })).toMatchObject({ status: 400, scenario: 'amountRequired' });
    expect(await post()).toEqual(unavailable);
    expect(await post()).toEqual(created);
  });

  it('sets it for several', async () => {
    await next({ scenario: 'providerUnavailable', times: 2 });
    expect([await post(), await post(), await post()]).toEqual([unavailable, unavailable, created]);
  });

  it('sets a sequence', async () => {
    await next({ scenario: ['providerUnavailable', 'created', 'tooManyRequests'] });
    expect([await post(), await post(), await post(), await post()]).toMatchObject([
      { status: 503 },
      { status: 200 },
      { status: 429 },
      { status: 200 },
    ]);
  });

  it('replaces what was set before', async () => {
    await next({ scenario: 'providerUnavailable', times: 5 });
    await next({ scenario: 'internalError' });
    expect([await post(), await post()]).toMatchObject([{ status: 500 }, { status: 200 }]);
  });

  it('waits for an operation that has the scenario, or for the one named', async () => {
    await next({ scenario: 'amountTooSmall' });
    expect([await post({}, setup), await post()]).toMatchObject([{ status: 200 }, { status: 400 }]);
    await next({ scenario: 'providerUnavailable', operation: 'createSetupIntent' });
    expect([await post(), await post({}, setup)]).toMatchObject([{ status: 200 }, { status: 503 }]);
  });

  it('is for requests that ask for nothing: a header comes first, and takes none', async () => {
    await next({ scenario: 'providerUnavailable' });
    expect(await post({ 'Mock-Scenario': 'internalError' })).toMatchObject({ status: 500 });
    expect(await post({}, metadata('tooManyRequests'))).toMatchObject({ status: 429 });
    expect(await post()).toEqual(unavailable);
  });

  it.each<[unknown, string]>([
    [{ scenario: 'amountTooSmal' }, 'scenario: unknown amountTooSmal; did you mean amountTooSmall?'],
    [{ scenario: ['created', 'creatd'] }, 'scenario: unknown creatd; did you mean created?'],
    [{ scenario: 'setupCreated', operation: 'createPaymentIntent' }, 'scenario: unknown setupCreated'],
    [
      { scenario: 'created', operation: 'createPayment' },
      'operation: unknown createPayment; did you mean createPaymentIntent?',
    ],
    [{ scenario: 'created', operation: 1 }, 'operation: expected a name'],
    [{ scenario: 'created', time: 2 }, 'time: unknown field; did you mean times?'],
    [{ scenario: 'created', times: 0 }, 'times: expected a whole number from 1 to 10000, got 0'],
    [{ scenario: 'created', times: 1.5 }, 'times: expected a whole number from 1 to 10000, got 1.5'],
    [{ scenario: 'created', times: '2' }, 'times: expected a number'],
    [{ scenario: [] }, 'scenario: expected a name, or a list of names'],
    [{}, 'scenario: expected a name, or a list of names'],
    ['[]', 'expected JSON such as {"scenario": "providerUnavailable", "times": 2}'],
    ['scenario=created', 'expected JSON such as {"scenario": "providerUnavailable", "times": 2}'],
    [undefined, 'expected JSON such as {"scenario": "providerUnavailable", "times": 2}'],
  ])('refuses %j, and keeps what was set', async (body, reason) => {
    await next({ scenario: 'internalError' });
    const { status, headers, text } = await next(body);
    expect(status).toBe(400);
    expect(headers['mock-reason']).toBe(reason);
    expect(JSON.parse(text)).toEqual({ success: false, message: headers['mock-reason'] });
    expect(await post()).toMatchObject({ status: 500 });
  });
});

describe('DELETE /_mock/next', () => {
  it('resets the mock: the scenarios of the next requests, and the idempotency keys', async () => {
    const key = { 'Idempotency-Key': 'order-1' };
    await post(key);
    await next({ scenario: 'providerUnavailable', times: 3 });
    expect(await next(undefined, 'DELETE')).toMatchObject({ status: 204, text: '' });
    expect(await post(key, { body: '{"amount":2}' })).toEqual(created);
  });
});

describe('metadata.mock_scenario', () => {
  it('is the scenario of its request', async () => {
    expect(await post({}, metadata('providerUnavailable'))).toEqual({
      status: 503,
      scenario: 'providerUnavailable',
      reason: 'chosen by metadata.mock_scenario: providerUnavailable',
    });
  });

  it('that is unknown is a 400 that names it, and the nearest name', async () => {
    expect(await post({}, metadata('providerUnavailible'))).toEqual({
      status: 400,
      scenario: 'invalidRequest',
      reason:
        'metadata.mock_scenario: providerUnavailible: createPaymentIntent has no such scenario; did you mean providerUnavailable?',
    });
  });

  it('comes after a header', async () => {
    expect(await post({ Prefer: 'code=500' }, metadata('providerUnavailable'))).toMatchObject({ status: 500 });
  });
});

describe('SCENARIO', () => {
  it('is the scenario of all valid requests to the operations that have it', async () => {
    const small = {
      status: 400,
      scenario: 'amountTooSmall',
      reason: 'chosen by the default scenario amountTooSmall',
    };
    expect([await post({}, {}, broken), await post({}, {}, broken)]).toEqual([small, small]);
    expect(await post({}, { body: '{}' }, broken)).toMatchObject({ status: 400, scenario: 'amountRequired' });
    expect(await post({}, setup, broken)).toMatchObject({ status: 200 });
  });

  it('comes after everything that a request asks for', async () => {
    expect(await post({ 'Mock-Scenario': 'created' }, {}, broken)).toEqual(created);
    expect(await post({}, metadata('created'), broken)).toEqual(created);
  });

  it('that is unknown stops the start, with the nearest name', async () => {
    await expect(mocking({ SCENARIO: 'amountTooSmal' })).rejects.toThrow(
      /scenario: unknown amountTooSmal; did you mean amountTooSmall\?$/,
    );
  });
});
