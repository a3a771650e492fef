import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
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
import { listen, rawClient } from '../../support/rawHttp.ts';

/** A server that leaves the responses to the test. */
async function startServer(handle: (request: IncomingMessage, response: ServerResponse) => void = () => {}) {
  const responses: ServerResponse[] = [];
  const server = createServer({ keepAliveTimeout: 20_000 }, (request, response) => {
    responses.push(response);
    handle(request, response);
  });
  trackConnections(server);
  const { url, ends, close } = await listen(server);
  onTestFinished(close);
  return { server, url, ends, responses };
}

/** The handlers of so many requests have begun. */
const begun = (responses: readonly ServerResponse[], count: number) =>
  vi.waitUntil(() => responses.length === count, { interval: 5 });

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const UNFINISHED = 'POST /unfinished HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n';

/** A client that gets the last response of its connection before it has sent its whole body. */
async function respondedEarly() {
  const { url, ends } = await startServer((_request, response) => {
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
    const { server, url, ends, responses } = await startServer();
    let parsed = 0;
    server.on('request', () => (parsed += 1));
    const client = rawClient(url);
    client.send(Array.from({ length: 1_000 }, (_, index) => get(`/${index}`)).join(''));
    await begun(responses, 32);
    expect([parsed, (await ends.of(client)).isPaused()]).toEqual([33, true]);
    responses.forEach((response) => void response.end('{}'));
    await client.closed;
    const { responses: received } = client.received();
    expect(received.map(({ headers }) => headers['connection'])).toEqual([...Array(31).fill('keep-alive'), 'close']);
  });

  it('takes any number of requests, one behind the response to the other', async () => {
    const { url } = await startServer((_request, response) => void response.end('{}'));
    const client = rawClient(url);
    for (let sent = 1; sent <= 100; sent += 1) {
      client.send(get('/'));
      await client.response(sent);
    }
    expect(statuses(client)).toEqual(Array(100).fill(200));
    client.socket.destroy();
  });

  it('knows the responses that are due, in the order of their requests', async () => {
    const { url, ends, responses } = await startServer();
    const client = rawClient(url);
    client.send(get('/1') + get('/2'));
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

  it('has no response due without a request', async () => {
    const { url, ends } = await startServer();
    const client = rawClient(url);
    const socket = await ends.of(client);
    expect([findLastInFlight(socket), findDueResponses(socket)]).toEqual([undefined, []]);
    client.socket.destroy();
  });

  it('has no response due to a request that is not complete: it can have had no effect', async () => {
    const { url, ends, responses } = await startServer();
    const client = rawClient(url);
    client.send(UNFINISHED);
    await begun(responses, 1);
    const socket = await ends.of(client);
    expect([findLastInFlight(socket), findDueResponses(socket)]).toEqual([responses[0], []]);
    client.socket.destroy();
  });

  it('delivers the response to a client that has ended its own side', async () => {
    const { url, responses } = await startServer();
    const client = rawClient(url);
    client.socket.end(get('/'));
    await begun(responses, 1);
    await nextTurn();
    responses[0]!.end('{}');
    await client.closed;
    expect(statuses(client)).toEqual([200]);
  });

  it('lingers: a client that is still sending reads its response', async () => {
    const { client, socket } = await respondedEarly();
    await client.response();
    const respondedAt = performance.now();
    client.send('x'.repeat(100));
    await once(socket, 'close');
    const lastedMs = performance.now() - respondedAt;
    expect(lastedMs).toBeGreaterThan(400);
    expect(lastedMs).toBeLessThan(1_000);
    await expect(client.closed).resolves.toBeDefined();
  });

  it('closes at once where both sides have ended, and leaves no timer that would destroy it again', async () => {
    const { url, ends } = await startServer((_request, response) => {
      closeAfter(response);
      response.end('{}');
    });
    const client = rawClient(url);
    const socket = await ends.of(client);
    const destroy = vi.spyOn(socket, 'destroy');
    client.send(get('/'));
    const respondedAt = await client.response().then(() => performance.now());
    await once(socket, 'close');
    expect(performance.now() - respondedAt).toBeLessThan(300);
    const calls = destroy.mock.calls.length;
    await new Promise((resolve) => void setTimeout(resolve, 600));
    expect(destroy.mock.calls).toHaveLength(calls);
  });
});

describe('the last response of a connection', () => {
  it('says Connection: close, and no request behind it is handled', async () => {
    const { url, responses } = await startServer((_request, response) => {
      closeAfter(response);
      response.end('{}');
    });
    const client = rawClient(url);
    client.send(get('/1') + get('/2'));
    await client.closed;
    expect(client.received().responses).toMatchObject([{ status: 200, headers: { connection: 'close' } }]);
    expect(responses).toHaveLength(1);
  });

  it('waits for the responses before it', async () => {
    const { url, responses } = await startServer();
    const client = rawClient(url);
    client.send(get('/1') + get('/2'));
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

  it('is also one whose handler sets Connection: close', async () => {
    const { url, responses } = await startServer(
      (_request, response) => void response.setHeader('Connection', 'close'),
    );
    const client = rawClient(url);
    client.send(get('/1') + get('/2'));
    await begun(responses, 1);
    await nextTurn();
    responses[0]!.end('{}');
    await client.closed;
    expect(statuses(client)).toEqual([200]);
    expect(responses).toHaveLength(1);
  });

  it('is not one whose handler says nothing of the connection', async () => {
    const { url, responses } = await startServer((_request, response) => void response.end('{}'));
    const client = rawClient(url);
    client.send(get('/1'));
    await client.response(1);
    client.send(get('/2'));
    await client.response(2);
    expect(responses).toHaveLength(2);
    client.socket.destroy();
  });

  it('leaves the rest of its request body unread', async () => {
    const { client, socket } = await respondedEarly();
    const flood = Buffer.alloc(1024 * 1024, 'x');
    for (let count = 0; count < 8; count += 1) client.send(flood);
    await client.response();
    await once(socket, 'close');
    expect(socket.bytesRead).toBeLessThanOrEqual(256 * 1024);
    client.socket.destroy();
  });

  it('leaves the rest of its request body unread also while it is pending', async () => {
    const { url, ends, responses } = await startServer((_request, response) => closeAfter(response));
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
  it('closes after 5 seconds where no request has authenticated, and says so in Keep-Alive', async () => {
    const { url, ends } = await startServer((_request, response) => void response.end('{}'));
    const client = rawClient(url);
    client.send(get('/'));
    const { headers } = await client.response();
    expect(headers['keep-alive']).toBe('timeout=5');
    expect((await ends.of(client)).timeout).toBe(6_000);
    client.socket.destroy();
  });

  it('may idle as long as the server allows, from the first authenticated request on', async () => {
    const { server, url, ends } = await startServer((request, response) => {
      if (request.url === '/key') keepOpen(response);
      response.end('{}');
    });
    const client = rawClient(url);
    const socket = await ends.of(client);
    const seen: unknown[] = [];
    for (const [index, path] of ['/', '/key', '/'].entries()) {
      client.send(get(path));
      const { headers } = await client.response(index + 1);
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

  it('is not idle while a response is due', async () => {
    const { url, ends, responses } = await startServer();
    const client = rawClient(url);
    client.send(get('/1') + get('/2'));
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

  it('is the last of its connection, because Node loses what comes behind it in the same segment', async () => {
    const { url, responses } = await startServer((_request, response) => void response.end('{}'));
    const client = rawClient(url);
    client.send(`GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n${get('/behind')}`);
    await client.closed;
    expect(client.received().responses).toMatchObject([{ status: 200, headers: { connection: 'close' } }]);
    expect(responses).toHaveLength(1);
  });

  it('is an ordinary request whose body is read to the end', async () => {
    const { url } = await startServer((request, response) => {
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

  it('gets its response also where it completes only behind the response before it', async () => {
    const { url, responses } = await startServer((request, response) => {
      if (request.method === 'POST') request.resume().once('end', () => response.end('{"whole":true}'));
    });
    const client = rawClient(url);
    client.send(`${get('/')}POST / HTTP/1.1\r\nHost: a\r\n${UPGRADE}Content-Length: 2\r\n\r\na`);
    await begun(responses, 2);
    responses[0]!.end('{}');
    await once(responses[0]!, 'close');
    client.send('b');
    await client.closed;
    expect(client.received().responses.map(({ text }) => text)).toEqual(['{}', '{"whole":true}']);
  });
});

describe('endUnfinished', () => {
  it('refuses partially received requests, closes idle connections, and leaves those alone that wait for a response', async () => {
    const { server, url, ends, responses } = await startServer((request, response) => {
      if (request.url === '/idle') response.end('{}');
    });
    const [idle, inHead, inBody, waiting] = [1, 2, 3, 4].map(() => rawClient(url)) as [Client, Client, Client, Client];
    idle.send(get('/idle'));
    await idle.response();
    inBody.send(UNFINISHED);
    waiting.send(get('/waiting'));
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

describe('hasUnreadBody', () => {
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
