import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { serveAdmin, type AdminOptions, type AdminServer } from '../../../src/observability/admin.ts';

const served: AdminServer[] = [];
afterEach(() => Promise.all(served.splice(0).map((one) => one.close())));

async function serving(options: Partial<AdminOptions> = {}): Promise<AdminServer> {
  const metrics = { contentType: 'text/plain; version=0.0.4', text: async () => 'requests_total 7\n' };
  const server = await serveAdmin({ host: '127.0.0.1', port: 0, metrics, isReady: () => true, ...options });
  served.push(server);
  return server;
}

async function asked({ url }: AdminServer, path: string) {
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
  ])('answers %s with %i', async (path, status, type, body) => {
    expect(await asked(await serving(), path)).toEqual({ status, type, body });
  });

  it('keeps no answer, and lets nobody guess what it is', async () => {
    const { headers } = await fetch(`${(await serving()).url}/livez`);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('lives, and is not ready, where it should not be sent requests', async () => {
    const server = await serving({ isReady: () => false });
    expect(await asked(server, '/readyz')).toEqual({ status: 503, type: TEXT, body: 'draining\n' });
    expect(await asked(server, '/livez')).toMatchObject({ status: 200 });
  });

  it('survives metrics that can not be read, and says so', async () => {
    const broken = { contentType: TEXT, text: () => Promise.reject(new Error('a collector failed')) };
    const server = await serving({ metrics: broken });
    expect(await asked(server, '/metrics')).toEqual({ status: 500, type: TEXT, body: 'internal error\n' });
    expect(await asked(server, '/livez')).toMatchObject({ status: 200 });
  });

  it('does not start where somebody else listens', async () => {
    const { url } = await serving();
    await expect(serving({ port: Number(new URL(url).port) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('keeps a connection of Prometheus open between two scrapes', async () => {
    const { headers } = await fetch(`${(await serving()).url}/metrics`);
    expect(headers.get('keep-alive')).toBe('timeout=72');
  });

  it('waits for nobody at its end', async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const endless = { contentType: TEXT, text: () => (begin(), new Promise<string>(() => {})) };
    const server = await serving({ metrics: endless });
    const [answer] = await Promise.allSettled([asked(server, '/metrics'), begun.then(() => server.close())]);
    expect(answer).toMatchObject({ status: 'rejected', reason: { message: 'fetch failed' } });
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((some) => some!.some(({ address }) => address === '::1'));

  it.skipIf(!hasIpv6)('has an address of IPv6 where its host is one', async () => {
    const server = await serving({ host: '::1' });
    expect(server.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(await asked(server, '/livez')).toMatchObject({ status: 200 });
  });
});
