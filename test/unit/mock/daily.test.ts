/** What the mock can do beyond the contract: for those who build a page against it all day. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readMockConfig } from '../../../src/config.ts';
import { scenarios } from '../../support/contractDocument.ts';
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

const ask = (headers: Record<string, string> = {}, changes = {}, { url }: OwnMock = mock) =>
  send(url, createPayment(headers, changes));
const secretIn = ({ text }: WireResponse): string =>
  (JSON.parse(text) as { data: { paymentIntentSecret: string } }).data.paymentIntentSecret;

async function timed(asking: () => Promise<WireResponse>) {
  const startedAt = performance.now();
  const { status } = await asking();
  return { status, ms: performance.now() - startedAt };
}

describe('a scenario of the contract', () => {
  it.each(scenarios.map(({ example, status, body }) => [example, status, body] as const))(
    'answers to its name alone: Mock-Scenario: %s',
    async (example, status, body) => {
      const response = await ask({ 'Mock-Scenario': example });
      expect({ status: response.status, body: JSON.parse(response.text) as object }).toEqual({ status, body });
      expect(response.headers['mock-scenario']).toBe(example);
    },
  );

  it('that there is not gets a 400 with the list', async () => {
    const { status, text } = await ask({ 'Mock-Scenario': 'amountTooBig' });
    expect(status).toBe(400);
    expect(text).toContain('example=amountTooLarge');
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
    const [operation] = (JSON.parse(text) as { operations: { scenarios: { example: string; curl: string }[] }[] })
      .operations;
    expect(status).toBe(200);
    expect(operation!.scenarios.map(({ example }) => example)).toEqual(scenarios.map(({ example }) => example));
    expect(operation!.scenarios.at(-1)!.curl).toContain(
      `curl -X POST ${mock.url}/api/v1/payments/intent \\\n  -H 'cv-api-key: any'`,
    );
  });

  it('is the same at its address with a query, and says on what it depends', async () => {
    const [one, other] = [await list(), await list({ Accept: 'application/json' }, 'GET', '?x=1')];
    expect(other.text).toBe(one.text);
    expect(one.headers['vary']).toBe('Accept');
    expect(one.headers).not.toHaveProperty('mock-scenario');
  });

  it('is a page for who asks for one, with nothing from elsewhere', async () => {
    const { headers, text } = await list({ Accept: 'text/html,*/*;q=0.8' });
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const [, nonce] = /<style nonce="([^"]{24})">/.exec(text)!;
    expect(headers['content-security-policy']).toBe(`default-src 'none'; style-src 'nonce-${nonce}'`);
    expect((await list({ Accept: 'text/html' })).text).not.toContain(nonce);
    expect(text).toContain('<code>providerUnavailable</code>');
    expect(text).not.toMatch(/<script|(src|href)="?https?:/);
  });

  it('is nowhere else: other methods and paths are as unknown as on the live server', async () => {
    const elsewhere = await send(mock.url, { method: 'GET', path: '/_mock', headers: [['Host', 'mock.test']] });
    expect([await list({}, 'POST'), elsewhere]).toMatchObject([{ status: 404 }, { status: 404 }]);
  });
});

describe('latency', () => {
  it('is that of LATENCY_MS, for refusals too', async () => {
    for (const body of ['{"amount":1}', '{}']) {
      const { ms } = await timed(() => ask({}, { body }, slow));
      expect(ms).toBeGreaterThanOrEqual(149);
    }
  });

  it('is that of one request, where that asks for it', async () => {
    const { ms } = await timed(() => ask({ 'Mock-Latency': '120' }));
    expect(ms).toBeGreaterThanOrEqual(119);
  });

  it('is of answers alone: neither the list nor the question of a browser whether it may ask has any', async () => {
    const endless = await mocking({ LATENCY_MS: '20000' });
    const isPreflight = { Origin: 'http://localhost:5173', 'Access-Control-Request-Method': 'POST' };
    const responses = await Promise.all([
      send(endless.url, { method: 'GET', path: '/_mock/scenarios', headers: [['Host', 'mock.test']] }),
      send(endless.url, { method: 'GET', path: '/docs', headers: [['Host', 'mock.test']] }),
      ask(isPreflight, { method: 'OPTIONS', body: undefined }, endless),
    ]);
    await endless.close();
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 204]);
  });

  it('holds nobody up at the end', async () => {
    const ending = await mocking();
    const asked = ask({ 'Mock-Latency': '20000' }, {}, ending).catch(() => 'cut');
    // By then the first has come, too.
    await ask({}, {}, ending);
    const startedAt = performance.now();
    await ending.close();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(await asked).toBe('cut');
  });
});

const statuses = async (count: number, headers = {}, of = mock) =>
  Promise.all(Array.from({ length: count }, async () => (await ask(headers, {}, of)).status));

describe('failures', () => {
  it('come as often as ERROR_RATE says, and are those that a client should survive', async () => {
    const seen = await statuses(200, {}, failing);
    const good = seen.filter((status) => status === 200).length;
    // Seven standard deviations on either side of 100.
    expect(good).toBeGreaterThan(50);
    expect(good).toBeLessThan(150);
    expect(new Set(seen)).toEqual(new Set([200, 429, 500, 503]));
  });

  it('come where one request asks for them, and stay away where one does not', async () => {
    expect(await statuses(20, { 'Mock-Error-Rate': '1' })).not.toContain(200);
    expect(new Set(await statuses(20, { 'Mock-Error-Rate': '0' }, failing))).toEqual(new Set([200]));
  });

  it('do not come in place of a scenario that is asked for', async () => {
    expect(await statuses(5, { 'Mock-Error-Rate': '1', 'Mock-Scenario': 'created' })).toEqual([
      200, 200, 200, 200, 200,
    ]);
    expect(await statuses(2, { 'Mock-Error-Rate': '1', Prefer: 'code=200' })).toEqual([200, 200]);
  });
});

