import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { leaveUnread, limitChunks, readBody, stopReading } from '../../../src/http/body.ts';
import { listen, rawClient, rawRequest } from '../../support/rawHttp.ts';

/** A server that limits chunks. `receive` resolves with the next request as soon as its head is there. */
async function startServer() {
  const server = createServer();
  const { url, ends, close } = await listen(server);
  onTestFinished(close);
  /** The first bytes of a body come with its head. `begin` is what the server does with it at once. */
  async function receive<Value>(bytes: string | Uint8Array, begin: (request: IncomingMessage) => Value) {
    const begun = new Promise<{ request: IncomingMessage; value: Value }>((resolve) => {
      server.once('request', (request) => {
        limitChunks(request);
        resolve({ request, value: begin(request) });
      });
    });
    const client = rawClient(url);
    onTestFinished(() => void client.socket.destroy());
    client.send(bytes);
    return { client, ...(await begun) };
  }
  return { ends, receive };
}

const sized = (body: string, bytes = body.length) =>
  rawRequest('', { headers: ['Host: a', `Content-Length: ${bytes}`], body });
const chunked = (body: string) => rawRequest('', { headers: ['Host: a', 'Transfer-Encoding: chunked'], body });
const tiny = (count: number) => '1\r\ny\r\n'.repeat(count);
const END = '0\r\n\r\n';

const LIMITS = { maxBytes: 131_072 };
/** Resolves with the text of the body, or with the name of the problem. */
const readText = (request: IncomingMessage, limits = LIMITS) =>
  readBody(request, limits).then(
    (body) => body.toString(),
    (error: Error) => error.message,
  );

describe('a body', () => {
  it.each<[string, Uint8Array, string]>([
    ['of a known length', sized('{"amount":1}'), '{"amount":1}'],
    ['of no bytes', rawRequest('', { headers: ['Host: a'], body: '' }), ''],
    ['in one chunk', chunked(`3\r\nabc\r\n${END}`), 'abc'],
    ['in some chunks, with extensions and trailers', chunked(`1;x=y\r\na\r\n2\r\nbc\r\n0\r\nX-T: 1\r\n\r\n`), 'abc'],
    ['in no chunks', chunked(END), ''],
    ['as large as may be', sized('z'.repeat(131_072)), 'z'.repeat(131_072)],
    ['in as many chunks as may be', chunked(tiny(1_024) + END), 'y'.repeat(1_024)],
  ])('is read to the byte: a body %s', async (_what, bytes, expected) => {
    const { receive } = await startServer();
    const { value } = await receive(bytes, readText);
    expect(await value).toBe(expected);
  });

  it('is read to the byte in many segments', async () => {
    const { receive } = await startServer();
    const { client, request, value } = await receive(sized('', 3_000), readText);
    for (let count = 0; count < 30; count += 1) {
      client.send(String.fromCharCode(97 + (count % 26)).repeat(100));
      await once(request, 'data');
    }
    const expected = Array.from({ length: 30 }, (_, i) => String.fromCharCode(97 + (i % 26)).repeat(100));
    expect(await value).toBe(expected.join(''));
  });

  it.each<[string, Uint8Array]>([
    ['whose length says so', sized('', 131_073)],
    ['whose chunks say so', chunked(`20001\r\n${'z'.repeat(0x20001)}\r\n`)],
    ['in more than 1,024 chunks', chunked(tiny(1_025))],
  ])('is too large: a body %s', async (_what, bytes) => {
    const { receive } = await startServer();
    const { value } = await receive(bytes, readText);
    expect(await value).toBe('bodyTooLarge');
  });

  it('is too large also where its chunks came before it was read', async () => {
    const { receive } = await startServer();
    const { request } = await receive(chunked(tiny(1_025)), () => {});
    await vi.waitUntil(() => request.readableLength === 1_024, { interval: 5 });
    expect(await readText(request)).toBe('bodyTooLarge');
  });

  it('may come in 1,024 chunks however the network cuts them', async () => {
    const { receive } = await startServer();
    const { client, request, value } = await receive(chunked(''), readText);
    for (let count = 0; count < 4; count += 1) {
      // Each segment ends in the middle of a chunk.
      client.send(`${tiny(255)}2\r\ny`);
      await vi.waitUntil(() => request.socket.bytesRead >= 50 + (count + 1) * 1_534, { interval: 1 });
      client.send('y\r\n');
    }
    client.send(END);
    expect(await value).toBe('y'.repeat(4 * 257));
  });

  it('of a client that resets its connection fails with the error of the request', async () => {
    const { receive } = await startServer();
    const { client, request, value } = await receive(sized('a', 10), (incoming) => readBody(incoming, LIMITS));
    client.socket.resetAndDestroy();
    const error: unknown = await value.catch((reason: unknown) => reason);
    expect(error).toBe(request.errored);
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('of a client that reset its connection before the body was read fails in the same way', async () => {
    const { receive } = await startServer();
    const { client, request } = await receive(sized('a', 10), () => {});
    client.socket.resetAndDestroy();
    await vi.waitUntil(() => request.destroyed, { interval: 5 });
    await expect(readBody(request, LIMITS)).rejects.toBe(request.errored);
  });
});

describe('an unread body', () => {
  it('takes at most 16 chunks', async () => {
    const { receive } = await startServer();
    const { request } = await receive(chunked(tiny(5_000)), leaveUnread);
    await vi.waitUntil(() => request.readableLength >= 16, { interval: 5 });
    await nextTurn();
    expect(request.readableLength).toBe(16);
  });

  it('takes no chunks where reading is stopped before it has begun', async () => {
    const { receive } = await startServer();
    const { request, client } = await receive(chunked(tiny(100)), stopReading);
    client.send('x'.repeat(1_000_000));
    await vi.waitUntil(() => request.socket.bytesRead > 100, { interval: 5 });
    expect([request.readableLength, request.complete]).toEqual([0, false]);
    expect(request.socket.bytesRead).toBeLessThanOrEqual(65_536);
  });
});

describe('the parser of a connection', () => {
  it('is stopped at once: the end of a body in the same segment is not parsed', async () => {
    const { receive } = await startServer();
    const { request, value } = await receive(chunked(tiny(1_025) + END), readText);
    await value;
    expect(request.complete).toBe(false);
  });

  it('is restored for the next connection', async () => {
    const { ends, receive } = await startServer();
    for (let count = 0; count < 5; count += 1) {
      const { request, client, value } = await receive(chunked(tiny(1_025)), readText);
      const { parser } = request.socket as unknown as { parser: object };
      await value;
      client.socket.destroy();
      request.socket.destroy();
      await vi.waitUntil(() => ends.open.size === 0, { interval: 5 });
      const next = await receive(chunked(`3\r\nabc\r\n${END}`), readText);
      // Node gives it out again: otherwise this test proves nothing.
      expect((next.request.socket as unknown as { parser: object }).parser).toBe(parser);
      expect(await next.value).toBe('abc');
      next.client.socket.destroy();
      await vi.waitUntil(() => ends.open.size === 0, { interval: 5 });
    }
  });
});
