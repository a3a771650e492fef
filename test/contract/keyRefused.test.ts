import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { isKeyRefused } from './keyRefused.ts';

const REFUSAL = '{"status":401,"error":"Invalid API key"}';

let close: () => unknown = () => {};
afterEach(() => close());

/** A server that responds with this status and body. */
async function startServer(respond: (request: IncomingMessage) => [status: number, body: string]): Promise<string> {
  const server = createServer((request, response) => {
    const [status, body] = respond(request);
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(body);
  });
  close = () => server.close().closeAllConnections();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('a key is refused where every request gets 401', async () => {
  expect(await isKeyRefused(await startServer(() => [401, REFUSAL]), 'key')).toBe(true);
});

it('a 401 with another body is left to the cases', async () => {
  expect(await isKeyRefused(await startServer(() => [401, '{"error":"no"}']), 'key')).toBe(false);
});

it('another status is left to the cases', async () => {
  expect(await isKeyRefused(await startServer(() => [403, REFUSAL]), 'key')).toBe(false);
});

it('a 401 to some requests only is left to the cases', async () => {
  const url = await startServer(({ headers }) => [headers['content-type'] === 'text/plain' ? 415 : 401, REFUSAL]);
  expect(await isKeyRefused(url, 'key')).toBe(false);
});

it('a closed connection is left to the cases', async () => {
  const url = await startServer(({ socket }) => {
    socket.destroy();
    return [401, REFUSAL];
  });
  expect(await isKeyRefused(url, 'key')).toBe(false);
});
