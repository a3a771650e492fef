import { rename, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { send, sendBytes, type WireRequest } from '../../support/exchange.ts';
import { document, operations, scenarios } from '../../support/contractDocument.ts';
import { mocking as ownMock, createPayment as request } from '../../support/mocking.ts';

const PATH = '/api/v1/payments/intent';

const closers: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

async function mocking(env: Record<string, string> = {}) {
  const mock = await ownMock(env);
  closers.push(mock.close);
  return mock;
}

/** A mock whose contract is not edited. */
let url: string;
beforeAll(async () => {
  ({ url } = await mocking());
});

describe('a scenario', () => {
  it('is chosen by several Prefer headers together', async () => {
    const headers = [...request().headers, ['Prefer', 'code=400'], ['Prefer', 'example=amountTooSmall']] as const;
    const { status, text } = await send(url, { ...request(), headers });
    expect({ status, text }).toEqual({
      status: 400,
      text: '{"success":false,"message":"Amount must be at least 0.50"}',
    });
  });

  it('is chosen for a valid request only: an invalid one is refused as by the live server', async () => {
    expect(await send(url, request({ Prefer: 'code=503' }, { body: '{}' }))).toMatchObject({
      status: 400,
      text: '{"success":false,"message":"Amount is required"}',
    });
  });
});

const textAt = async (mockUrl: string, path: string) =>
  (await send(mockUrl, { ...request(), method: 'GET', path, body: undefined })).text;

describe('the API key', () => {
  it.each(['any', 'YOUR_SECRET_KEY_HERE'])('%s is accepted by default', async (apiKey) => {
    expect(await send(url, request({ 'cv-api-key': apiKey }))).toMatchObject({ status: 200 });
  });

  it('is required', async () => {
    expect(await send(url, request({ 'cv-api-key': '' }))).toMatchObject({ status: 401 });
  });

  it('is in every command of the list, and has a tenant in the log', async () => {
    const [open, strict] = [await mocking(), await mocking({ API_KEY: 'cv_only' })];
    expect(await textAt(open.url, '/_mock/scenarios')).toContain("-H 'cv-api-key: any'");
    expect(await textAt(strict.url, '/_mock/scenarios')).toContain("-H 'cv-api-key: cv_only'");
    await send(open.url, request());
    await vi.waitUntil(() => open.log.some((line) => line.includes('"tenant":"mock"')));
  });

  it('must be API_KEY, where that is set', async () => {
    const strict = await mocking({ API_KEY: 'cv_only' });
    expect(await send(strict.url, request({ 'cv-api-key': 'cv_only' }))).toMatchObject({ status: 200 });
    expect(await send(strict.url, request({ 'cv-api-key': 'any' }))).toMatchObject({ status: 401 });
  });
});

const fetchDocs = ({ url: mockUrl }: { url: string }, path = '/docs/playground.html') =>
  send(mockUrl, { method: 'GET', path, headers: [['Host', 'mock.test']] });

describe('the API reference', () => {
  it('has a key that works, and never API_KEY', async () => {
    const [open, strict] = [await mocking(), await mocking({ API_KEY: 'cv_only' })];
    expect((await fetchDocs(open)).text).toContain('data-api-key="any_key"');
    expect((await fetchDocs(strict)).text).toContain('data-api-key="YOUR_SECRET_KEY_HERE"');
  });

  it('sends requests to the mock that serves it', async () => {
    const text = await textAt((await mocking()).url, '/docs/playground.json');
    expect((JSON.parse(text) as { servers: object[] }).servers[0]).toEqual({ url: '/', description: 'This mock' });
  });

  it('offers the scenarios of each operation in the playground, and in no other document', async () => {
    const mock = await mocking();
    const { paths } = JSON.parse(await textAt(mock.url, '/docs/playground.json')) as typeof document;
    for (const { method, path, operationId } of operations) {
      const { parameters } = paths[path as keyof typeof paths][method.toLowerCase() as 'post'];
      const names = scenarios
        .filter(({ operation }) => operation.operationId === operationId)
        .map(({ example }) => example);
      expect(parameters.at(-1)).toMatchObject({
        name: 'Mock-Scenario',
        in: 'header',
        required: false,
        schema: { type: 'string', enum: names },
      });
    }
    expect(JSON.parse(await textAt(mock.url, '/docs/openapi.json'))).toEqual(document);
  });

  it('is not served with DOCS=off', async () => {
    expect(await fetchDocs(await mocking({ DOCS: 'off' }), '/docs')).toMatchObject({ status: 404 });
  });
});

const getRoot = (mockUrl: string, headers: Record<string, string>) =>
  send(mockUrl, { method: 'GET', path: '/', headers: Object.entries({ Host: 'mock.test', ...headers }) });

describe('the root', () => {
  it('leads a browser to the API reference, or to the scenarios if there is none', async () => {
    const html = { Accept: 'text/html,*/*;q=0.8' };
    expect(await getRoot(url, html)).toMatchObject({ status: 302, headers: { location: '/docs' } });
    const { url: withoutDocs } = await mocking({ DOCS: 'off' });
    expect(await getRoot(withoutDocs, html)).toMatchObject({ status: 302, headers: { location: '/_mock/scenarios' } });
  });

  it('is a 404 of the contract for programs', async () => {
    expect(await getRoot(url, { Accept: '*/*' })).toMatchObject({
      status: 404,
      text: '{"success":false,"message":"Not found"}',
      headers: { 'x-error-code': 'notFound', 'mock-scenario': 'notFound' },
    });
  });
});

const namesIn = (header: unknown) =>
  String(header)
    .split(/, */)
    .map((name) => name.toLowerCase());

describe('a page in a browser, of any origin and with credentials', () => {
  const Origin = 'http://localhost:5173';

  it('gets its preflight allowed', async () => {
    const { status, headers } = await send(url, {
      method: 'OPTIONS',
      path: PATH,
      headers: [
        ['Host', 'mock.test'],
        ['Origin', Origin],
        ['Access-Control-Request-Method', 'POST'],
        ['Access-Control-Request-Headers', 'content-type,cv-api-key,idempotency-key,prefer'],
      ],
    });
    expect(status).toBe(204);
    expect(headers['access-control-allow-origin']).toBe(Origin);
    expect(headers['access-control-allow-credentials']).toBe('true');
    expect(namesIn(headers['access-control-allow-methods'])).toEqual(expect.arrayContaining(['post', 'put', 'delete']));
    expect(namesIn(headers['access-control-allow-headers'])).toEqual([
      'content-type',
      'cv-api-key',
      'idempotency-key',
      'prefer',
    ]);
  });

  it.each<[number, Record<string, string>, Partial<WireRequest>]>([
    [200, {}, {}],
    [400, {}, { body: '{}' }],
    [401, { 'cv-api-key': '' }, {}],
    [404, {}, { path: '/other' }],
    [405, {}, { method: 'GET', body: undefined }],
    [415, { 'Content-Type': 'text/plain' }, {}],
    [503, { Prefer: 'code=503' }, {}],
  ])('may read a %d, and its headers', async (expected, given, changes) => {
    const { status, headers } = await send(url, request({ Origin, ...given }, changes));
    expect(status).toBe(expected);
    expect(headers['access-control-allow-origin']).toBe(Origin);
    expect(headers['access-control-allow-credentials']).toBe('true');
    expect(namesIn(headers['access-control-expose-headers'])).toEqual(
      expect.arrayContaining(['x-request-id', 'retry-after', 'idempotent-replayed', 'allow']),
    );
  });

  it('gets 405 for an OPTIONS that is no preflight, as from the live server', async () => {
    expect(await send(url, request({ Origin }, { method: 'OPTIONS', body: undefined }))).toMatchObject({
      status: 405,
    });
  });
});

const requestWithoutAmount = async (mockUrl: string) => (await send(mockUrl, request({}, { body: '{}' }))).text;

/** The file is read as it is being written, too: half an edit may have been refused before the whole one is. */
function faultsIn(log: readonly string[], reason: string): string[] | false {
  const lines = log.filter((line) => line.includes('"level":50') && line.includes(reason));
  return lines.length > 0 && lines;
}

describe('an edit of the contract', () => {
  const EDIT = ['message: Amount is required', 'message: An amount is required'] as const;
  const edited = '{"success":false,"message":"An amount is required"}';
  const soon = { timeout: 20_000, interval: 20 };

  const original = '{"success":false,"message":"Amount is required"}';

  it.each<[string, (file: string, text: string) => Promise<void>]>([
    ['writes to the file', (file, text) => writeFile(file, text)],
    [
      'replaces the file',
      async (file, text) => {
        await writeFile(`${file}.new`, text);
        await rename(`${file}.new`, file);
      },
    ],
  ])('is served without a restart, again and again, where an editor %s', async (_what, save) => {
    const { file, text, ...mock } = await mocking();
    await save(file, text.replace(...EDIT));
    await expect.poll(() => requestWithoutAmount(mock.url), soon).toBe(edited);
    await save(file, text);
    await expect.poll(() => requestWithoutAmount(mock.url), soon).toBe(original);
    expect(mock.log.join('')).toContain('"msg":"serving the edited contract"');
  });

  it('is served after 100 Continue, too, and for parser errors', async () => {
    const { file, text, ...mock } = await mocking();
    await writeFile(file, text.replace(...EDIT).replaceAll('message: Bad request', 'message: A bad request'));
    await expect.poll(() => requestWithoutAmount(mock.url), soon).toBe(edited);
    expect((await send(mock.url, request({ Expect: '100-continue' }, { body: '{}' }))).text).toBe(edited);
    const { text: refusal, headers } = await sendBytes(mock.url, 'no HTTP\r\n\r\n');
    expect(refusal).toContain('A bad request');
    expect(headers['mock-reason']).toBe('Not valid HTTP, for example without a Host header');
  });

  it.each<[string, (text: string) => string, string]>([
    ['is no YAML', (text) => `${text}\n}{`, 'Unexpected flow-map-end'],
    ['has an example that breaks its schema', (text) => text.replace(EDIT[0], 'message: 1'), 'amountRequired: '],
    [
      'has a rule without an answer',
      (text) => text.replace('minimum: amountTooSmall', ''),
      'x-problems names no 400 example',
    ],
  ])('that %s leaves the last valid contract served, and is logged', async (_what, edit, reason) => {
    const { file, text, log, ...mock } = await mocking();
    await writeFile(file, edit(text));
    const [line] = await vi.waitUntil(() => faultsIn(log, reason), { timeout: 20_000 });
    expect(line).toContain("The edited contract can't be served; still serving the last valid one.");
    expect(await requestWithoutAmount(mock.url)).toBe(original);
  });
});
