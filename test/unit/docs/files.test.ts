import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { docsFiles } from '../../../src/docs/files.ts';

const SCALAR = `scalar-${manifest.dependencies['@scalar/fastify-api-reference']}.js`;
const server = { url: '/', description: 'This server' };
const contract = {
  info: { title: 'Payments <&>', summary: 'Pay "once".', description: '' },
  servers: [
    { url: 'https://payments.test/base', description: 'Production' },
    { url: '/relative', description: 'Here' },
    { url: 'http://127.0.0.1:4010', description: 'Mock' },
  ],
  paths: {},
};
const made = (changes = {}) => docsFiles({ document: { ...contract, ...changes }, server, apiKey: 'YOUR_"KEY"' });

describe('the page', () => {
  it('has the texts of the contract, escaped, and its files by name', async () => {
    const html = (await made().page()).body.toString();
    expect(html).toContain('<title>Payments &lt;&amp;&gt;</title>');
    expect(html).toContain('<meta name="description" content="Pay &quot;once&quot;." />');
    expect(html).toContain('data-api-key="YOUR_&quot;KEY&quot;"');
    expect(html).toContain(`<script src="docs/${SCALAR}" defer></script>`);
    expect(html).not.toContain('{{');
  });

  it('has an empty summary where the contract has none', async () => {
    const html = (await made({ info: { title: 'Payments' } }).page()).body.toString();
    expect(html).toContain('<meta name="description" content="" />');
  });

  it('allows resources of its origin, and requests to it and to the servers of the contract', () => {
    expect(made().policy).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; " +
        "connect-src 'self' https://payments.test http://127.0.0.1:4010; base-uri 'none'; form-action 'none'",
    );
  });
});

const readFile = (name: string) => made().assets.get(name)!();

describe('the files beside it', () => {
  it.each([
    ['openapi.json', 'application/json; charset=utf-8', /^\{\n {2}"info": \{/],
    ['page.css', 'text/css; charset=utf-8', /--scalar-/],
    ['page.js', 'text/javascript; charset=utf-8', /Scalar\.createApiReference\(/],
    ['icon.svg', 'image/svg+xml; charset=utf-8', /^<svg /],
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

  it.each(['inter.woff2', 'jetbrains-mono.woff2'])('%s is a font, not compressed', async (name) => {
    const file = await readFile(name);
    expect(file).toMatchObject({ contentType: 'font/woff2', gzipped: undefined, isImmutable: false });
    expect(file.body.subarray(0, 4).toString()).toBe('wOF2');
  });

  it('are these only', () => {
    expect([...made().assets.keys()].toSorted()).toEqual(
      ['icon.svg', 'inter.woff2', 'jetbrains-mono.woff2', 'openapi.json', 'page.css', 'page.js', SCALAR].toSorted(),
    );
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
