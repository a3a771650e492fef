/** The mock as a library, for the tests of frontend teams. */
import { afterAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import responses from '../../../generated/responses.json' with { type: 'json' };
import { startPaymentsMock, type PaymentsMockOptions, type ScenarioName } from '../../../src/mock/index.ts';
import { scenarios } from '../../support/contractDocument.ts';
import { freePort } from '../../support/freePort.ts';

const mock = await startPaymentsMock();
afterAll(() => mock.close());
beforeEach(() => mock.reset());

const HEADERS = { 'cv-api-key': 'any', 'Content-Type': 'application/json' };
const payment = (init: RequestInit = {}): RequestInit => ({
  method: 'POST',
  headers: HEADERS,
  body: '{"amount":1}',
  ...init,
});
const PATH = '/api/v1/payments/intent';
const statusOf = async (init?: RequestInit, path = PATH) => (await mock.fetch(path, payment(init))).status;

/** As from JavaScript. */
const startLoosely = (options: object) => startPaymentsMock(options);

describe('startPaymentsMock', () => {
  it('serves on a free port of this machine, and on a port of your own', async () => {
    expect(mock.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(mock.url + PATH, payment())).status).toBe(200);
    const port = await freePort();
    const other = await startPaymentsMock({ port });
    expect(other.url).toBe(`http://127.0.0.1:${port}`);
    await other.close();
    await expect(fetch(other.url)).rejects.toThrow('fetch failed');
    await expect(other.fetch(PATH)).rejects.toThrow('The mock is closed');
  });

  it.each<[PaymentsMockOptions, RequestInit, number]>([
    [{ apiKey: 'cv_only' }, {}, 401],
    [{ scenario: 'providerUnavailable' }, {}, 503],
    [{ errorRate: 1 }, {}, 0],
  ])('takes %o', async (options, init, status) => {
    const own = await startPaymentsMock(options);
    const response = await own.fetch(PATH, payment(init));
    expect(status === 0 ? [429, 500, 503] : [status]).toContain(response.status);
    await own.close();
  });

  it('refuses an unknown option or scenario, with the nearest name', async () => {
    await expect(startLoosely({ latency: 300 })).rejects.toThrow(/^latency: unknown option; did you mean latencyMs\?$/);
    await expect(startLoosely({ scenario: 'creatd' })).rejects.toThrow(
      /^scenario: unknown creatd; did you mean created\?$/,
    );
  });

  it('ends at once, whatever is in progress', async () => {
    const own = await startPaymentsMock({ latencyMs: 20_000 });
    const pending = own.fetch(PATH, payment()).then(
      () => 'response',
      () => 'closed',
    );
    await expect.poll(() => own.requests.length).toBe(1);
    await own.close();
    expect(await pending).toBe('closed');
  });
});

describe('mock.next', () => {
  it('fails twice, then succeeds', async () => {
    mock.next('providerUnavailable', { times: 2 });
    expect([await statusOf(), await statusOf(), await statusOf()]).toEqual([503, 503, 200]);
  });

  it('takes sequences, in one call or in several', async () => {
    mock.next(['providerUnavailable', 'created']).next('internalError');
    expect([await statusOf(), await statusOf(), await statusOf(), await statusOf()]).toEqual([503, 200, 500, 200]);
  });

  it('may be for one operation', async () => {
    mock.next('providerUnavailable', { operation: 'createSetupIntent' });
    expect([await statusOf(), await statusOf({ body: '{}' }, '/api/v1/payments/setup')]).toEqual([200, 503]);
  });

  it('throws for a name that the operation does not have', () => {
    expect(() => mock.next('amountTooSmal' as ScenarioName)).toThrow('scenario: unknown amountTooSmal; did you mean');
    expect(() => mock.next('created', { times: -1 })).toThrow('times: expected a whole number');
  });

  it('knows the names of the contract when it compiles', () => {
    expectTypeOf<'providerUnavailable' | 'created' | 'setupCreated'>().toExtend<ScenarioName>();
    expectTypeOf<'amountTooSmal'>().not.toExtend<ScenarioName>();
    expectTypeOf<'setupCreated'>().not.toExtend<ScenarioName<'createPaymentIntent'>>();
    expectTypeOf<'setupCreated'>().toExtend<ScenarioName<'createSetupIntent'>>();
    // @ts-expect-error: a scenario of the other operation
    expect(() => mock.next('setupCreated', { operation: 'createPaymentIntent' })).toThrow('scenario: unknown');
  });
});

