import { gunzipSync } from 'node:zlib';
import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { docsFiles, localMock } from '../../../src/docs/files.ts';
import { registerDocs } from '../../../src/docs/routes.ts';

const docs = { document, ...localMock };
const { page, assets } = docsFiles(docs);
const names = [...assets.keys()];

let app: FastifyInstance;
beforeAll(() => {
  // As the service does: HEAD is a route of its own.
  app = fastify({ exposeHeadRoutes: false });
  registerDocs(app, docs);
});
afterAll(() => app.close());

const get = (url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') =>
  app.inject({ method, url, headers });

describe('the page', () => {
  it('is that of docsFiles, and can not be framed', async () => {
    const { statusCode, headers, rawPayload } = await get('/docs');
    const file = await page();
    expect(rawPayload).toEqual(file.body);
    expect({ statusCode, ...headers }).toMatchObject({
      statusCode: 200,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `${file.policy}; frame-ancestors 'none'`,
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-cache',
      'x-request-id': 'req-1',
      etag: file.etag,
      vary: 'Accept-Encoding',
    });
  });

  it('redirects from a trailing slash', async () => {
    const { statusCode, headers } = await get('/docs/');
    expect({ statusCode, ...headers }).toMatchObject({
      statusCode: 308,
      location: '../docs',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
  });
});

describe('the files beside it', () => {
  it.each(names)('%s is that of docsFiles, and HEAD has the same headers', async (name) => {
    const file = await assets.get(name)!();
    const [{ statusCode, headers, rawPayload }, head] = [
      await get(`/docs/${name}`),
      await get(`/docs/${name}`, {}, 'HEAD'),
    ];
    expect(statusCode).toBe(200);
    expect(rawPayload.equals(file.body)).toBe(true);
    expect(headers).toMatchObject({
      'content-type': file.contentType,
      etag: file.etag,
      'x-content-type-options': 'nosniff',
    });
    expect({ statusCode: head.statusCode, body: head.body }).toEqual({ statusCode: 200, body: '' });
    expect(head.headers).toMatchObject({ 'content-type': file.contentType, etag: file.etag });
  });

  it('have a policy where they are pages', async () => {
    const policies = await Promise.all(
      names.map(async (name) => [name, (await get(`/docs/${name}`)).headers['content-security-policy']]),
    );
    expect(policies.filter(([, policy]) => policy !== undefined)).toEqual([
      ['playground.html', expect.stringMatching(/^default-src 'none'; .*; frame-ancestors 'none'$/)],
    ]);
  });

  it('are cached where their name has a version, and revalidated otherwise', async () => {
    const lasting = await Promise.all(
      names.map(async (name) => [name, (await get(`/docs/${name}`)).headers['cache-control']]),
    );
    expect(lasting.filter(([, control]) => control !== 'no-cache')).toEqual([
      [expect.stringMatching(/^scalar-[\d.]+\.js$/), 'public, max-age=31536000, immutable'],
    ]);
  });
});

describe('compression', () => {
  it.each(['gzip', 'br, gzip', 'br,gzip;q=0.5', 'GZIP', 'gzip ; q=1', 'gzip;q=0.01', 'gzip;q=1.0'])(
    'is used where it is accepted: %s',
    async (accepted) => {
      const { headers, rawPayload } = await get('/docs', { 'accept-encoding': accepted });
      expect(headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(rawPayload)).toEqual((await page()).body);
    },
  );

  it.each(['', 'br', 'x-gzip', 'gzip;q=0', 'gzip; q=0', 'gzip ;q=0.0', 'gzip;q=0.00', 'br, gzip;q=0'])(
    'is not used otherwise: "%s"',
    async (accepted) => {
      const { headers, rawPayload } = await get('/docs', { 'accept-encoding': accepted });
      expect(headers).not.toHaveProperty('content-encoding');
      expect(rawPayload).toEqual((await page()).body);
    },
  );

  it('is not used for fonts, which are compressed', async () => {
    const { headers } = await get('/docs/inter.woff2', { 'accept-encoding': 'gzip' });
    expect(headers).not.toHaveProperty('content-encoding');
    expect(headers).not.toHaveProperty('vary');
  });

  it('has an ETag of its own', async () => {
    const { headers } = await get('/docs', { 'accept-encoding': 'gzip' });
    expect(headers['etag']).toBe((await page()).etag.replace(/"$/, '-gzip"'));
  });
});

describe('a matching If-None-Match', () => {
  it.each(['*', '{}', 'W/{}', '"other", {}', '"other",W/{}'])('gets 304: %s', async (known) => {
    const { etag } = await page();
    const { statusCode, headers, body } = await get('/docs', { 'if-none-match': known.replace('{}', etag) });
    expect({ statusCode, body, etag: headers['etag'] }).toEqual({ statusCode: 304, body: '', etag });
  });

  it.each(['"other"', 'W/"other"', '"W/[]', '{}-gzip'])('is not one of another ETag: %s', async (known) => {
    const { etag } = await page();
    expect(
      (await get('/docs', { 'if-none-match': known.replace('{}', etag).replace('[]', etag.slice(1)) })).statusCode,
    ).toBe(200);
  });

  it('is that of the same encoding only', async () => {
    const { etag } = await page();
    const { statusCode } = await get('/docs', { 'if-none-match': etag, 'accept-encoding': 'gzip' });
    expect(statusCode).toBe(200);
  });
});
