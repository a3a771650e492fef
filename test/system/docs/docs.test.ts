/** What is served at /docs, looked at without a browser; test/browser/ uses it with one. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { buildApp } from '../../../src/http/app.ts';
import { readConfig, readMockConfig } from '../../../src/config.ts';
import { openContract } from '../../../src/contract/engine.ts';
import { docsFiles, localMock } from '../../../src/docs/files.ts';
import { registerDocs } from '../../../src/docs/routes.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { document, scenarios } from '../../support/contractDocument.ts';
import { send } from '../../support/exchange.ts';
import { liveTarget, mockTarget, type Target } from '../../support/targets.ts';
import { respondWithFirstExample } from '../../support/engine.ts';

const ask = (baseUrl: string, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  send(baseUrl, { method, path, headers: Object.entries({ Host: 'docs.test', ...headers }) });

const SCALAR = `docs/scalar-${manifest.dependencies['@scalar/fastify-api-reference']}.js`;

const targets = {
  'the live server': () => liveTarget({ DOCS: 'on' }),
  'the mock': () => mockTarget({ docs: true }),
};

describe.each(Object.entries(targets))('the reference of %s', (_name, start) => {
  let target: Target;
  let page: string;
  beforeAll(async () => {
    target = await start();
    page = (await ask(target.baseUrl, '/docs')).text;
  });
  afterAll(() => target.close());

  it('is a page that names files of its own only, and all of them are there', async () => {
    const named = [...page.matchAll(/(?:src|href|data-document)="([^"]+)"/g)].map(([, address]) => address!);
    expect(named).toEqual(expect.arrayContaining([SCALAR, 'docs/page.js', 'docs/page.css', 'docs/openapi.json']));
    const responses = await Promise.all(named.map((name) => ask(target.baseUrl, `/${name}`)));
    expect(responses.map(({ status }) => status)).toEqual(named.map(() => 200));
  });

  it('has a policy that lets in no script but files of ours, and asks nobody but the servers of the contract', async () => {
    const { headers } = await ask(target.baseUrl, '/docs');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; " +
        `connect-src 'self' ${document.servers.map(({ url }) => url).join(' ')}; base-uri 'none'; form-action 'none'; ` +
        "frame-ancestors 'none'",
    );
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
      'x-request-id': expect.any(String),
    });
    expect(page).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
  });

  it('asks the server that serves it first, and the servers of the contract by choice', async () => {
    const { servers } = JSON.parse((await ask(target.baseUrl, '/docs/openapi.json')).text);
    expect(servers).toEqual([{ url: '/', description: expect.stringMatching(/^This /) }, ...document.servers]);
  });

  it('has every answer by name, with its message, and the change log last', async () => {
    const { info } = JSON.parse((await ask(target.baseUrl, '/docs/openapi.json')).text);
    const rows = scenarios.map(({ status, example, body }) => {
      const { message, error } = body as { message?: string; error?: string };
      return `| ${status} | \`${example}\` | **${message ?? error}**<br>`;
    });
    for (const row of rows) expect(info.description).toContain(row);
    expect(info.description.indexOf('## Change log')).toBeGreaterThan(info.description.indexOf(rows.at(-1)));
  });

  it.each(['/docs', '/docs/openapi.json', `/${SCALAR}`])('%s: HEAD says the same, without the body', async (path) => {
    const [got, headed] = [await ask(target.baseUrl, path), await ask(target.baseUrl, path, {}, 'HEAD')];
    const own = ({ status, headers }: typeof got) => ({
      status,
      type: headers['content-type'],
      tag: headers['etag'],
      length: headers['content-length'],
    });
    expect(own(headed)).toEqual(own(got));
    expect(headed.text).toBe('');
  });

  it('is not sent again to whoever has it', async () => {
    const { headers } = await ask(target.baseUrl, '/docs');
    const again = await ask(target.baseUrl, '/docs', { 'If-None-Match': `"other", W/${headers['etag'] as string}` });
    expect(again).toMatchObject({ status: 304, text: '' });
    const bundle = await ask(target.baseUrl, `/${SCALAR}`);
    expect(bundle.headers['cache-control']).toBe('public, max-age=31536000, immutable');
  });

  it('is compressed for whoever can read that', async () => {
    const response = await fetch(`${target.baseUrl}/${SCALAR}`, { headers: { 'Accept-Encoding': 'gzip' } });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(Number(response.headers.get('content-length'))).toBeLessThan(2_000_000);
    expect(response.headers.get('vary')).toContain('Accept-Encoding');
    const refused = await ask(target.baseUrl, `/${SCALAR}`, { 'Accept-Encoding': 'gzip;q=0, br' });
    expect(refused.headers['content-encoding']).toBeUndefined();
  });

  it('is found with a slash at its end, too', async () => {
    const { status, headers } = await ask(target.baseUrl, '/docs/');
    expect({ status, location: headers['location'] }).toEqual({ status: 308, location: '../docs' });
  });

  it.each([
    ['POST', '/docs'],
    ['GET', '/docs/other.js'],
    ['GET', '/docs/../package.json'],
    ['GET', '/docs/%2e%2e/package.json'],
    ['GET', '/'],
  ])('changes nothing else: %s %s is not found', async (method, path) => {
    expect(await ask(target.baseUrl, path, {}, method)).toMatchObject({
      status: 404,
      text: '{"success":false,"message":"Not found"}',
    });
  });
});

describe('the setting', () => {
  const env = { API_KEYS: `acme:${'0'.repeat(64)}`, STRIPE_SECRET_KEY: 'sk_live_1' };

  it('is off in production, on in the mock, and nothing in between', () => {
    expect(readConfig(env).docs).toBe(false);
    expect(readConfig({ ...env, DOCS: 'on' }).docs).toBe(true);
    expect(readMockConfig({}).docs).toBe(true);
    expect(() => readConfig({ ...env, DOCS: 'yes' })).toThrow('DOCS: expected one of on, off, got "yes"');
  });

  it.each([
    ['the live server', () => liveTarget()],
    ['the mock', () => mockTarget()],
  ])('where it is off, %s knows no such path', async (_name, start) => {
    const target = await start();
    const responses = await Promise.all(
      ['/docs', '/docs/', '/docs/openapi.json'].map((path) => ask(target.baseUrl, path)),
    );
    await target.close();
    expect(responses.map(({ status }) => status)).toEqual([404, 404, 404]);
  });

  it("where Stripe's key is a live one, the playground asks the reader's own mock, until they choose another", async () => {
    const target = await liveTarget({ DOCS: 'on', STRIPE_SECRET_KEY: 'sk_live_1' });
    const { text } = await ask(target.baseUrl, '/docs/openapi.json');
    const page = await ask(target.baseUrl, '/docs');
    await target.close();
    expect(JSON.parse(text).servers).toEqual([localMock.server, ...document.servers]);
    expect(page.text).toContain('data-api-key="YOUR_SECRET_KEY_HERE"');
  });
});

it('counts as one thing in the metrics, whatever is asked for', async () => {
  const measures = createMetrics();
  const contract = await openContract(document, { notImplemented: respondWithFirstExample });
  const app = await buildApp({
    contract,
    authenticate: () => undefined,
    logger: pino({ level: 'silent' }),
    metrics: measures,
  });
  registerDocs(app, { document, ...localMock });
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 });
  for (const path of ['/docs', '/docs/page.css', '/docs/page.css?x=1', '/docs/none']) await ask(baseUrl, path);
  const counts = async () =>
    (await measures.text()).split('\n').filter((line) => line.startsWith('http_requests_total{'));
  await expect
    .poll(counts)
    .toEqual([
      'http_requests_total{operation="docs",status="200"} 3',
      'http_requests_total{operation="none",status="404"} 1',
    ]);
  app.server.closeAllConnections();
  await app.close();
});

it('the one key of a strict mock is not given away', async () => {
  const strict = await mockTarget({ docs: true });
  const { text } = await ask(strict.baseUrl, '/docs');
  await strict.close();
  expect(text).toContain('data-api-key="YOUR_SECRET_KEY_HERE"');
  expect(text).not.toContain(strict.apiKey);
});

it('the static site holds the same files, and says where it stands', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'docs-site-'));
  const script = fileURLToPath(new URL('../../../src/tools/docsSite.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, folder]);
  const { page, assets } = docsFiles({ document, ...localMock });
  const written = (await readdir(join(folder, 'docs'))).sort();
  const index = await readFile(join(folder, 'index.html'));
  await rm(folder, { recursive: true });
  expect(stdout).toContain(join(folder, 'index.html'));
  expect(written).toEqual([...assets.keys()].sort());
  expect(index).toEqual((await page()).body);
  expect(index.toString()).toContain('<meta http-equiv="Content-Security-Policy" content="default-src');
});
