import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import type { SentResponse } from '../../../src/contract/responseValidation.ts';
import { handleParserErrors, trackRequest, type TrackedRequest } from '../../../src/http/parserErrors.ts';
import { closeGracefully } from '../../../src/http/connections.ts';
import { openContract, type Contract } from '../../../src/contract/engine.ts';
import { listen, rawClient } from '../../support/rawHttp.ts';
import { respondWithFirstExample } from '../../support/engine.ts';

let contract: Contract;
beforeAll(async () => {
  contract = await openContract(structuredClone(document), { notImplemented: respondWithFirstExample });
});

const SOON: ServerOptions = {
  headersTimeout: 300,
  requestTimeout: 300,
  connectionsCheckingInterval: 50,
  keepAliveTimeout: 5_000,
};

/** A server with our parser error handlers, which records what is reported to `onRefused` and `validateResponse`. */
async function startServer({
  handle = () => {},
  timeouts = SOON,
}: { handle?: (request: IncomingMessage, response: ServerResponse) => void; timeouts?: ServerOptions } = {}) {
  const refusals: { requestId: string; status: number; problem: string }[] = [];
  const validated: SentResponse[] = [];
  const server = createServer(timeouts, handle);
  // A listener that is there before, as Fastify's own.
  server.on('clientError', (_error, socket: Socket) => void socket.write('HTTP/1.1 400 Theirs\r\n\r\n'));
  handleParserErrors(server, {
    contract,
    createHeaders: (requestId) => ({ 'X-Request-Id': requestId }),
    onRefused: (refusal) => void refusals.push(refusal),
    validateResponse: (response) => void validated.push(response),
  });
  const { url, ends, close } = await listen(server);
  onTestFinished(close);
  return { server, url, ends, refusals, validated };
}

/** Begins a request whose body does not come to an end. */
const UNFINISHED = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n';
const WHOLE = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const GARBAGE = 'garbage\r\n\r\n';