describe('mock.requests', () => {
  it('has what was received, with the reason for a refusal', async () => {
    await mock.fetch(`${PATH}?page=1`, payment({ body: '{"amount":0.1}' }));
    await statusOf({ body: '{"amount":' });
    await statusOf({ headers: {} });
    await mock.fetch('/other');
    expect(mock.requests).toMatchObject([
      {
        method: 'POST',
        path: PATH,
        headers: { 'cv-api-key': 'any', 'content-type': 'application/json' },
        body: { amount: 0.1 },
        scenario: 'amountTooSmall',
        reason: 'body/amount must be >= 0.5',
      },
      { body: '{"amount":', scenario: 'invalidBody', reason: expect.stringContaining('JSON') },
      { body: undefined, scenario: 'invalidApiKey' },
      { method: 'GET', path: '/other', body: undefined, scenario: 'notFound' },
    ]);
  });

  it('does not list those to the pages of the mock', async () => {
    await mock.fetch('/_mock/scenarios');
    expect(mock.requests).toEqual([]);
  });

  it('are the last 1,000', async () => {
    for (let amount = 1; amount <= 1_001; amount++) await statusOf({ body: JSON.stringify({ amount }) });
    expect(mock.requests.length).toBe(1_000);
    expect(mock.requests[0]!.body).toEqual({ amount: 2 });
  });
});

const namesIn = ({ headers }: Response) => [...headers.keys()].filter((name) => !/connection|keep-alive/.test(name));

describe('mock.fetch', () => {
  it('responds without a socket, and as over one', async () => {
    const [own, other] = [await mock.fetch(PATH, payment()), await fetch(mock.url + PATH, payment())];
    expect(namesIn(own)).toEqual(namesIn(other));
    expect(await own.text()).toBe(await other.text());
  });

  it.each([
    ['a Request', new Request(`https://api.example.com${PATH}`, payment())],
    ['a URL', new URL(`https://api.example.com${PATH}`)],
    ['an absolute URL', `https://api.example.com${PATH}`],
    ['a path', PATH],
  ])('takes %s', async (_what, input) => {
    const init = input instanceof Request ? undefined : payment();
    expect((await mock.fetch(input, init)).status).toBe(200);
  });

  it('ends when its signal does, with the reason', async () => {
    const reason = new Error('too late');
    const controller = new AbortController();
    const pending = mock.fetch(
      PATH,
      payment({ headers: { ...HEADERS, 'Mock-Latency': '20000' }, signal: controller.signal }),
    );
    await expect.poll(() => mock.requests.length).toBe(1);
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    await expect(mock.fetch(PATH, payment({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
  });

  it('serves the pages of the mock, too', async () => {
    const list = (await (await mock.fetch('/_mock/scenarios')).json()) as { operations: unknown[] };
    expect(list.operations.length).toBeGreaterThan(0);
    expect(await (await mock.fetch('/_mock/scenarios', { method: 'HEAD' })).text()).toBe('');
    expect((await mock.fetch('/_mock/next', { method: 'DELETE' })).status).toBe(204);
  });
});

it('generated/responses.json has the responses of the contract', () => {
  const all = scenarios.map(({ operation: { operationId }, example, status, headers, body }) => [
    operationId,
    example,
    { status, headers, body },
  ]);
  const generated = Object.entries(responses).flatMap(([id, own]) =>
    Object.entries(own).map(([name, { status, headers, body }]) => [id, name, { status, headers, body }]),
  );
  expect(generated).toEqual(all);
});
