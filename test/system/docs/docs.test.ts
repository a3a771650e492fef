/** The API reference of the whole server, without a browser; test/browser/ uses one. */
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
    page = (await request(target.baseUrl, '/docs')).text;
  });
  afterAll(() => target.close());

  it('is a page of files of its own only, all of which exist', async () => {
    const named = [...page.matchAll(/(?:src|href|data-document)="([^"]+)"/g)].map(([, address]) => address!);
    expect(named).toEqual(expect.arrayContaining([SCALAR, 'docs/page.js', 'docs/page.css', 'docs/openapi.json']));
    const responses = await Promise.all(named.map((name) => request(target.baseUrl, `/${name}`)));
    expect(responses.map(({ status }) => status)).toEqual(named.map(() => 200));
    // The policy allows no inline scripts and no handlers.
    expect(page).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
  });

  it('lists every example with its message, and the change log last', async () => {
    const { info } = JSON.parse((await request(target.baseUrl, '/docs/openapi.json')).text);
    const rows = scenarios.map(({ status, example, body }) => {
      const { message, error } = body as { message?: string; error?: string };
      return `| ${status} | \`${example}\` | **${message ?? error}**<br>`;
    });
    for (const row of rows) expect(info.description).toContain(row);
    expect(info.description.indexOf('## Change log')).toBeGreaterThan(info.description.indexOf(rows.at(-1)));
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
    const { text } = await request(target.baseUrl, '/docs/openapi.json');
    const page = await request(target.baseUrl, '/docs');
    await target.close();
    expect(JSON.parse(text).servers).toEqual([localMock.server, ...document.servers]);
    expect(page.text).toContain('data-api-key="YOUR_SECRET_KEY_HERE"');
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

it('the static site has the same files, and prints its address', async () => {
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
