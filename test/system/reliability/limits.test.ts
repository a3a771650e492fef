/** Who asks too often is told when to come back, and nobody else feels it. */
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ACME, GLOBEX, observedServer, readStatuses, type ObservedServer } from '../../support/observed.ts';
import { rawClient, rawRequest } from '../../support/rawHttp.ts';

let server: ObservedServer | undefined;
const started = async (overrides: Record<string, string>) => (server = await observedServer(overrides));
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const inTurn = async (count: number, ask: () => Promise<Response>): Promise<Response[]> => {
  const responses: Response[] = [];
  for (let asked = 0; asked < count; asked++) responses.push(await ask());
  return responses;
};

describe('a tenant', () => {
  it('who asks too often gets 429 with Retry-After, and Stripe is not called', async () => {
    const { pay, stripe } = await started({ TENANT_REQUESTS_PER_MINUTE: '3' });
    const responses = await inTurn(4, () => pay());
    const [, , , refusal] = responses;
    expect(readStatuses(responses)).toEqual([200, 200, 200, 429]);
    expect(await refusal!.json()).toEqual({ success: false, message: 'Too many requests' });
    expect(Number(refusal!.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(refusal!.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(stripe.ledger.requestCount).toBe(3);
  });

  it('does not feel that another one asks too often', async () => {
    const { pay } = await started({ TENANT_REQUESTS_PER_MINUTE: '1' });
    await inTurn(2, () => pay());
    expect((await pay({ key: GLOBEX })).status).toBe(200);
  });

  it('with a good key does not feel the failures from its address', async () => {
    const { pay } = await started({ ADDRESS_FAILURES_PER_MINUTE: '1' });
    expect(readStatuses(await inTurn(3, () => pay({ key: 'wrong' })))).toEqual([401, 429, 429]);
    expect((await pay()).status).toBe(200);
  });
});

describe('MAX_CONNECTIONS', () => {
  it('closes one connection too many at once, counts it and logs one line a second, and disturbs nobody who is connected', async () => {
    const { url, log, metric } = await started({ MAX_CONNECTIONS: '2' });
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
    await vi.waitUntil(
      () =>
        server!.pay().then(
          ({ status }) => status === 200,
          () => false,
        ),
      { timeout: 5_000 },
    );
    customer.send(rawRequest(ACME));
    expect((await customer.response(2)).status).toBe(200);
    customer.socket.destroy();
  });
});

const failFrom = (address: string) => server!.pay({ key: 'wrong', headers: { 'X-Forwarded-For': address } });

describe('an address', () => {
  it('can not choose another one for itself with X-Forwarded-For', async () => {
    await started({ ADDRESS_FAILURES_PER_MINUTE: '1' });
    expect((await failFrom('192.0.2.1')).status).toBe(401);
    expect((await failFrom('192.0.2.2')).status).toBe(429);
  });

  it('is believed of a trusted proxy, and only its own word', async () => {
    await started({ ADDRESS_FAILURES_PER_MINUTE: '1', TRUSTED_PROXIES: '127.0.0.1' });
    expect((await failFrom('192.0.2.1')).status).toBe(401);
    expect((await failFrom('192.0.2.2')).status).toBe(401);
    // The caller wrote the first one, and the proxy the second.
    expect((await failFrom('192.0.2.3, 192.0.2.2')).status).toBe(429);
  });
});
