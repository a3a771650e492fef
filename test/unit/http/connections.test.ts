import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  findDueResponses,
  connectionsClosed,
  closeAfter,
  closeGracefully,
  closing,
  trackConnections,
  isLastInPipeline,
  hasUnreadBody,
  keepOpen,
  findLastInFlight,
} from '../../../src/http/connections.ts';
import { rawClient, serverEnds } from '../../support/rawHttp.ts';

/** A server that keeps its requests, for a test to answer. */
async function keeping(handle: (request: IncomingMessage, response: ServerResponse) => void = () => {}) {
  const responses: ServerResponse[] = [];
  const server = createServer({ keepAliveTimeout: 20_000 }, (request, response) => {
    responses.push(response);
    handle(request, response);
  });
  trackConnections(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ends = serverEnds(url);
  onTestFinished(() => {
    ends.stop();
    server.closeAllConnections();
    server.close();
  });
  return { server, url, ends, responses };
}

/** The handlers of so many requests have begun. */
const begun = (responses: readonly ServerResponse[], count: number) =>
  vi.waitUntil(() => responses.length === count, { interval: 5 });

const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const UNFINISHED = 'POST /unfinished HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n';

/** A client whose request is answered before its body has come to an end. */
async function answeredEarly() {
  const { url, ends } = await keeping((_request, response) => {
    closeAfter(response);
    response.end('{}');
  });
  const client = rawClient(url);
  const socket = await ends.of(client);
  client.send(UNFINISHED);
  return { client, socket };
}

type Client = ReturnType<typeof rawClient>;

const statuses = (client: ReturnType<typeof rawClient>) => client.received().responses.map(({ status }) => status);

describe('a connection', () => {
  it('takes 32 requests before their responses, reads nothing behind them, and closes behind the last response', async () => {
    const { server, url, ends, responses } = await keeping();
    let parsed = 0;
    server.on('request', () => (parsed += 1));
    const client = rawClient(url);
    client.send(Array.from({ length: 1_000 }, (_, index) => ask(`/${index}`)).join(''));
    await begun(responses, 32);
    expect([parsed, (await ends.of(client)).isPaused()]).toEqual([33, true]);
    responses.forEach((response) => void response.end('{}'));
    await client.closed;
    const { responses: received } = client.received();
    expect(received.map(({ headers }) => headers['connection'])).toEqual([...Array(31).fill('keep-alive'), 'close']);
  });

  it('takes any number of requests, one behind the response to the other', async () => {
    const { url } = await keeping((_request, response) => void response.end('{}'));
    const client = rawClient(url);
    for (let sent = 1; sent <= 100; sent += 1) {
      client.send(ask('/'));
      await client.response(sent);
    }
    expect(statuses(client)).toEqual(Array(100).fill(200));
    client.socket.destroy();
  });

  it('waits for the answers to its requests, in their order', async () => {
    const { url, ends, responses } = await keeping();
    const client = rawClient(url);
    client.send(ask('/1') + ask('/2'));
    await begun(responses, 2);
    const [first, second] = responses as [ServerResponse, ServerResponse];
    const socket = await ends.of(client);
    expect([findLastInFlight(socket), isLastInPipeline(first), isLastInPipeline(second)]).toEqual([
      second,
      false,
      true,
    ]);
    expect(findDueResponses(socket)).toEqual([first, second]);

    first.end('{}');
    await once(first, 'close');
    expect(findDueResponses(socket)).toEqual([second]);
    second.end('{}');
    await once(second, 'close');
    expect([findLastInFlight(socket), findDueResponses(socket)]).toEqual([undefined, []]);
    expect(closing.has(socket)).toBe(false);
    client.socket.destroy();
  });

  it('has no answer due where nothing was asked', async () => {
    const { url, ends } = await keeping();
    const client = rawClient(url);
    const socket = await ends.of(client);
    expect([findLastInFlight(socket), findDueResponses(socket)]).toEqual([undefined, []]);
    client.socket.destroy();
  });

  it('has no answer due to a request that is not whole: it can have had no effect', async () => {
    const { url, ends, responses } = await keeping();
    const client = rawClient(url);
    client.send(UNFINISHED);
    await begun(responses, 1);
    const socket = await ends.of(client);
    expect([findLastInFlight(socket), findDueResponses(socket)]).toEqual([responses[0], []]);
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
    await client.response();
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
      closeAfter(response);
      response.end('{}');
    });
    const client = rawClient(url);
    const socket = await ends.of(client);
    const destroy = vi.spyOn(socket, 'destroy');
    client.send(ask('/'));
    const answered = await client.response().then(() => performance.now());
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
      closeAfter(response);
      response.end('{}');
    });
    const client = rawClient(url);
    client.send(ask('/1') + ask('/2'));
    await client.closed;
    expect(client.received().responses).toMatchObject([{ status: 200, headers: { connection: 'close' } }]);
    expect(responses).toHaveLength(1);
  });

  it('waits for those before it', async () => {
    const { url, responses } = await keeping();
    const client = rawClient(url);
    client.send(ask('/1') + ask('/2'));
    await begun(responses, 2);
    const [first, second] = responses as [ServerResponse, ServerResponse];
    closeAfter(second);
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
    await client.response(1);
    client.send(ask('/2'));
    await client.response(2);
    expect(responses).toHaveLength(2);
    client.socket.destroy();
  });

  it('leaves the rest of its request unread', async () => {
    const { client, socket } = await answeredEarly();
    const flood = Buffer.alloc(1024 * 1024, 'x');
    for (let count = 0; count < 8; count += 1) client.send(flood);
    await client.response();
    await once(socket, 'close');
    expect(socket.bytesRead).toBeLessThanOrEqual(256 * 1024);
    client.socket.destroy();
  });

  it('may come late: the rest of its request is unread until then, too', async () => {
    const { url, ends, responses } = await keeping((_request, response) => closeAfter(response));
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

describe('an idle connection', () => {
  it('closes after 5 seconds where nobody has authenticated, and says so', async () => {
    const { url, ends } = await keeping((_request, response) => void response.end('{}'));
    const client = rawClient(url);
    client.send(ask('/'));
    const { headers } = await client.response();
    expect(headers['keep-alive']).toBe('timeout=5');
    expect((await ends.of(client)).timeout).toBe(6_000);
    client.socket.destroy();
  });

  it('has the time that the server allows from the first request on that authenticates', async () => {
    const { server, url, ends } = await keeping((request, response) => {
      if (request.url === '/key') keepOpen(response);
      response.end('{}');
    });
    const client = rawClient(url);
    const socket = await ends.of(client);
    const seen: unknown[] = [];
    for (const [asked, path] of ['/', '/key', '/'].entries()) {
      client.send(ask(path));
      const { headers } = await client.response(asked + 1);
      seen.push([headers['keep-alive'], socket.timeout]);
    }
    const allowedMs = server.keepAliveTimeout + 1_000;
    expect(seen).toEqual([
      ['timeout=5', 6_000],
      ['timeout=72', allowedMs],
      ['timeout=20', allowedMs],
    ]);
    client.socket.destroy();
  });

  it('is none while a response is due', async () => {
    const { url, ends, responses } = await keeping();
    const client = rawClient(url);
    client.send(ask('/1') + ask('/2'));
    await begun(responses, 2);
    const [first, second] = responses as [ServerResponse, ServerResponse];
    first.end('{}');
    await client.response();
    const socket = await ends.of(client);
    expect(socket.timeout).not.toBe(6_000);
    second.end('{}');
    await client.response(2);
    expect(socket.timeout).toBe(6_000);
    client.socket.destroy();
  });
});

describe('a request with Upgrade', () => {
  const UPGRADE = 'Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: h2c\r\n';

  it('is the last of its connection: Node loses what comes behind it in the same segment', async () => {
    const { url, responses } = await keeping((_request, response) => void response.end('{}'));
    const client = rawClient(url);
    client.send(`GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n${ask('/behind')}`);
    await client.closed;
    expect(client.received().responses).toMatchObject([{ status: 200, headers: { connection: 'close' } }]);
    expect(responses).toHaveLength(1);
  });

  it('is an ordinary one: its body is read to the end', async () => {
    const { url } = await keeping((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.once('end', () => response.end(JSON.stringify({ read: Buffer.concat(chunks).toString() })));
    });
    const client = rawClient(url);
    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${UPGRADE}Content-Length: 2\r\n\r\na`);
    await nextTurn();
    client.send('b');
    await client.closed;
    expect(client.received().responses).toMatchObject([{ text: '{"read":"ab"}', headers: { connection: 'close' } }]);
  });

  it('has its response, too, where it comes whole behind the response to the one before it', async () => {
    const { url, responses } = await keeping((request, response) => {
      if (request.method === 'POST') request.resume().once('end', () => response.end('{"whole":true}'));
    });
    const client = rawClient(url);
    client.send(`${ask('/')}POST / HTTP/1.1\r\nHost: a\r\n${UPGRADE}Content-Length: 2\r\n\r\na`);
    await begun(responses, 2);
    responses[0]!.end('{}');
    await once(responses[0]!, 'close');
    client.send('b');
    await client.closed;
    expect(client.received().responses.map(({ text }) => text)).toEqual(['{}', '{"whole":true}']);
  });
});

describe('the end of all connections', () => {
  it('is reported of those in the middle of a request, closes idle ones, and leaves alone those that wait for a response', async () => {
    const { server, url, ends, responses } = await keeping((request, response) => {
      if (request.url === '/idle') response.end('{}');
    });
    const [idle, inHead, inBody, waiting] = [1, 2, 3, 4].map(() => rawClient(url)) as [Client, Client, Client, Client];
    idle.send(ask('/idle'));
    await idle.response();
    inBody.send(UNFINISHED);
    waiting.send(ask('/waiting'));
    await begun(responses, 3);
    const inHeadEnd = await ends.of(inHead);
    inHead.send('GET / HTTP/1.1\r\nX-Slow: ');
    await vi.waitUntil(() => inHeadEnd.bytesRead > 0, { interval: 5 });
    const reported = new Map<Socket, string | undefined>();
    server.on('clientError', ({ code }: NodeJS.ErrnoException, socket: Socket) => void reported.set(socket, code));

    closeGracefully(server);
    const closed = connectionsClosed(server);
    await Promise.all([idle, inHead, inBody].map((client) => client.closed));
    const waitingEnd = await ends.of(waiting);
    await vi.waitUntil(() => ends.open.size === 1, { interval: 5 });
    expect(waitingEnd.destroyed).toBe(false);
    expect([...reported.values()]).toEqual(Array.from({ length: 3 }, () => 'ERR_HTTP_REQUEST_TIMEOUT'));
    expect([inHeadEnd, waitingEnd].map((socket) => reported.has(socket))).toEqual([true, true]);
    const response = responses.find(({ req }) => req.url === '/waiting')!;
    closeAfter(response);
    response.end('{}');
    await closed;
    expect(statuses(waiting)).toEqual([200]);
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
    expect(hasUnreadBody({ complete, headers } as unknown as IncomingMessage)).toBe(expected);
  });
});
