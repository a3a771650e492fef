import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  answersDue,
  endAfter,
  ending,
  followConnections,
  isNewest,
  isUnread,
  newestAwaited,
} from '../../src/connections.ts';
import { rawClient, serverEnds } from '../reliability/rawHttp.ts';

/** A server that keeps its requests, for a test to answer. */
async function keeping(handle: (request: IncomingMessage, response: ServerResponse) => void = () => {}) {
  const responses: ServerResponse[] = [];
  const server = createServer({ keepAliveTimeout: 20_000 }, (request, response) => {
    responses.push(response);
    handle(request, response);
  });
  followConnections(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ends = serverEnds(url);
  onTestFinished(() => {
    ends.stop();
    server.closeAllConnections();
    server.close();
  });
  return { url, ends, responses };
}

/** The handlers of so many requests have begun. */
const begun = (responses: readonly ServerResponse[], count: number) =>
  vi.waitUntil(() => responses.length === count, { interval: 5 });

const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const UNFINISHED = 'POST /unfinished HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n';

/** A client whose request is answered before its body has come to an end. */
async function answeredEarly() {
  const { url, ends } = await keeping((_request, response) => {
    endAfter(response);
    response.end('{}');
  });
  const client = rawClient(url);
  const socket = await ends.of(client);
  client.send(UNFINISHED);
  return { client, socket };
}

const statuses = (client: ReturnType<typeof rawClient>) => client.received().answers.map(({ status }) => status);

describe('a connection', () => {
  it('waits for the answers to its requests, in their order', async () => {
    const { url, ends, responses } = await keeping();
    const client = rawClient(url);
    client.send(ask('/1') + ask('/2'));
    await begun(responses, 2);
    const [first, second] = responses as [ServerResponse, ServerResponse];
    const socket = await ends.of(client);
    expect([newestAwaited(socket), isNewest(first), isNewest(second)]).toEqual([second, false, true]);
    expect(answersDue(socket)).toEqual([first, second]);

    first.end('{}');
    await once(first, 'close');
    expect(answersDue(socket)).toEqual([second]);
    second.end('{}');
    await once(second, 'close');
    expect([newestAwaited(socket), answersDue(socket)]).toEqual([undefined, []]);
    expect(ending.has(socket)).toBe(false);
    client.socket.destroy();
  });

  it('has no answer due where nothing was asked', async () => {
    const { url, ends } = await keeping();
    const client = rawClient(url);
    const socket = await ends.of(client);
    expect([newestAwaited(socket), answersDue(socket)]).toEqual([undefined, []]);
    client.socket.destroy();
  });

  it('has no answer due to a request that is not whole: it can have had no effect', async () => {
    const { url, ends, responses } = await keeping();
    const client = rawClient(url);
    client.send(UNFINISHED);
    await begun(responses, 1);
    const socket = await ends.of(client);
    expect([newestAwaited(socket), answersDue(socket)]).toEqual([responses[0], []]);
    client.socket.destroy();
  });

  it('brings its answer to a client that has ended its own side', async () => {
    const { url, responses } = await keeping();
    const client = rawClient(url);
    client.socket.end(ask('/'));
    await begun(responses, 1);
    await nextTurn();
    responses[0]!.end('{}');
    await client.closed;
    expect(statuses(client)).toEqual([200]);
  });

  it('ends gently: a client that goes on for a little while still reads its answer', async () => {
    const { client, socket } = await answeredEarly();
    await client.answer();
    const answeredAt = performance.now();
    client.send('x'.repeat(100));
    await once(socket, 'close');
    const lastedMs = performance.now() - answeredAt;
    expect(lastedMs).toBeGreaterThan(400);
    expect(lastedMs).toBeLessThan(1_000);
    await expect(client.closed).resolves.toBeDefined();
  });

  it('is gone at once where both sides have ended, and leaves nothing behind that would end it again', async () => {
    const { url, ends } = await keeping((_request, response) => {
      endAfter(response);
      response.end('{}');
    });
    const client = rawClient(url);
    const socket = await ends.of(client);
    const destroy = vi.spyOn(socket, 'destroy');
    client.send(ask('/'));
    const answered = await client.answer().then(() => performance.now());
    await once(socket, 'close');
    expect(performance.now() - answered).toBeLessThan(300);
    const calls = destroy.mock.calls.length;
    await new Promise((resolve) => void setTimeout(resolve, 600));
    expect(destroy.mock.calls).toHaveLength(calls);
  });
});

describe('the last answer', () => {
  it('says so, and the connection takes nothing behind it', async () => {
    const { url, responses } = await keeping((_request, response) => {
      endAfter(response);
      response.end('{}');
    });
    const client = rawClient(url);
    client.send(ask('/1') + ask('/2'));
    await client.closed;
    expect(client.received().answers).toMatchObject([{ status: 200, headers: { connection: 'close' } }]);
    expect(responses).toHaveLength(1);
  });

  it('waits for those before it', async () => {
    const { url, responses } = await keeping();
    const client = rawClient(url);
    client.send(ask('/1') + ask('/2'));
    await begun(responses, 2);
    const [first, second] = responses as [ServerResponse, ServerResponse];
    endAfter(second);
    first.end('{}');
    await once(first, 'close');
    await nextTurn();
    second.statusCode = 404;
    second.end('{}');
    await client.closed;
    expect(statuses(client)).toEqual([200, 404]);
  });

  it('is the one that its handler says is, too', async () => {
    const { url, responses } = await keeping((_request, response) => void response.setHeader('Connection', 'close'));
    const client = rawClient(url);
    client.send(ask('/1') + ask('/2'));
    await begun(responses, 1);
    await nextTurn();
    responses[0]!.end('{}');
    await client.closed;
    expect(statuses(client)).toEqual([200]);
    expect(responses).toHaveLength(1);
  });

  it('is not one that its handler says nothing of', async () => {
    const { url, responses } = await keeping((_request, response) => void response.end('{}'));
    const client = rawClient(url);
    client.send(ask('/1'));
    await client.answer(1);
    client.send(ask('/2'));
    await client.answer(2);
    expect(responses).toHaveLength(2);
    client.socket.destroy();
  });

  it('leaves the rest of its request unread', async () => {
    const { client, socket } = await answeredEarly();
    const flood = Buffer.alloc(1024 * 1024, 'x');
    for (let count = 0; count < 8; count += 1) client.send(flood);
    await client.answer();
    await once(socket, 'close');
    expect(socket.bytesRead).toBeLessThanOrEqual(256 * 1024);
    client.socket.destroy();
  });

  it('may come late: the rest of its request is unread until then, too', async () => {
    const { url, ends, responses } = await keeping((_request, response) => endAfter(response));
    const client = rawClient(url);
    const socket: Socket = await ends.of(client);
    client.send(UNFINISHED);
    await begun(responses, 1);
    const flood = Buffer.alloc(1024 * 1024, 'x');
    for (let count = 0; count < 8; count += 1) client.send(flood);
    await new Promise((resolve) => void setTimeout(resolve, 50));
    responses[0]!.end('{}');
    await once(socket, 'close');
    expect(statuses(client)).toEqual([200]);
    expect(socket.bytesRead).toBeLessThanOrEqual(256 * 1024);
    client.socket.destroy();
  });
});

describe('of a request', () => {
  it.each<[string, boolean, Record<string, string>, boolean]>([
    ['a body of a known length is to come', false, { 'content-length': '1' }, true],
    ['a body in chunks is to come', false, { 'transfer-encoding': 'chunked' }, true],
    ['no body is to come', false, { 'content-length': '0' }, false],
    ['no body was promised', false, {}, false],
    ['all has come', true, { 'content-length': '1' }, false],
    ['all chunks have come', true, { 'transfer-encoding': 'chunked' }, false],
  ])('%s', (_what, complete, headers, expected) => {
    expect(isUnread({ complete, headers } as unknown as IncomingMessage)).toBe(expected);
  });
});
