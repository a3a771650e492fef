import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { serveAdmin, type AdminOptions, type AdminServer } from '../../../src/observability/admin.ts';

const served: AdminServer[] = [];
afterEach(() => Promise.all(served.splice(0).map((one) => one.close())));

async function startAdmin(options: Partial<AdminOptions> = {}): Promise<AdminServer> {
  const metrics = { contentType: 'text/plain; version=0.0.4', text: async () => 'requests_total 7\n' };
  const server = await serveAdmin({ host: '127.0.0.1', port: 0, metrics, isReady: () => true, ...options });
  served.push(server);
  return server;
}

async function get({ url }: AdminServer, path: string) {
  const response = await fetch(url + path);
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

const TEXT = 'text/plain; charset=utf-8';

describe('the admin port', () => {
  it.each([
    ['/livez', 200, TEXT, 'ok\n'],
    ['/readyz', 200, TEXT, 'ok\n'],
    ['/readyz?verbose', 200, TEXT, 'ok\n'],
    ['/metrics', 200, 'text/plain; version=0.0.4', 'requests_total 7\n'],
    ['/', 404, TEXT, 'not found\n'],
    ['/constructor', 404, TEXT, 'not found\n'],
    ['/metrics/', 404, TEXT, 'not found\n'],
    ['/api/v1/payments/intent', 404, TEXT, 'not found\n'],
  ])('responds to %s with %i', async (path, status, type, body) => {
    expect(await get(await startAdmin(), path)).toEqual({ status, type, body });
  });

  it('forbids caching and sniffing', async () => {
    const { headers } = await fetch(`${(await startAdmin()).url}/livez`);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('is live but not ready while the server drains', async () => {
    const server = await startAdmin({ isReady: () => false });
    expect(await get(server, '/readyz')).toEqual({ status: 503, type: TEXT, body: 'draining\n' });
    expect(await get(server, '/livez')).toMatchObject({ status: 200 });
  });

  it('responds with 500 where the metrics can not be read, and stays live', async () => {
    const broken = { contentType: TEXT, text: () => Promise.reject(new Error('a collector failed')) };
    const server = await startAdmin({ metrics: broken });
    expect(await get(server, '/metrics')).toEqual({ status: 500, type: TEXT, body: 'internal error\n' });
    expect(await get(server, '/livez')).toMatchObject({ status: 200 });
  });

  it('does not start on a port in use', async () => {
    const { url } = await startAdmin();
    await expect(startAdmin({ port: Number(new URL(url).port) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('keeps the connection open between two scrapes', async () => {
    const { headers } = await fetch(`${(await startAdmin()).url}/metrics`);
    expect(headers.get('keep-alive')).toBe('timeout=72');
  });

  it('closes without waiting for requests', async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const endless = { contentType: TEXT, text: () => (begin(), new Promise<string>(() => {})) };
    const server = await startAdmin({ metrics: endless });
    const [response] = await Promise.allSettled([get(server, '/metrics'), begun.then(() => server.close())]);
    expect(response).toMatchObject({ status: 'rejected', reason: { message: 'fetch failed' } });
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((some) => some!.some(({ address }) => address === '::1'));

  it.skipIf(!hasIpv6)('has an IPv6 address where its host is one', async () => {
    const server = await startAdmin({ host: '::1' });
    expect(server.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(await get(server, '/livez')).toMatchObject({ status: 200 });
  });
});
