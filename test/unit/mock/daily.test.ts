/** The features of the mock beyond the contract, for developers of pages. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { operations, scenarios } from '../../support/contractDocument.ts';
import { send, type WireResponse } from '../../support/exchange.ts';
import { mocking, createPayment, type OwnMock } from '../../support/mocking.ts';

let mock: OwnMock;
let slow: OwnMock;
let failing: OwnMock;
let fresh: OwnMock;
beforeAll(async () => {
  [mock, slow, failing, fresh] = await Promise.all([
    mocking(),
    mocking({ LATENCY_MS: '150-200' }),
    mocking({ ERROR_RATE: '0.5' }),
    mocking({ DYNAMIC: '1' }),
  ]);
});
afterAll(() => Promise.all([mock, slow, failing, fresh].map(({ close }) => close())));

const post = (headers: Record<string, string> = {}, changes = {}, { url }: OwnMock = mock) =>
  send(url, createPayment(headers, changes));
const secretIn = ({ text }: WireResponse): string =>
  (JSON.parse(text) as { data: { paymentIntentSecret: string } }).data.paymentIntentSecret;

async function timed(sendIt: () => Promise<WireResponse>) {
  const startedAt = performance.now();
  const { status } = await sendIt();
  return { status, ms: performance.now() - startedAt };
}

describe('a scenario of the contract', () => {
  it.each(scenarios)(
    'is selected by its name: $operation.operationId, Mock-Scenario: $example',
    async ({ operation, example, status, body }) => {
      const response = await post({ 'Mock-Scenario': example }, { path: operation.path });
      expect({ status: response.status, body: JSON.parse(response.text) as object }).toEqual({ status, body });
      expect(response.headers['mock-scenario']).toBe(example);
    },
  );

  it.each([
    [
      { 'Mock-Scenario': 'amountTooBig' },
      'Mock-Scenario: amountTooBig: createPaymentIntent has no such scenario; did you mean amountTooLarge?',
    ],
    [
      { 'Mock-Scenario': 'setupCreated' },
      'Mock-Scenario: setupCreated: createPaymentIntent has no such scenario; setupCreated is a scenario of createSetupIntent',
    ],
    [{ Prefer: 'code=418' }, 'Prefer: code=418: createPaymentIntent has no such scenario'],
    [
      { Prefer: 'code=200, example=amountTooSmall' },
      'Prefer: code=200, example=amountTooSmall: createPaymentIntent has no such scenario; amountTooSmall has the status 400',
    ],
  ])('that is unknown gets a 400 with the reason and the list: %o', async (headers, reason) => {
    const { status, text, headers: received } = await post(headers);
    expect(status).toBe(400);
    expect(received['mock-reason']).toBe(reason);
    const { success, message } = JSON.parse(text) as { success: boolean; message: string };
    expect({ success, message }).toEqual({
      success: false,
      message: expect.stringMatching(/Scenarios of createPaymentIntent: 200 created, .*, 503 providerUnavailable$/),
    });
    expect(message.startsWith(reason)).toBe(true);
  });

  it('that is a failure has the reason that it was chosen', async () => {
    const { headers } = await post({ Prefer: 'code=503' });
    expect(headers['mock-reason']).toBe('chosen by Prefer: code=503');
  });
});

const list = (headers: Record<string, string> = {}, method = 'GET', query = '') =>
  send(mock.url, {
    method,
    path: `/_mock/scenarios${query}`,
    headers: Object.entries({ Host: new URL(mock.url).host, ...headers }),
  });

describe('the list of scenarios', () => {
  it('is JSON, with every scenario and a command for each', async () => {
    const { status, text } = await list();
    const { operations: listed } = JSON.parse(text) as {
      operations: { operation: string; scenarios: { example: string; curl: string }[] }[];
    };
    expect(status).toBe(200);
    expect(listed.flatMap((one) => one.scenarios.map(({ example }) => [one.operation, example]))).toEqual(
      scenarios.map(({ operation, example }) => [operation.operationId, example]),
    );
    for (const [index, { path }] of operations.entries()) {
      expect(listed[index]!.scenarios.at(-1)!.curl).toContain(
        `curl -X POST ${mock.url}${path} \\\n  -H 'cv-api-key: any'`,
      );
    }
  });

  it('ignores a query, and varies by Accept', async () => {
    const [one, other] = [await list(), await list({ Accept: 'application/json' }, 'GET', '?x=1')];
    expect(other.text).toBe(one.text);
    expect(one.headers['vary']).toBe('Accept');
    expect(one.headers).not.toHaveProperty('mock-scenario');
  });

  it('is a page where Accept prefers HTML, without external resources', async () => {
    const { headers, text } = await list({ Accept: 'text/html,*/*;q=0.8' });
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const [, nonce] = /<style nonce="([^"]{24})">/.exec(text)!;
    expect(headers['content-security-policy']).toContain(`style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; `);
    expect((await list({ Accept: 'text/html' })).text).not.toContain(nonce);
    expect(text).toContain('<code>providerUnavailable</code>');
    expect(text).not.toMatch(/(src|href)="?https?:/);
  });

  it('has one path, with GET and HEAD: others are unknown as on the live server', async () => {
    const elsewhere = await send(mock.url, { method: 'GET', path: '/_mock', headers: [['Host', 'mock.test']] });
    expect([await list({}, 'POST'), elsewhere]).toMatchObject([{ status: 404 }, { status: 404 }]);
    expect(await list({}, 'HEAD')).toMatchObject({ status: 200, text: '', headers: { vary: 'Accept' } });
  });
});

