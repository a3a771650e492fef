import { gunzipSync } from 'node:zlib';
import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { docsFiles, localMock } from '../../../src/docs/files.ts';
import { registerDocs } from '../../../src/docs/routes.ts';

const docs = { document, ...localMock };
const { policy, page, assets } = docsFiles(docs);
const names = [...assets.keys()];

let app: FastifyInstance;
beforeAll(() => {
  // As the service does: HEAD is a route of its own.
  app = fastify({ exposeHeadRoutes: false });
  registerDocs(app, docs);
});
afterAll(() => app.close());

const ask = (url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') =>
  app.inject({ method, url, headers });

describe('the page', () => {
  it('is what docsFiles made, and may be framed by nobody', async () => {
    const { statusCode, headers, rawPayload } = await ask('/docs');
    const file = await page();
    expect(rawPayload).toEqual(file.body);
    expect({ statusCode, ...headers }).toMatchObject({
      statusCode: 200,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `${policy}; frame-ancestors 'none'`,
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

  it('is found with a slash at its end', async () => {
    const { statusCode, headers } = await ask('/docs/');
    expect({ statusCode, ...headers }).toMatchObject({
      statusCode: 308,
      location: '../docs',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
  });
});

describe('the files beside it', () => {
  it.each(names)('%s is what docsFiles made, also where only its head is asked for', async (name) => {
    const file = await assets.get(name)!();
    const [{ statusCode, headers, rawPayload }, head] = [
      await ask(`/docs/${name}`),
      await ask(`/docs/${name}`, {}, 'HEAD'),
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

  it('are kept where their name changes with them, and asked for again where it does not', async () => {
    const lasting = await Promise.all(
      names.map(async (name) => [name, (await ask(`/docs/${name}`)).headers['cache-control']]),
    );
    expect(lasting.filter(([, control]) => control !== 'no-cache')).toEqual([
      [expect.stringMatching(/^scalar-[\d.]+\.js$/), 'public, max-age=31536000, immutable'],
    ]);
  });
});

describe('compression', () => {
  it.each(['gzip', 'br, gzip', 'br,gzip;q=0.5', 'GZIP', 'gzip ; q=1', 'gzip;q=0.01', 'gzip;q=1.0'])(
    'is for whoever accepts it: %s',
    async (accepted) => {
      const { headers, rawPayload } = await ask('/docs', { 'accept-encoding': accepted });
      expect(headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(rawPayload)).toEqual((await page()).body);
    },
  );

  it.each(['', 'br', 'x-gzip', 'gzip;q=0', 'gzip; q=0', 'gzip ;q=0.0', 'gzip;q=0.00', 'br, gzip;q=0'])(
    'is not for others: "%s"',
    async (accepted) => {
      const { headers, rawPayload } = await ask('/docs', { 'accept-encoding': accepted });
      expect(headers).not.toHaveProperty('content-encoding');
      expect(rawPayload).toEqual((await page()).body);
    },
  );

  it('is not for what is compressed as it is', async () => {
    const { headers } = await ask('/docs/inter.woff2', { 'accept-encoding': 'gzip' });
    expect(headers).not.toHaveProperty('content-encoding');
    expect(headers).not.toHaveProperty('vary');
  });

  it('has a tag of its own', async () => {
    const { headers } = await ask('/docs', { 'accept-encoding': 'gzip' });
    expect(headers['etag']).toBe((await page()).etag.replace(/"$/, '-gzip"'));
  });
});

describe('whoever has it', () => {
  it.each(['*', '{}', 'W/{}', '"other", {}', '"other",W/{}'])('is not sent it again: %s', async (known) => {
    const { etag } = await page();
    const { statusCode, headers, body } = await ask('/docs', { 'if-none-match': known.replace('{}', etag) });
    expect({ statusCode, body, etag: headers['etag'] }).toEqual({ statusCode: 304, body: '', etag });
  });

  it.each(['"other"', 'W/"other"', '"W/[]', '{}-gzip'])('in another form, %s, is sent it', async (known) => {
    const { etag } = await page();
    expect(
      (await ask('/docs', { 'if-none-match': known.replace('{}', etag).replace('[]', etag.slice(1)) })).statusCode,
    ).toBe(200);
  });

  it('is told so of each form apart', async () => {
    const { etag } = await page();
    const { statusCode } = await ask('/docs', { 'if-none-match': etag, 'accept-encoding': 'gzip' });
    expect(statusCode).toBe(200);
  });
});
