/** Which pages may call the API from a browser, and what they may read. */
import { pino } from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { openContract } from '../../../src/contract/engine.ts';
import { buildApp, type AppOptions } from '../../../src/http/app.ts';
import { respondWithFirstExample } from '../../support/engine.ts';
import { send } from '../../support/exchange.ts';

const PATH = '/api/v1/payments/intent';
const SHOP = 'https://shop.example.com';

const contract = await openContract(document, { notImplemented: respondWithFirstExample });

/** The address of an app with these origins. */
async function listen(corsOrigins: AppOptions['corsOrigins']): Promise<string> {
  const app = await buildApp({
    contract,
    authenticate: (apiKey) => (apiKey === 'cv_key' ? 'acme' : undefined),
    logger: pino({ level: 'silent' }),
    corsOrigins,
  });
  afterAll(() => {
    app.server.closeAllConnections();
    return app.close();
  });
  return app.listen({ host: '127.0.0.1', port: 0 });
}
const withoutCors = await listen(undefined);
const withCors = await listen([SHOP, 'https://other.example.com']);
const forAll = await listen('*');

const PREFLIGHT = {
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'cv-api-key,content-type,idempotency-key',
};
const options = (baseUrl: string, headers: Record<string, string>) =>
  send(baseUrl, { method: 'OPTIONS', path: PATH, headers: Object.entries(headers) });
const preflight = (baseUrl: string, origin: string) => options(baseUrl, { origin, ...PREFLIGHT });
const post = (baseUrl: string, headers: Record<string, string>, path = PATH) =>
  send(baseUrl, {
    method: 'POST',
    path,
    headers: Object.entries({ 'cv-api-key': 'cv_key', 'content-type': 'application/json', ...headers }),
    body: '{"amount":10}',
  });

const corsHeaders = ({ headers }: { headers: object }) =>
  Object.keys(headers).filter((name) => name.startsWith('access-control-'));

describe('without CORS_ORIGINS', () => {
  it('responds to a preflight with 405 and no CORS headers', async () => {
    const response = await preflight(withoutCors, SHOP);
    expect([response.status, corsHeaders(response)]).toEqual([405, []]);
  });

  it('lets no page read a response', async () => {
    const response = await post(withoutCors, { origin: SHOP });
    expect([response.status, corsHeaders(response)]).toEqual([200, []]);
  });
});

describe('with CORS_ORIGINS', () => {
  it.each([
    ['a listed origin, without credentials', withCors, undefined],
    ['any origin, with credentials', forAll, 'true'],
  ])('allows a preflight from %s, for ten minutes', async (_what, baseUrl, credentials) => {
    const { status, headers } = await preflight(baseUrl, SHOP);
    expect(status).toBe(204);
    expect(headers).toMatchObject({
      'access-control-allow-origin': SHOP,
      'access-control-allow-methods': expect.stringContaining('POST'),
      'access-control-allow-headers': PREFLIGHT['access-control-request-headers'],
      'access-control-max-age': '600',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(headers['access-control-allow-credentials']).toBe(credentials);
  });

  it.each<[number, Record<string, string>, string?]>([
    [200, {}],
    [401, { 'cv-api-key': 'wrong' }],
    [404, {}, '/other'],
    [415, { 'content-type': 'text/plain' }],
  ])('lets a page read a %d, and the headers it needs', async (status, headers, path) => {
    for (const baseUrl of [withCors, forAll]) {
      const response = await post(baseUrl, { origin: SHOP, ...headers }, path);
      expect(response.status).toBe(status);
      expect(response.headers).toMatchObject({
        'access-control-allow-origin': SHOP,
        'access-control-expose-headers': 'X-Request-Id, X-Error-Code, Idempotent-Replayed, Retry-After, Allow',
      });
    }
  });

  it.each([
    'https://shop.example.com.evil.example',
    'https://evil-shop.example.com',
    'http://shop.example.com',
    'https://shop.example.com:8443',
    'https://SHOP.example.com',
    'null',
    '*',
  ])('allows nothing to a page on %s', async (origin) => {
    for (const { headers } of [await preflight(withCors, origin), await post(withCors, { origin })]) {
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it.each([
    ['a listed page', () => post(withCors, { origin: SHOP })],
    ['another page', () => post(withCors, { origin: 'https://evil.example' })],
    ['no page', () => post(withCors, {})],
    ['a preflight from a listed page', () => preflight(withCors, SHOP)],
  ])('varies the response to %s by Origin, for caches', async (_who, request) => {
    expect((await request()).headers['vary']).toContain('Origin');
  });

  it.each([
    ['listed origins', withCors],
    ['any origin', forAll],
  ])('with %s, responds to an OPTIONS that is no preflight as without CORS', async (_what, baseUrl) => {
    for (const headers of [{}, { origin: SHOP }, PREFLIGHT]) {
      const response = await options(baseUrl, headers);
      expect([response.status, response.headers['allow'], corsHeaders(response)]).toEqual([405, 'POST', []]);
    }
  });
});