describe('latency', () => {
  it('is LATENCY_MS, for refusals too', async () => {
    for (const body of ['{"amount":1}', '{}']) {
      const { ms } = await timed(() => post({}, { body }, slow));
      expect(ms).toBeGreaterThanOrEqual(149);
    }
  });

  it('is that of Mock-Latency for one request', async () => {
    const { ms } = await timed(() => post({ 'Mock-Latency': '120' }));
    expect(ms).toBeGreaterThanOrEqual(119);
  });

  it('does not delay the list, the docs or a preflight', async () => {
    const endless = await mocking({ LATENCY_MS: '20000' });
    const isPreflight = { Origin: 'http://localhost:5173', 'Access-Control-Request-Method': 'POST' };
    const responses = await Promise.all([
      send(endless.url, { method: 'GET', path: '/_mock/scenarios', headers: [['Host', 'mock.test']] }),
      send(endless.url, { method: 'GET', path: '/docs', headers: [['Host', 'mock.test']] }),
      post(isPreflight, { method: 'OPTIONS', body: undefined }, endless),
    ]);
    await endless.close();
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 204]);
  });

  it('does not delay the end of the mock', async () => {
    const ending = await mocking();
    const pending = post({ 'Mock-Latency': '20000' }, {}, ending).catch(() => 'cut');
    // By then the first has come, too.
    await post({}, {}, ending);
    const startedAt = performance.now();
    await ending.close();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(await pending).toBe('cut');
  });
});

const statuses = async (count: number, headers = {}, of = mock) =>
  Promise.all(Array.from({ length: count }, async () => (await post(headers, {}, of)).status));

