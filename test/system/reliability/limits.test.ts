/** The limits of the whole server that no part of it holds alone: its connections, and the address behind a proxy. */
import { once } from 'node:events';
import { expect, it, onTestFinished, vi } from 'vitest';
import { ACME, observedServer, type ObservedServer } from '../../support/observed.ts';
import { rawClient, rawRequest } from '../../support/rawHttp.ts';

async function startServer(overrides: Record<string, string>): Promise<ObservedServer> {
  const server = await observedServer(overrides);
  onTestFinished(() => server.close());
  return server;
}

it('MAX_CONNECTIONS closes an excess connection at once, counts it, logs one line a second, and leaves open connections alone', async () => {
  const { url, log, metric, pay } = await startServer({ MAX_CONNECTIONS: '2' });
  const customer = rawClient(url);
  customer.send(rawRequest(ACME));
  await customer.response();
  const stranger = rawClient(url);
  await once(stranger.socket, 'connect');
  const tooMany = [1, 2, 3].map(() => rawClient(url));
  await Promise.all(tooMany.map(({ closed }) => closed));
  expect(tooMany.map((client) => client.received())).toEqual(tooMany.map(() => ({ responses: [], rest: '' })));
  expect(await metric('http_connections_dropped_total')).toBe(3);
  const dropped = () => log.filter(({ msg }) => msg.startsWith('connections dropped'));
  await vi.waitUntil(() => dropped().length > 1, { timeout: 5_000 });
  expect(dropped()).toMatchObject([{ level: 40 }, { level: 40, suppressed: 2 }]);

  stranger.socket.destroy();
  const isServed = () =>
    pay().then(
      ({ status }) => status === 200,
      () => false,
    );
  await vi.waitUntil(isServed, { timeout: 5_000 });
  customer.send(rawRequest(ACME));
  expect((await customer.response(2)).status).toBe(200);
  customer.socket.destroy();
});

it('ADDRESS_FAILURES_PER_MINUTE counts the address that one of TRUSTED_PROXIES reports', async () => {
  const { pay } = await startServer({ ADDRESS_FAILURES_PER_MINUTE: '1', TRUSTED_PROXIES: '127.0.0.1' });
  const failFrom = async (address: string) =>
    (await pay({ key: 'wrong', headers: { 'X-Forwarded-For': address } })).status;
  expect([await failFrom('192.0.2.1'), await failFrom('192.0.2.2'), await failFrom('192.0.2.2')]).toEqual([
    401, 401, 429,
  ]);
});
