import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import {
  TransportError,
  stripeHttpClient,
  type TransportErrorKind,
  type StripeHttpClient,
} from '../../../../src/payments/stripe/httpClient.ts';
import { httpResponse, rawServer } from '../../../support/stripeServers.ts';
import { selfSigned } from '../../../support/selfSigned.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** A client of a server, and a function that makes one call with it. */
async function startClient(...[respond]: Parameters<typeof rawServer>) {
  const { url, close } = await rawServer(respond);
  const client = stripeHttpClient({ connectTimeoutMs: 200 });
  closers.push(close, () => client.close());
  return { client, call: () => callTo(url, client) };
}

function callTo(url: URL, client: StripeHttpClient, timeoutMs = 5_000) {
  const headers = { 'Content-Length': 8 };
  return client.makeRequest(url.hostname, url.port, '/v1/things', 'POST', headers, 'amount=1', 'http', timeoutMs);
}

/** A server that accepts connections and sends nothing, so that no TLS handshake completes. */
async function startSilentServer() {
  const connected = Promise.withResolvers<Socket>();
  const server = createServer((socket) => connected.resolve(socket.on('error', () => {})));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closers.push(async () => {
    (await connected.promise).destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, connected: connected.promise };
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n';
const ZIPPED = gzipSync('{"object": "payment_intent"}');
const ZIPPED_HEAD = `${OK}Content-Encoding: gzip\r\nContent-Length: ${ZIPPED.length}\r\n\r\n`;
const ZIPPED_RESPONSE = Buffer.concat([Buffer.from(ZIPPED_HEAD), ZIPPED]);
/** The reasons of failures. */
const NO_API = 'not a Stripe API response (200)';
const MISMATCH = 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

describe('stripeHttpClient', () => {
  it('keeps the type, code and parameter of an error, and not its message', async () => {
    const error = {
      type: 'invalid_request_error',
      code: 'x',
      param: 'y',
      message: 'Invalid API Key provided: sk_test_1',
    };
    const { call } = await startClient((_request, socket) => {
      socket.write(httpResponse({ error: { ...error, doc_url: 'https://', code_of: {} } }, 401));
    });
    const response = await call();
    await expect(response.toJSON()).resolves.toEqual({
      error: { type: 'invalid_request_error', code: 'x', param: 'y' },
    });
  });

  it('keeps only the headers that are read, in lower case', async () => {
    const headers = {
      'Request-Id': 'req_1',
      'IDEMPOTENT-REPLAYED': 'true',
      'Stripe-Notice': 'on stderr',
      'Set-Cookie': 'a',
    };
    const { call } = await startClient((_request, socket) => socket.write(httpResponse({}, 200, headers)));
    const response = await call();
    expect(response.getHeaders()).toEqual({ 'request-id': 'req_1', 'idempotent-replayed': 'true' });
  });

  it.each([
    ['a parameter', { param: 7 }],
    ['a code', { code: { words: 'sk_test_1' } }],
    ['a type', { type: ['sk_test_1'] }],
  ])('drops %s that is no string', async (_what, error) => {
    const { call } = await startClient((_request, socket) => socket.write(httpResponse({ error }, 400)));
    await expect((await call()).toJSON()).resolves.toEqual({ error: {} });
  });

  it('sends the request as given, and returns the response', async () => {
    const received = Promise.withResolvers<object>();
    const { call } = await startClient((request, socket) => {
      received.resolve(request);
      socket.write(httpResponse({ id: 'x' }, 201, { 'Request-Id': 'req_1' }));
    });
    const response = await call();
    expect(await received.promise).toMatchObject({
      head: expect.stringMatching(/^POST \/v1\/things HTTP\/1\.1\r\n[^]*\r\ncontent-length: 8/i),
      body: 'amount=1',
    });
    expect(response.getStatusCode()).toBe(201);
    expect(response.getRawResponse()).toEqual({ statusCode: 201, headers: { 'request-id': 'req_1' } });
    await expect(response.toJSON()).resolves.toEqual({ id: 'x' });
  });

  it('offers no stream, because its end could come after the deadline', async () => {
    const { call } = await startClient((_request, socket) => socket.write(httpResponse({})));
    const response = await call();
    expect(() => response.toStream(() => {})).toThrow('Streaming is not supported.');
  });

  it.each<[string, number, unknown]>([
    ['a number', 200, 42],
    ['null', 200, null],
    ['a list', 200, []],
    ['an error with a success status', 200, { error: { type: 'api_error' } }],
    ['a redirect', 300, {}],
    ['a failure without an error', 500, { id: 'x' }],
    ['a failure whose error is a string', 400, { error: 'no' }],
    ['a failure whose error is a list', 400, { error: [] }],
    ['a failure whose error is null', 400, { error: null }],
  ])('refuses %s as a response, and keeps the request ID', async (_what, status, body) => {
    const { call } = await startClient((_request, socket) => {
      socket.write(httpResponse(body, status, { 'Request-Id': 'req_1' }));
    });
    await expect(call()).rejects.toEqual(
      new TransportError('unusable', `not a Stripe API response (${status})`, status, { 'request-id': 'req_1' }),
    );
  });

  it.each<
    [string, TransportErrorKind, string, Partial<TransportError>, string | Uint8Array | ((socket: Socket) => void)]
  >([
    ['nothing', 'timeout', 'timed out', {}, ''],
    ['only early hints', 'timeout', 'timed out', {}, 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    [
      'a part of the body',
      'timeout',
      'timed out',
      { statusCode: 200, headers: { 'request-id': 'req_1' } },
      `${OK}Request-Id: req_1\r\nContent-Length: 9\r\n\r\n{`,
    ],
    ['half a JSON', 'unusable', NO_API, { statusCode: 200 }, `${OK}Content-Length: 1\r\n\r\n{`],
    ['compressed bytes', 'unusable', NO_API, { statusCode: 200 }, ZIPPED_RESPONSE],
    ['204', 'unusable', 'not a Stripe API response (204)', { statusCode: 204 }, 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['304', 'unusable', 'not a Stripe API response (304)', { statusCode: 304 }, 'HTTP/1.1 304 Not Modified\r\n\r\n'],
    ['the end', 'cut', 'UND_ERR_SOCKET', {}, (socket) => void socket.end()],
    ['a reset', 'cut', 'ECONNRESET', {}, (socket) => void socket.resetAndDestroy()],
    ['an unexpected 100', 'cut', 'UND_ERR_SOCKET', {}, 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['a switch of protocols', 'cut', 'ERR_ASSERTION', {}, 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
    ['no HTTP', 'cut', 'HTTPParserError', {}, 'no HTTP\r\n\r\n'],
    ['an unknown version', 'cut', 'HTTPParserError', {}, 'HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}'],
    ['a negative length', 'cut', 'HTTPParserError', {}, `${OK}Content-Length: -1\r\n\r\n{}`],
    ['a malformed chunk', 'cut', 'HTTPParserError', { statusCode: 200 }, `${OK}${CHUNKED}zz\r\n{}`],
    ['two lengths', 'cut', MISMATCH, {}, `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['a length and chunks', 'cut', MISMATCH, {}, `${OK}Content-Length: 2\r\n${CHUNKED}2\r\n{}\r\n0\r\n\r\n`],
    ['too many headers', 'cut', 'UND_ERR_HEADERS_OVERFLOW', {}, `${OK}X-Flood: ${'x'.repeat(40_000)}`],
    [
      'a body that never ends',
      'cut',
      'UND_ERR_RES_EXCEEDED_MAX_SIZE',
      { statusCode: 200 },
      `${OK}${CHUNKED}${`10000\r\n${'x'.repeat(0x10000)}\r\n`.repeat(40)}`,
    ],
  ])('fails where the response is %s', async (_what, kind, message, rest, response) => {
    const respond =
      typeof response === 'function' ? response : (socket: Socket) => void socket.write(Buffer.from(response));
    const { url, close } = await rawServer((_request, socket) => respond(socket));
    const client = stripeHttpClient({ connectTimeoutMs: 1_000 });
    closers.push(close, () => client.close());
    await expect(callTo(url, client, 300)).rejects.toEqual(
      new TransportError(kind, message, rest.statusCode, rest.headers),
    );
  });

  it('reads the response behind early hints', async () => {
    const { call } = await startClient((_request, socket) => {
      socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${httpResponse({ id: 'x' })}`);
    });
    await expect((await call()).toJSON()).resolves.toEqual({ id: 'x' });
  });

  it('sends nothing to a server whose certificate it does not trust', async () => {
    const received: Buffer[] = [];
    const server = createTlsServer(selfSigned('127.0.0.1'), (socket) =>
      socket.on('data', (part: Buffer) => received.push(part)),
    );
    server.on('tlsClientError', () => {});
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = stripeHttpClient({ connectTimeoutMs: 1_000 });
    closers.push(
      async () => void server.close(),
      () => client.close(),
    );
    const { port } = server.address() as AddressInfo;
    const call = client.makeRequest('127.0.0.1', String(port), '/', 'POST', {}, '', 'https', 5_000);
    await expect(call).rejects.toEqual(new TransportError('unreachable', 'DEPTH_ZERO_SELF_SIGNED_CERT'));
    expect(received).toEqual([]);
  });

  it('closes a connection whose response is too late', async () => {
    const received = Promise.withResolvers<Socket>();
    const { url, close } = await rawServer((_request, socket) => received.resolve(socket));
    const client = stripeHttpClient({ connectTimeoutMs: 200 });
    closers.push(close, () => client.close());
    const call = callTo(url, client, 100);
    const closed = once(await received.promise, 'close');
    await expect(call).rejects.toMatchObject({ kind: 'timeout' });
    await closed;
  });

  it('negotiates HTTP/1.1 only, and gives up a TLS handshake in time', { timeout: 2_000 }, async () => {
    const { port, connected } = await startSilentServer();
    const client = stripeHttpClient({ connectTimeoutMs: 100 });
    closers.push(() => client.close());
    const call = client.makeRequest('127.0.0.1', String(port), '/', 'POST', {}, '', 'https', 5_000);
    const failed = call.catch((error: unknown) => error);
    const socket = await connected;
    const [hello] = (await once(socket, 'data')) as [Buffer];
    expect(hello.includes('http/1.1')).toBe(true);
    expect(hello.includes('\x02h2', 0, 'latin1')).toBe(false);
    await once(socket, 'end');
    expect(await failed).toEqual(new TransportError('unreachable', 'connecting timed out'));
  });

  it('ends at the total timeout where the connect timeout is longer', async () => {
    const { port } = await startSilentServer();
    const client = stripeHttpClient({ connectTimeoutMs: 5_000 });
    closers.push(() => client.close());
    const call = client.makeRequest('127.0.0.1', String(port), '/', 'POST', {}, '', 'https', 100);
    await expect(call).rejects.toEqual(new TransportError('unreachable', 'timed out'));
  });

  it('has the name of its library', () => {
    expect(stripeHttpClient({ connectTimeoutMs: 1 }).getClientName()).toBe('undici');
  });

  it('leaves no timer, however its calls end', async () => {
    const { url, close } = await rawServer(({ before }, socket) => {
      if (before % 2 === 0) socket.write(httpResponse({}));
      else socket.destroy();
    });
    const gone = await rawServer(() => {});
    await gone.close();
    const client = stripeHttpClient({ connectTimeoutMs: 5_000 });
    closers.push(close, () => client.close());
    const calls = async () => {
      const outcomes = [];
      for (const where of [url, url, gone.url]) {
        outcomes.push(
          await callTo(where, client).then(
            () => 'responded',
            ({ kind }: TransportError) => kind,
          ),
        );
      }
      return outcomes;
    };
    await calls();
    const before = timers();
    for (let round = 0; round < 5; round++) expect(await calls()).toHaveLength(3);
    expect(timers()).toBeLessThan(before + 5);
  });

  it('does not apply the connect timeout to a call on an open connection', async () => {
    let delayed = 0;
    const { call } = await startClient(({ beforeOnSocket }, socket) => {
      delayed += beforeOnSocket > 0 ? 1 : 0;
      setTimeout(() => socket.write(httpResponse({})), beforeOnSocket > 0 ? 350 : 0);
    });
    await call();
    // Until the connection is free again.
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    await expect(call()).resolves.toBeDefined();
    expect(delayed).toBe(1);
  });

  it('reuses a connection for the next call', async () => {
    const places: number[] = [];
    const { call } = await startClient(({ beforeOnSocket }, socket) => {
      places.push(beforeOnSocket);
      socket.write(httpResponse({}));
    });
    for (let i = 0; i < 5; i++) await call();
    // One connection would do if the calls were further apart: right after an answer its connection is not yet free.
    expect(Math.max(...places)).toBeGreaterThan(0);
  });

  it('never sends a call that timed out while it waited for a connection', async () => {
    const held: Socket[] = [];
    const allHeld = Promise.withResolvers<void>();
    let requests = 0;
    const { client, call } = await startClient((_request, socket) => {
      requests++;
      if (held.push(socket) === 64) allHeld.resolve();
      if (requests > 64) socket.write(httpResponse({}));
    });
    const calls = Array.from({ length: 64 }, call);
    await allHeld.promise;
    await expect(call()).rejects.toMatchObject({ kind: 'unreachable' });

    for (const socket of held) socket.write(httpResponse({}));
    await Promise.all(calls);
    await call();
    expect(requests).toBe(65);
    await client.close();
  });

  it('applies the connect timeout exactly, which undici does not', async () => {
    const { url, close } = await rawServer(() => {});
    const client = stripeHttpClient({ connectTimeoutMs: 100 });
    closers.push(close, () => client.close());
    const startedAt = performance.now();
    // The handshake never gets an answer.
    const call = client.makeRequest(url.hostname, url.port, '/', 'POST', {}, '', 'https', 5_000);
    await expect(call).rejects.toMatchObject({ kind: 'unreachable' });
    expect(performance.now() - startedAt).toBeLessThan(400);
  });

  it('reports why it could not connect', async () => {
    const { url, close } = await rawServer(() => {});
    await close();
    const client = stripeHttpClient({ connectTimeoutMs: 1_000 });
    closers.push(() => client.close());
    await expect(callTo(url, client)).rejects.toEqual(new TransportError('unreachable', 'ECONNREFUSED'));
  });

  it('fails with a TransportError once it is closed', async () => {
    const { client, call } = await startClient(() => {});
    await client.close();
    await expect(call()).rejects.toEqual(new TransportError('unreachable', 'closed'));
  });

  it('lets calls in flight finish when connections are renewed', async () => {
    const received = Promise.withResolvers<Socket>();
    const { client, call } = await startClient((_request, socket) => received.resolve(socket));
    const response = call();
    const socket = await received.promise;
    client.renewConnections();
    socket.write(httpResponse({ id: 'x' }));
    await expect((await response).toJSON()).resolves.toEqual({ id: 'x' });
  });

  it('reuses no connection from before a renewal', async () => {
    const places: number[] = [];
    const { client, call } = await startClient(({ beforeOnSocket }, socket) => {
      places.push(beforeOnSocket);
      socket.write(httpResponse({}));
    });
    for (let round = 0; round < 3; round++) {
      await call();
      for (let turn = 0; turn < 10; turn++) await nextTurn();
      client.renewConnections();
    }
    expect(places).toEqual([0, 0, 0]);
  });

  it('cuts calls in flight on old connections, too, when it closes', async () => {
    const received = Promise.withResolvers<void>();
    const { client, call } = await startClient(() => received.resolve());
    const response = call();
    await received.promise;
    client.renewConnections();
    await Promise.all([expect(response).rejects.toMatchObject({ kind: 'cut' }), client.close()]);
  });
});