describe('failures', () => {
  it('occur at ERROR_RATE, with statuses that a client should retry', async () => {
    const seen = await statuses(200, {}, failing);
    const good = seen.filter((status) => status === 200).length;
    // Seven standard deviations on either side of 100.
    expect(good).toBeGreaterThan(50);
    expect(good).toBeLessThan(150);
    expect(new Set(seen)).toEqual(new Set([200, 429, 500, 503]));
  });

  it('occur at Mock-Error-Rate for one request', async () => {
    expect(await statuses(20, { 'Mock-Error-Rate': '1' })).not.toContain(200);
    expect(new Set(await statuses(20, { 'Mock-Error-Rate': '0' }, failing))).toEqual(new Set([200]));
  });

  it('do not replace a selected scenario', async () => {
    expect(await statuses(5, { 'Mock-Error-Rate': '1', 'Mock-Scenario': 'created' })).toEqual([
      200, 200, 200, 200, 200,
    ]);
    expect(await statuses(2, { 'Mock-Error-Rate': '1', Prefer: 'code=200' })).toEqual([200, 200]);
  });
});

it('reports all invalid headers of its own at once', async () => {
  const { status, text } = await post({ 'Mock-Latency': 'slow', 'Mock-Error-Rate': '10%' });
  expect(status).toBe(400);
  expect((JSON.parse(text) as { message: string }).message).toBe(
    'Mock-Latency: expected milliseconds such as 300 or 100-800, at most 20000, got "slow"; ' +
      'Mock-Error-Rate: expected a share from 0 to 1 such as 0.1, got "10%"',
  );
});

