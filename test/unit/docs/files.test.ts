import { createHash } from 'node:crypto';
import { readFile as readText } from 'node:fs/promises';
import { Script } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { docsFiles, type Docs } from '../../../src/docs/files.ts';

const SCALAR = `scalar-${manifest.dependencies['@scalar/fastify-api-reference']}.js`;
const server = { url: '/', description: 'This server' };
const contract = {
  info: { title: 'Payments <&>', summary: 'Pay "once".', description: '' },
  servers: [
    { url: 'https://payments.test/base', description: 'Production' },
    { url: '/relative', description: 'Here' },
    { url: 'http://127.0.0.1:4010', description: 'Mock' },
  ],
  paths: {
    '/intent': {
      post: {
        operationId: 'createPaymentIntent',
        requestBody: { content: { 'application/json': { examples: { one: { value: { amount: 1 } } } } } },
      },
    },
  },
};
const made = (changes: Partial<Docs> = {}) =>
  docsFiles({ document: contract, server, apiKey: 'YOUR_"KEY"', ...changes });
const textOf = async (name: string, changes: Partial<Docs> = {}) =>
  (await made(changes).assets.get(name)!()).body.toString();

describe('the page', () => {
  it('has the texts of the contract, escaped', async () => {
    const html = (await made().page()).body.toString();
    expect(html).toContain('<title>Payments &lt;&amp;&gt;</title>');
    expect(html).toContain('<meta name="description" content="Pay &quot;once&quot;.">');
  });

  it('allows files of its origin, and no requests', async () => {
    const { policy, body } = await made().page();
    expect(policy).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'",
    );
    expect(body.toString()).toContain(policy!.replaceAll("'", '&#39;'));
  });

  it('has samples for the default server, or for the first of the contract where its address is not known', async () => {
    const absolute = { url: 'http://127.0.0.1:4010', description: 'The mock' };
    expect(await textOf('reference.md')).toContain('https://payments.test/base/intent');
    expect(await textOf('reference.md', { server: absolute })).toContain('http://127.0.0.1:4010/intent');
    const document = { ...contract, servers: undefined };
    expect(await textOf('reference.md', { document })).toContain("curl -X POST '/intent'");
  });
});

const parametersOf = () => [{ name: 'Mock-Scenario', in: 'header' }];

describe('the playground', () => {
  it('allows files of its origin, and requests to it and to the servers of the contract', async () => {
    const { policy } = await made().assets.get('playground.html')!();
    expect(policy).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; " +
        "connect-src 'self' https://payments.test http://127.0.0.1:4010; base-uri 'none'; form-action 'none'",
    );
  });

  it('has the default key, the bundle, and the way back', async () => {
    const html = await textOf('playground.html');
    expect(html).toContain('data-api-key="YOUR_&quot;KEY&quot;"');
    expect(html).toContain(`<script src="${SCALAR}" defer></script>`);
    expect(html).toContain('href="../docs"');
    const site = await docsFiles({ document: contract, server, apiKey: '' }, '../').assets.get('playground.html')!();
    expect(site.body.toString()).toContain('href="../"');
  });

  it('has parameters of the server, and the contract has not', async () => {
    expect(await textOf('playground.json', { parametersOf })).toContain('Mock-Scenario');
    expect(JSON.parse(await textOf('openapi.json', { parametersOf }))).toEqual(contract);
  });
});

const readFile = (name: string) => made().assets.get(name)!();

describe('the files beside it', () => {
  it.each([
    ['openapi.json', 'application/json; charset=utf-8', /^\{\n {2}"info": \{/],
    ['openapi.yaml', 'application/yaml; charset=utf-8', /^openapi: 3\.1\.0$/m],
    ['reference.md', 'text/markdown; charset=utf-8', /^# Payments/],
    ['llms.txt', 'text/plain; charset=utf-8', /^# Payments/],
    ['page.css', 'text/css; charset=utf-8', /prefers-color-scheme|color-scheme/],
    ['page.js', 'text/javascript; charset=utf-8', /combobox|search/],
    ['icon.svg', 'image/svg+xml; charset=utf-8', /^<svg /],
    ['playground.html', 'text/html; charset=utf-8', /<main id="playground"/],
    ['playground.json', 'application/json; charset=utf-8', /"This server"/],
    ['playground.css', 'text/css; charset=utf-8', /--scalar-/],
    ['playground.js', 'text/javascript; charset=utf-8', /Scalar\.createApiReference\(/],
  ])('%s is text, and compressed', async (name, contentType, words) => {
    const file = await readFile(name);
    expect(file).toMatchObject({ contentType, isImmutable: false });
    expect(file.body.toString()).toMatch(words);
    expect(gunzipSync(file.gzipped!)).toEqual(file.body);
  });

  it('the bundle is complete, has no source map, and has its version in its name', async () => {
    const file = await readFile(SCALAR);
    const text = file.body.toString();
    expect(file).toMatchObject({ contentType: 'text/javascript; charset=utf-8', isImmutable: true });
    expect(text).toContain('createApiReference');
    expect(text).not.toContain('sourceMappingURL=');
    expect(() => new Script(text)).not.toThrow();
    expect(gunzipSync(file.gzipped!).equals(file.body)).toBe(true);
  });

  it('openapi.yaml is the file as it is written, of this contract or of the given one', async () => {
    const written = await readText(new URL('../../../openapi/openapi.yaml', import.meta.url), 'utf8');
    expect(await textOf('openapi.yaml')).toBe(written);
    expect(await textOf('openapi.yaml', { yaml: 'openapi: 3.1.0 # edited' })).toBe('openapi: 3.1.0 # edited');
  });

  it('inter.woff2 is a font, not compressed', async () => {
    const file = await readFile('inter.woff2');
    expect(file).toMatchObject({ contentType: 'font/woff2', gzipped: undefined, isImmutable: false });
    expect(file.body.subarray(0, 4).toString()).toBe('wOF2');
  });

  it('are those that the pages name, and no others', async () => {
    const pages = [(await made().page()).body.toString(), await textOf('playground.html')];
    const scripts = await Promise.all(['page.css', 'playground.css', 'playground.js'].map((name) => textOf(name)));
    const named = [...pages, ...scripts].flatMap((text) =>
      [...text.matchAll(/(?:href="|src="|url\('|fetch\(')(?:docs\/)?([\w.-]+\.\w+)[#"']/g)].map(([, name]) => name!),
    );
    expect([...made().assets.keys()].toSorted()).toEqual([...new Set(named)].toSorted());
  });

  it('have an ETag of their content', async () => {
    const { body, etag } = await readFile('openapi.json');
    const digest = createHash('sha256').update(body).digest('base64url');
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(digest.startsWith(etag.slice(1, -1))).toBe(true);
  });

  it('are created once', async () => {
    const read = made().assets.get('openapi.json')!;
    expect(await read()).toBe(await read());
  });
});
