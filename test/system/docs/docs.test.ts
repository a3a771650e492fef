/** The API reference of the whole server, without a browser; test/browser/ uses one. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../../src/http/app.ts';
import { openContract } from '../../../src/contract/engine.ts';
import { docsFiles, localMock } from '../../../src/docs/files.ts';
import { registerDocs } from '../../../src/docs/routes.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { document, scenarios } from '../../support/contractDocument.ts';
import { send } from '../../support/exchange.ts';
import { liveTarget, mockTarget, type Target } from '../../support/targets.ts';
import { respondWithFirstExample } from '../../support/engine.ts';

const request = (baseUrl: string, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  send(baseUrl, { method, path, headers: Object.entries({ Host: 'docs.test', ...headers }) });

const targets = {
  'the live server': () => liveTarget({ DOCS: 'on' }),
  'the mock': () => mockTarget({ docs: true }),
};

describe.each(Object.entries(targets))('the reference of %s', (_name, start) => {
  let target: Target;
  let page: string;
  beforeAll(async () => {
    target = await start();
    page = (await request(target.baseUrl, '/docs')).text;
  });
  afterAll(() => target.close());

  it('needs files of its own only, all of which exist', async () => {
    const named = [...page.matchAll(/(?:src|href)="([^"#]+)[^"]*"/g)].map(([, address]) => address!);
    const own = named.filter((address) => !address.startsWith('https://'));
    expect(own).toEqual(expect.arrayContaining(['docs/page.js', 'docs/page.css', 'docs/playground.html']));
    const responses = await Promise.all(own.map((name) => request(target.baseUrl, `/${name}`)));
    expect(responses.map(({ status }) => status)).toEqual(own.map(() => 200));
    // Only links lead to other hosts.
    expect(page).not.toMatch(/<(?!a )[^>]* (?:src|href)="https:/);
  });

  it('says everything in HTML: every response of the contract, with its message', () => {
    for (const { example, body } of scenarios) {
      expect(page).toContain(`id="${example}"`);
      expect(page).toContain(Object.values(body).find((value) => typeof value === 'string'));
    }
  });

  it('says the same in Markdown', async () => {
    const { headers, text } = await request(target.baseUrl, '/docs/reference.md');
    expect(headers['content-type']).toBe('text/markdown; charset=utf-8');
    for (const { example } of scenarios) expect(text).toContain(example);
    const index = await request(target.baseUrl, '/docs/llms.txt');
    expect(index.text).toContain('(reference.md)');
  });

  it('has the contract as it is written, and as JSON', async () => {
    const yaml = await request(target.baseUrl, '/docs/openapi.yaml');
    expect(yaml.text).toBe(await readFile(new URL('../../../openapi/openapi.yaml', import.meta.url), 'utf8'));
    expect(JSON.parse((await request(target.baseUrl, '/docs/openapi.json')).text)).toEqual(document);
  });

  it('is read with at most 100 KB, before the playground', async () => {
    const loaded = [
      ...page.matchAll(/<(?:script|img|link rel="(?:icon|preload|stylesheet)")[^>]* (?:src|href)="([^"]+)"/g),
    ];
    const names = new Set(['docs', ...loaded.map(([, name]) => name!)]);
    expect([...names]).toEqual(expect.arrayContaining(['docs/page.css', 'docs/page.js', 'docs/inter.woff2']));
    const sizes = [...names].map(async (name) => {
      const { headers } = await request(target.baseUrl, `/${name}`, { 'Accept-Encoding': 'gzip' });
      return Number(headers['content-length']);
    });
    expect((await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(100_000);
  });

  it.each([
    ['POST', '/docs'],
    ['GET', '/docs/other.js'],
    ['GET', '/docs/../package.json'],
    ['GET', '/docs/%2e%2e/package.json'],
    ['GET', '/'],
  ])('leaves other paths alone: %s %s is not found', async (method, path) => {
    expect(await request(target.baseUrl, path, {}, method)).toMatchObject({
      status: 404,
      text: '{"success":false,"message":"Not found"}',
    });
  });
});

describe('the setting', () => {
  it('off: the live server knows no such path', async () => {
    const target = await liveTarget();
    const responses = await Promise.all(
      ['/docs', '/docs/', '/docs/openapi.json'].map((path) => request(target.baseUrl, path)),
    );
    await target.close();
    expect(responses.map(({ status }) => status)).toEqual([404, 404, 404]);
  });

  it("with a live key of Stripe, the playground sends requests to the reader's own mock by default", async () => {
    const target = await liveTarget({ DOCS: 'on', STRIPE_SECRET_KEY: 'sk_live_1' });
    const [variant, page, playground] = await Promise.all(
      ['/docs/playground.json', '/docs', '/docs/playground.html'].map((path) => request(target.baseUrl, path)),
    );
    await target.close();
    expect(JSON.parse(variant!.text).servers).toEqual([localMock.server, ...document.servers]);
    expect(page!.text).toContain(`data-server="${localMock.server.url}"`);
    expect(playground!.text).toContain('data-api-key="YOUR_SECRET_KEY_HERE"');
  });
});

it('is one operation in the metrics, whatever file is requested', async () => {
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
  for (const path of ['/docs', '/docs/page.css', '/docs/page.css?x=1', '/docs/none']) await request(baseUrl, path);
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

it('the static site has the same files, an index for language models, and prints its address', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'docs-site-'));
  const script = fileURLToPath(new URL('../../../src/tools/docsSite.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, folder]);
  const { page, assets } = docsFiles({ document, ...localMock });
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  const [index, llms, playground] = await Promise.all(['index.html', 'llms.txt', 'docs/playground.html'].map(read));
  const written = (await readdir(join(folder, 'docs'))).sort();
  await rm(folder, { recursive: true });
  expect(stdout).toContain(join(folder, 'index.html'));
  expect(written).toEqual([...assets.keys()].sort());
  expect(index).toBe((await page()).body.toString());
  expect(index).toContain('<meta http-equiv="Content-Security-Policy" content="default-src');
  expect(llms).toContain('(docs/reference.md)');
  // The page of a site is its index.
  expect(playground).toContain('href="../"');
});
