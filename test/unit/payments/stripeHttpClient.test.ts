import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { NoAnswer, stripeHttpClient, type StripeHttpClient } from '../../../src/payments/stripeHttpClient.ts';
import { httpAnswer, rawServer } from './servers.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** A client of a server, and one call with it. */
async function calling(...[answer]: Parameters<typeof rawServer>) {
  const { url, close } = await rawServer(answer);
  const client = stripeHttpClient({ connectTimeoutMs: 200 });
  closers.push(close, () => client.close());
  return { client, call: () => callTo(url, client) };
}

function callTo(url: URL, client: StripeHttpClient) {
  const headers = { 'Content-Length': 8 };
  return client.makeRequest(url.hostname, url.port, '/v1/things', 'POST', headers, 'amount=1', 'http', 5_000);
}

describe('stripeHttpClient', () => {
  it("lets in an error's type, code and parameter, and none of its words", async () => {
    const error = {
      type: 'invalid_request_error',
      code: 'x',
      param: 'y',
      message: 'Invalid API Key provided: sk_test_1',
    };
    const { call } = await calling((_request, socket) => {
      socket.write(httpAnswer({ error: { ...error, doc_url: 'https://', code_of: {} } }, 401));
    });
    const answer = await call();
    await expect(answer.toJSON()).resolves.toEqual({ error: { type: 'invalid_request_error', code: 'x', param: 'y' } });
  });

  it('lets in the headers that are read, in lower case, and no other', async () => {
    const headers = {
      'Request-Id': 'req_1',
      'IDEMPOTENT-REPLAYED': 'true',
      'Stripe-Notice': 'on stderr',
      'Set-Cookie': 'a',
    };
    const { call } = await calling((_request, socket) => socket.write(httpAnswer({}, 200, headers)));
    const answer = await call();
    expect(answer.getHeaders()).toEqual({ 'request-id': 'req_1', 'idempotent-replayed': 'true' });
  });

  it('keeps a connection for the next call', async () => {
    const places: number[] = [];
    const { call } = await calling(({ beforeOnSocket }, socket) => {
      places.push(beforeOnSocket);
      socket.write(httpAnswer({}));
    });
    for (let i = 0; i < 5; i++) await call();
    // One connection would do if the calls were further apart: right after an answer its connection is not yet free.
    expect(Math.max(...places)).toBeGreaterThan(0);
  });

  it('never sends a call that was given up while it waited for a connection', async () => {
    const held: Socket[] = [];
    const allHeld = Promise.withResolvers<void>();
    let requests = 0;
    const { client, call } = await calling((_request, socket) => {
      requests++;
      if (held.push(socket) === 64) allHeld.resolve();
      if (requests > 64) socket.write(httpAnswer({}));
    });
    const calls = Array.from({ length: 64 }, call);
    await allHeld.promise;
    await expect(call()).rejects.toMatchObject({ kind: 'unreachable' });

    for (const socket of held) socket.write(httpAnswer({}));
    await Promise.all(calls);
    await call();
    expect(requests).toBe(65);
    await client.close();
  });

  it('takes no longer to connect than it may, which is less than undici takes', async () => {
    const { url, close } = await rawServer(() => {});
    const client = stripeHttpClient({ connectTimeoutMs: 100 });
    closers.push(close, () => client.close());
    const startedAt = performance.now();
    // The handshake never gets an answer.
    const call = client.makeRequest(url.hostname, url.port, '/', 'POST', {}, '', 'https', 5_000);
    await expect(call).rejects.toMatchObject({ kind: 'unreachable' });
    expect(performance.now() - startedAt).toBeLessThan(400);
  });

  it('fails with NoAnswer once it is closed', async () => {
    const { client, call } = await calling(() => {});
    await client.close();
    await expect(call()).rejects.toThrow(NoAnswer);
  });

  it('lets calls under way end when it takes new connections', async () => {
    const asked = Promise.withResolvers<Socket>();
    const { client, call } = await calling((_request, socket) => asked.resolve(socket));
    const answer = call();
    const socket = await asked.promise;
    client.renewConnections();
    socket.write(httpAnswer({ id: 'x' }));
    await expect((await answer).toJSON()).resolves.toEqual({ id: 'x' });
  });

  it('cuts calls under way on renewed connections, too, when it closes', async () => {
    const asked = Promise.withResolvers<void>();
    const { client, call } = await calling(() => asked.resolve());
    const answer = call();
    await asked.promise;
    client.renewConnections();
    await Promise.all([expect(answer).rejects.toMatchObject({ kind: 'cut' }), client.close()]);
  });
});