describe('a refusal', () => {
  it.each<[string, object, string, string]>([
    ['the rule', { body: '{"amount":0.1}' }, 'amountTooSmall', 'body/amount must be >= 0.5'],
    ['what is missing', { body: '{}' }, 'amountRequired', "body must have required property 'amount'"],
    ['where the JSON ends', { body: '{"amount":' }, 'invalidBody', 'Unexpected end of JSON input'],
    ['which key', { body: '{"amount":1,"metadata":{"a":1}}' }, 'invalidMetadata', 'body/metadata/a must be string'],
    [
      'the nearest path',
      { path: '/api/v1/payment/intents?x=1' },
      'notFound',
      'unknown path; did you mean /api/v1/payments/intent?',
    ],
    [
      'all paths, if none is near',
      { path: '/other' },
      'notFound',
      'unknown path; this API has POST /api/v1/payments/intent, POST /api/v1/payments/setup',
    ],
    ['the method', { method: 'PUT' }, 'methodNotAllowed', 'this path has the method POST, not PUT'],
  ])('has %s in Mock-Reason, and the body of the contract', async (_what, changes, example, reason) => {
    const { headers, text } = await post({}, changes);
    expect({ scenario: headers['mock-scenario'], reason: headers['mock-reason'] }).toEqual({
      scenario: example,
      reason,
    });
    expect(JSON.parse(text)).toEqual(scenarios.find((scenario) => scenario.example === example)!.body);
  });

  it('has a reason without a key, too', async () => {
    const { headers } = await post({ 'cv-api-key': '' });
    expect(headers['mock-reason']).toBe('Unauthorized: missing, empty, repeated or unknown');
  });

  it.each([
    ['lines', '{"amount":1,"metadata":{"a\\r\\nSet-Cookie: x":1}}'],
    ['other alphabets', '{"amount":1,"metadata":{"ключ 🔑":1}}'],
    ['half a character', String.raw`{"amount":1,"metadata":{"\ud800":1}}`],
    ['no end', `{"amount":1,"metadata":{"${'k'.repeat(100_000)}":1}}`],
    [
      'many faults',
      `{"amount":1,"metadata":${JSON.stringify(Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`[${n}`, n])))}}`,
    ],
  ])('for metadata keys with %s has a reason of one short line of ASCII', async (_what, body) => {
    const { status, headers } = await post({}, { body });
    expect(status).toBe(400);
    expect(headers['mock-reason']).toMatch(/^[\x20-\x7e]{1,403}$/);
    expect(headers['set-cookie']).toBeUndefined();
  });

  it('exposes its reason to a page', async () => {
    const { headers } = await post({ Origin: 'http://localhost:5173' }, { body: '{}' });
    expect(headers['access-control-expose-headers']).toMatch(/Retry-After.*Mock-Scenario, Mock-Reason$/);
  });

  it('is none: a success has no reason', async () => {
    const { headers } = await post();
    expect(headers).not.toHaveProperty('mock-reason');
  });
});

describe('data', () => {
  const SECRET = /^pi_3[A-Za-z0-9]{23}_secret_C[A-Za-z0-9]{24}$/;

  it('is that of the example by default', async () => {
    const [one, other] = [await post(), await post()];
    expect(one.text).toBe(other.text);
  });

  it('is random with DYNAMIC=1: a well-formed secret, a different one each time', async () => {
    const secrets = await Promise.all(Array.from({ length: 50 }, async () => secretIn(await post({}, {}, fresh))));
    expect(secrets.filter((secret) => !SECRET.test(secret))).toEqual([]);
    expect(new Set(secrets).size).toBe(50);
  });

  it('is random for one request with Prefer: dynamic=true, and not with dynamic=false', async () => {
    const example = secretIn(await post());
    expect(secretIn(await post({ Prefer: 'dynamic=true' }))).not.toBe(example);
    expect(secretIn(await post({ Prefer: 'dynamic=false' }, {}, fresh))).toBe(example);
  });

  it('is not changed in failures', async () => {
    expect((await post({ 'Mock-Scenario': 'providerUnavailable' }, {}, fresh)).text).toBe(
      '{"success":false,"message":"Payment provider is unavailable"}',
    );
  });
});

it('reports each handled request', async () => {
  const watched = await mocking();
  await post({}, { body: '{"amount":0.1}', path: '/api/v1/payments/intent?secret=canary' }, watched);
  await post({}, { method: 'GET', path: '/_mock/scenarios', body: undefined }, watched);
  await post({}, {}, watched);
  await vi.waitUntil(() => watched.handled.length === 3);
  const durationMs = expect.any(Number);
  const [path, none] = ['/api/v1/payments/intent', undefined];
  expect(watched.handled).toEqual([
    {
      method: 'POST',
      path,
      status: 400,
      scenario: 'amountTooSmall',
      reason: 'body/amount must be >= 0.5',
      durationMs,
    },
    { method: 'GET', path: '/_mock/scenarios', status: 200, scenario: none, reason: none, durationMs },
    { method: 'POST', path, status: 200, scenario: 'created', reason: none, durationMs },
  ]);
  await watched.close();
});

/** The line that a part of a text stands in, from 1. */
const readLine = (text: string, part: string) => text.slice(0, text.indexOf(part)).split('\n').length;

describe('a faulty edit is shown with file and line', () => {
  it.each<[string, (text: string) => string, string, string]>([
    ['no YAML', (text) => text.replace('title: Payments API', 'title: a: b'), 'title: a: b', 'Nested mappings'],
    [
      'a rule without a problem',
      (text) => text.replace('minimum: amountTooSmall', ''),
      '      minimum: 0.5',
      'x-problems names no 400 example for minimum',
    ],
    [
      'an example that breaks its schema',
      (text) => text.replace('message: Amount is required', 'message: 1'),
      'message: 1',
      'amountRequired',
    ],
    [
      'a reference that leads nowhere',
      (text) => text.replace("'#/components/responses/NotFound'", "'#/components/responses/Lost'"),
      "'#/components/responses/Lost'",
      'unresolved $ref',
    ],
  ])('%s', async (_what, edit, where, reason) => {
    const edited = await mocking();
    const text = edit(edited.text);
    expect(text).not.toBe(edited.text);
    await writeFile(edited.file, text);
    const line = await vi.waitUntil(() => edited.log.find((one) => one.includes(reason)), { timeout: 5_000 });
    const [, place] = /openapi\.yaml:(\d+):\d+ /.exec(line) ?? [];
    expect(Number(place)).toBe(readLine(text, where));
    expect((await post({}, {}, edited)).status).toBe(200);
    await edited.close();
  });
});