it('says of all headers of its own what is wrong with them', async () => {
  const { status, text } = await ask({ 'Mock-Latency': 'slow', 'Mock-Error-Rate': '10%' });
  expect(status).toBe(400);
  expect((JSON.parse(text) as { message: string }).message).toBe(
    'Mock-Latency: expected milliseconds such as 300 or 100-800, at most 20000; ' +
      'Mock-Error-Rate: expected a share from 0 to 1 such as 0.1',
  );
});

it('names all faults of its configuration at once', () => {
  const env = { LATENCY_MS: '800-100', ERROR_RATE: '2', DYNAMIC: 'yes', PORT: '-' };
  expect(() => readMockConfig(env)).toThrow(
    /PORT: .*\n- LATENCY_MS: expected .*, got "800-100"\n- ERROR_RATE: .*, got "2"\n- DYNAMIC: expected one of 0, 1, got "yes"/,
  );
});

describe('a refusal', () => {
  it.each<[string, object, string, string]>([
    ['the rule', { body: '{"amount":0.1}' }, 'amountTooSmall', 'body/amount must be >= 0.5'],
    ['what is missing', { body: '{}' }, 'amountRequired', "body must have required property 'amount'"],
    ['where the JSON ends', { body: '{"amount":' }, 'invalidBody', 'Unexpected end of JSON input'],
    ['which key', { body: '{"amount":1,"metadata":{"a":1}}' }, 'invalidMetadata', 'body/metadata/a must be string'],
    ['the path', { path: '/other' }, 'notFound', 'Any other path'],
    ['the method', { method: 'PUT' }, 'methodNotAllowed', 'Any other method on this path'],
  ])('says %s in a header, and its body stays the contract’s', async (_what, changes, example, reason) => {
    const { headers, text } = await ask({}, changes);
    expect({ scenario: headers['mock-scenario'], reason: headers['mock-reason'] }).toEqual({
      scenario: example,
      reason,
    });
    expect(JSON.parse(text)).toEqual(scenarios.find((scenario) => scenario.example === example)!.body);
  });

  it('says so without a key, too', async () => {
    const { headers } = await ask({ 'cv-api-key': '' });
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
  ])('of keys with %s has a header that is one short line of ASCII', async (_what, body) => {
    const { status, headers } = await ask({}, { body });
    expect(status).toBe(400);
    expect(headers['mock-reason']).toMatch(/^[\x20-\x7e]{1,403}$/);
    expect(headers['set-cookie']).toBeUndefined();
  });

  it('lets a page read why', async () => {
    const { headers } = await ask({ Origin: 'http://localhost:5173' }, { body: '{}' });
    expect(headers['access-control-expose-headers']).toMatch(/Retry-After.*Mock-Scenario, Mock-Reason$/);
  });

  it('has no reason where it is none', async () => {
    const { headers } = await ask();
    expect(headers).not.toHaveProperty('mock-reason');
  });
});

const secretFor = async (key: string) => secretIn(await ask({ 'Idempotency-Key': key }, {}, fresh));

describe('data', () => {
  const SECRET = /^pi_3[A-Za-z0-9]{23}_secret_C[A-Za-z0-9]{24}$/;

  it('is the example’s by default', async () => {
    const [one, other] = [await ask(), await ask()];
    expect(one.text).toBe(other.text);
  });

  it('is fresh with DYNAMIC=1: a secret that looks like one, and never comes twice', async () => {
    const secrets = await Promise.all(Array.from({ length: 50 }, async () => secretIn(await ask({}, {}, fresh))));
    expect(secrets.filter((secret) => !SECRET.test(secret))).toEqual([]);
    expect(new Set(secrets).size).toBe(50);
  });

  it('is fresh for one request that prefers so, and not for one that does not', async () => {
    const example = secretIn(await ask());
    expect(secretIn(await ask({ Prefer: 'dynamic=true' }))).not.toBe(example);
    expect(secretIn(await ask({ Prefer: 'dynamic=false' }, {}, fresh))).toBe(example);
  });

  it('is the same for a retry with the same idempotency key, and another’s for another', async () => {
    expect(await secretFor('order-1')).toBe(await secretFor('order-1'));
    expect(await secretFor('order-1')).not.toBe(await secretFor('order-2'));
  });

  it('changes no failure', async () => {
    expect((await ask({ 'Mock-Scenario': 'providerUnavailable' }, {}, fresh)).text).toBe(
      '{"success":false,"message":"Payment provider is unavailable"}',
    );
  });
});

it('tells who watches of each request', async () => {
  const watched = await mocking();
  await ask({}, { body: '{"amount":0.1}', path: '/api/v1/payments/intent?secret=canary' }, watched);
  await ask({}, { method: 'GET', path: '/_mock/scenarios', body: undefined }, watched);
  await ask({}, {}, watched);
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
    ['no YAML', (text) => text.replace('title: Payment Intent API', 'title: a: b'), 'title: a: b', 'Nested mappings'],
    [
      'a rule without an answer',
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
    expect((await ask({}, {}, edited)).status).toBe(200);
    await edited.close();
  });
});