describe('a parser error', () => {
  it.each<[string, string, number, string, string]>([
    ['bytes that are no HTTP', GARBAGE, 400, 'Bad Request', 'invalidRequest'],
    ['a CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'Bad Request', 'invalidRequest'],
    ['headers that never end', 'GET / HTTP/1.1\r\nX-Slow: ', 408, 'Request Timeout', 'requestTimeout'],
    [
      'headers that are too large',
      `GET / HTTP/1.1\r\nX-Flood: ${'x'.repeat(20_000)}`,
      431,
      'Request Header Fields Too Large',
      'headersTooLarge',
    ],
    [
      'an unsupported expectation',
      'GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n',
      417,
      'Expectation Failed',
      'expectationFailed',
    ],
  ])('gets the response of the contract, and is reported: %s', async (_what, bytes, status, reason, problem) => {
    const { url, refusals, validated } = await startServer();
    const client = rawClient(url);
    let firstLine = '';
    client.socket.once('data', (text) => ([firstLine] = text.toString().split('\r\n') as [string]));
    client.send(bytes);
    await client.closed;

    const { body } = contract.problemResponse(problem as 'invalidRequest');
    const text = JSON.stringify(body);
    const { responses, rest } = client.received();
    expect(firstLine).toBe(`HTTP/1.1 ${status} ${reason}`);
    expect(rest).toBe('');
    expect(responses).toEqual([
      {
        status,
        headers: expect.objectContaining({
          'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
          'x-error-code': problem,
          'content-type': 'application/json; charset=utf-8',
          'content-length': `${text.length}`,
          connection: 'close',
        }),
        text,
      },
    ]);
    const requestId = responses[0]!.headers['x-request-id'];
    expect(refusals).toEqual([{ requestId, status, problem }]);
    expect(validated).toEqual([
      {
        requestId,
        operation: undefined,
        status,
        headers: {
          'x-request-id': requestId,
          'x-error-code': problem,
          'content-type': 'application/json; charset=utf-8',
          'content-length': `${text.length}`,
          connection: 'close',
        },
        body,
      },
    ]);
  });

  it('gets no response while another is due, for which it would be taken: that one is the last of the connection', async () => {
    const received = Promise.withResolvers<ServerResponse>();
    const { url, refusals } = await startServer({ handle: (_request, response) => received.resolve(response) });
    const client = rawClient(url);
    client.send(WHOLE);
    const response = await received.promise;
    client.send(GARBAGE);
    await vi.waitUntil(() => !response.shouldKeepAlive);
    response.end('{}');
    await client.closed;
    expect(client.received()).toMatchObject({
      responses: [{ status: 200, headers: { connection: 'close' } }],
      rest: expect.not.stringContaining('HTTP'),
    });
    expect(refusals).toEqual([]);
  });

  it('closes the connection behind a response that is due, even where that one has already sent keep-alive', async () => {
    const begun = Promise.withResolvers<ServerResponse>();
    const { url } = await startServer({
      handle: (_request, response) => {
        response.setHeader('Content-Length', 2);
        response.write('{');
        begun.resolve(response);
      },
    });
    const client = rawClient(url);
    client.send(WHOLE);
    const response = await begun.promise;
    client.send(GARBAGE);
    await vi.waitUntil(() => !response.shouldKeepAlive, { interval: 5 });
    response.end('}');
    await client.closed;
    expect(client.received()).toMatchObject({ responses: [{ status: 200, text: '{}' }], rest: '' });
  });

  it('stops the reading of its connection', async () => {
    const { url, ends } = await startServer();
    const client = rawClient(url);
    const serverEnd = await ends.of(client);
    client.send(GARBAGE);
    client.send(Buffer.alloc(8 * 1024 * 1024, 'x'));
    await client.response();
    await once(serverEnd, 'close');
    expect(serverEnd.bytesRead).toBeLessThanOrEqual(256 * 1024);
    client.socket.destroy();
  });

  it('in the body of a tracked request is sent with the ID of that request, and recorded there', async () => {
    let known: TrackedRequest | undefined;
    const { url, refusals } = await startServer({
      handle: (_request, response) => (known = trackRequest(response, 'its-own')),
    });
    const client = rawClient(url);
    client.send(UNFINISHED);
    await vi.waitUntil(() => known);
    client.send(GARBAGE);
    await client.closed;
    expect(client.received().responses).toMatchObject([{ status: 400, headers: { 'x-request-id': 'its-own' } }]);
    expect(known).toEqual({ requestId: 'its-own', refusal: { status: 400, problem: 'invalidRequest' } });
    expect(refusals).toEqual([]);
  });

  it('gets one response, however much the client still sends', async () => {
    const { url, refusals } = await startServer();
    const client = rawClient(url);
    client.send(UNFINISHED);
    client.send(GARBAGE);
    client.send(GARBAGE);
    await client.closed;
    expect(client.received().responses).toHaveLength(1);
    expect(refusals).toHaveLength(1);
  });

  it('gets one response, though Node reports it twice', async () => {
    const { server, url, ends, refusals } = await startServer();
    const client = rawClient(url);
    const serverEnd = await ends.of(client);
    server.emit('clientError', new Error('once'), serverEnd);
    server.emit('clientError', new Error('twice'), serverEnd);
    await client.closed;
    expect(client.received().responses).toMatchObject([{ status: 400 }]);
    expect(refusals).toHaveLength(1);
  });

  it('gets no response on a reset connection, whether or not it is closed yet', async () => {
    const { server, url, ends, refusals } = await startServer();
    const client = rawClient(url);
    const serverEnd = await ends.of(client);
    server.emit('clientError', Object.assign(new Error('reset'), { code: 'ECONNRESET' }), serverEnd);
    expect(serverEnd.destroyed).toBe(true);
    server.emit('clientError', new Error('late'), serverEnd);
    await client.closed;
    expect(client.received()).toEqual({ responses: [], rest: '' });
    expect(refusals).toEqual([]);
  });

  it('gets no response, and is not reported, where the client resets its connection', async () => {
    const { url, ends, refusals, validated } = await startServer();
    const client = rawClient(url);
    const serverEnd = await ends.of(client);
    client.send('GET / HT');
    await vi.waitUntil(() => serverEnd.bytesRead > 0);
    client.socket.resetAndDestroy();
    await vi.waitUntil(() => serverEnd.destroyed);
    await nextTurn();
    expect([refusals, validated]).toEqual([[], []]);
  });

  it('does not end the process when the client of a CONNECT resets its connection', async () => {
    const { url, ends } = await startServer();
    const client = rawClient(url);
    const serverEnd = await ends.of(client);
    client.send('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.response();
    client.socket.resetAndDestroy();
    // No listener here: that would keep the process from ending, too.
    await vi.waitFor(() => expect(serverEnd.destroyed).toBe(true));
  });

  it('needs no response validation', async () => {
    const server = createServer();
    const statuses: number[] = [];
    handleParserErrors(server, {
      contract,
      createHeaders: () => ({}),
      onRefused: ({ status }) => void statuses.push(status),
    });
    const { url, close } = await listen(server);
    onTestFinished(close);
    const client = rawClient(url);
    client.send(GARBAGE);
    await client.closed;
    expect(statuses).toEqual([400]);
  });
});

describe('a partially received request when the server ends all connections', () => {
  it.each([
    ['headers', 'GET / HTTP/1.1\r\nX-Slow: '],
    ['a body', UNFINISHED],
    ['a body behind Upgrade', UNFINISHED.replace('Host', 'Connection: upgrade\r\nUpgrade: h2c\r\nHost')],
  ])('gets one 408, however often they are ended: %s', async (_what, bytes) => {
    const { server, url, ends, refusals } = await startServer({ timeouts: {} });
    const client = rawClient(url);
    const serverEnd = await ends.of(client);
    client.send(bytes);
    await vi.waitUntil(() => serverEnd.bytesRead >= bytes.length, { interval: 5 });
    closeGracefully(server);
    closeGracefully(server);
    await client.closed;
    expect(client.received()).toMatchObject({
      responses: [{ status: 408, headers: { connection: 'close' } }],
      rest: '',
    });
    expect(refusals).toMatchObject([{ status: 408, problem: 'requestTimeout' }]);
  });

  it('gets no response behind one that is due: that one is the last', async () => {
    const received = Promise.withResolvers<ServerResponse>();
    const { server, url, refusals } = await startServer({
      timeouts: {},
      handle: (request, response) => void (request.method === 'GET' && received.resolve(response)),
    });
    const client = rawClient(url);
    client.send(WHOLE + UNFINISHED);
    const response = await received.promise;
    await nextTurn();
    closeGracefully(server);
    closeGracefully(server);
    response.end('{}');
    await client.closed;
    expect(client.received()).toMatchObject({
      responses: [{ status: 200, headers: { connection: 'close' } }],
      rest: '',
    });
    expect(refusals).toEqual([]);
  });
});

describe('a CONNECT', () => {
  it('behind a request waits for the response to that one, and nothing behind it is read as a request', async () => {
    const responses: ServerResponse[] = [];
    const { url } = await startServer({ handle: (_request, response) => void responses.push(response) });
    const client = rawClient(url);
    client.send(`${WHOLE}CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n${WHOLE}`);
    await vi.waitUntil(() => responses.length > 0, { interval: 5 });
    await nextTurn();
    responses[0]!.end('{}');
    await client.closed;
    expect(client.received()).toMatchObject({
      responses: [{ status: 200, headers: { connection: 'close' } }],
      rest: '',
    });
    expect(responses).toHaveLength(1);
  });
});

describe('an expectation', () => {
  it('of 100 Continue is left to the handler, which knows whether the body is wanted', async () => {
    const { url } = await startServer({ handle: (_request, response) => response.end('{}') });
    const client = rawClient(url);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
    await expect(client.response()).resolves.toMatchObject({ status: 200 });
    client.socket.destroy();
  });

  it('behind the last response of a connection gets no response', async () => {
    const { url, refusals } = await startServer();
    const client = rawClient(url);
    const expecting = 'GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n';
    client.send(expecting + expecting);
    await client.closed;
    expect(client.received().responses).toMatchObject([{ status: 417 }]);
    expect(refusals).toHaveLength(1);
  });
});
