import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { isKeyRefused } from './keyRefused.ts';

const REFUSAL = '{"status":401,"error":"Invalid API key"}';

let close: () => unknown = () => {};
afterEach(() => close());

/** Somebody who answers with this status and body. */
async function answering(answer: (request: IncomingMessage) => [status: number, body: string]): Promise<string> {
  const server = createServer((request, response) => {
    const [status, body] = answer(request);
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(body);
  });
  close = () => server.close().closeAllConnections();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('a key is refused where it opens nothing', async () => {
  expect(await isKeyRefused(await answering(() => [401, REFUSAL]), 'key')).toBe(true);
});

it('a deployment that refuses in other words is left to the cases', async () => {
  expect(await isKeyRefused(await answering(() => [401, '{"error":"no"}']), 'key')).toBe(false);
});

it('a deployment that refuses with another status is left to the cases', async () => {
  expect(await isKeyRefused(await answering(() => [403, REFUSAL]), 'key')).toBe(false);
});

it('a deployment that answers a known key with 401 now and then is left to the cases', async () => {
  const url = await answering(({ headers }) => [headers['content-type'] === 'text/plain' ? 415 : 401, REFUSAL]);
  expect(await isKeyRefused(url, 'key')).toBe(false);
});

it('a deployment that hangs up is left to the cases', async () => {
  const url = await answering(({ socket }) => {
    socket.destroy();
    return [401, REFUSAL];
  });
  expect(await isKeyRefused(url, 'key')).toBe(false);
});
