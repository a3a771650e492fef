/** Which pages may call from a browser, and what browsers are told with every answer. */
import { beforeAll, describe, expect, it } from 'vitest';
import { ACME, INTENT_PATH, observedServer, type ObservedServer } from '../../support/observed.ts';

const SHOP = 'https://shop.example.com';

const corsHeaders = ({ headers }: Response) => [...headers.keys()].filter((name) => name.startsWith('access-control-'));

let server: ObservedServer;

const ask = (method: string, headers: Record<string, string>, path = INTENT_PATH) =>
  fetch(server.url + path, { method, headers, ...(method === 'POST' && { body: '{"amount":10}' }) });
const askPreflight = (origin: string) =>
  ask('OPTIONS', {
    Origin: origin,
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': 'cv-api-key,content-type,idempotency-key',
  });
const askFrom = (origin: string, headers: Record<string, string> = {}) =>
  ask('POST', { Origin: origin, 'cv-api-key': ACME, 'Content-Type': 'application/json', ...headers });

describe('by default', () => {
  beforeAll(async () => {
    server = await observedServer();
    return () => server.close();
  });

  it('no page may ask whether it may call', async () => {
    const response = await askPreflight(SHOP);
    expect(response.status).toBe(405);
    expect(corsHeaders(response)).toEqual([]);
  });

  it('no page may read an answer', async () => {
    expect(corsHeaders(await askFrom(SHOP))).toEqual([]);
  });

  it.each([
    ['a success', 200, () => askFrom(SHOP)],
    ['a stranger', 401, () => askFrom(SHOP, { 'cv-api-key': 'wrong' })],
    ['an unknown path', 404, () => ask('GET', {}, '/nowhere')],
    ['a URL that is none', 400, () => ask('GET', {}, '/%zz')],
    ['another method', 405, () => ask('DELETE', {})],
    ['another media type', 415, () => askFrom(SHOP, { 'Content-Type': 'text/plain' })],
  ])('the answer to %s is not kept, not sniffed, and can be asked about', async (_what, status, send) => {
    const response = await send();
    expect(response.status).toBe(status);
    expect(Object.fromEntries(response.headers)).toMatchObject(EVERY_ANSWER);
  });
});

const EVERY_ANSWER = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
};

describe('with an allow-list', () => {
  beforeAll(async () => {
    server = await observedServer({ CORS_ORIGINS: `${SHOP},https://other.example.com` });
    return () => server.close();
  });

  it('a page may call with its headers', async () => {
    const response = await askPreflight(SHOP);
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(response.headers.get('access-control-allow-methods')).toContain('POST');
    expect(response.headers.get('access-control-allow-headers')).toBe('cv-api-key,content-type,idempotency-key');
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('the answer to its question carries what every answer carries', async () => {
    expect(Object.fromEntries((await askPreflight(SHOP)).headers)).toMatchObject(EVERY_ANSWER);
  });

  it('the page may read an answer and what it needs of the headers', async () => {
    const response = await askFrom(SHOP);
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(response.headers.get('access-control-expose-headers')).toContain('X-Request-Id');
  });

  it.each([
    ['401', { 'cv-api-key': 'wrong' }],
    ['415', { 'Content-Type': 'text/plain' }],
  ])('the page may read a %s too', async (status, headers) => {
    const response = await askFrom(SHOP, headers);
    expect(response.status).toBe(Number(status));
    expect(response.headers.get('access-control-allow-origin')).toBe(SHOP);
  });

  it('the page may read that a path is not there', async () => {
    const response = await ask('GET', { Origin: SHOP }, '/nowhere');
    expect(response.status).toBe(404);
    expect(response.headers.get('access-control-allow-origin')).toBe(SHOP);
  });

  it.each([
    'https://shop.example.com.evil.example',
    'https://evil-shop.example.com',
    'http://shop.example.com',
    'https://shop.example.com:8443',
    'https://SHOP.example.com',
    'null',
    '*',
  ])('a page on %s may not', async (origin) => {
    for (const response of [await askPreflight(origin), await askFrom(origin)]) {
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it.each([
    ['a page on the list', () => askFrom(SHOP)],
    ['another page', () => askFrom('https://evil.example')],
    ['no page', () => ask('POST', { 'cv-api-key': ACME, 'Content-Type': 'application/json' })],
    ['a question of a page on the list', () => askPreflight(SHOP)],
  ])('no cache gives the answer for %s to another', async (_who, send) => {
    expect((await send()).headers.get('vary')).toContain('Origin');
  });
});
