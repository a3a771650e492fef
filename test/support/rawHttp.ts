/** HTTP as bytes: sends requests that no HTTP client would send, and reads the exact bytes of the responses. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

export interface RawResponse {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  text: string;
}

export interface Received {
  /** In order of arrival, including those with a status of 1xx. */
  responses: readonly RawResponse[];
  /** The bytes after the last complete response. */
  rest: string;
}

export interface RawClient {
  socket: Socket;
  send(bytes: string | Uint8Array): void;
  /** Everything received so far. */
  received(): Received;
  /** Resolves with the response of this number, from 1; rejects when the connection closes before it. */
  response(count?: number): Promise<RawResponse>;
  /** Resolves with how the connection was closed, once it is. */
  closed: Promise<'ended' | 'reset'>;
}

/** Opens a connection. Sends nothing until `send` is called. */
export function rawClient(baseUrl: string): RawClient {
  const { hostname, port } = new URL(baseUrl);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
  let text = '';
  let outcome: 'ended' | 'reset' = 'ended';
  const waiting = new Set<() => void>();
  const wake = () => waiting.forEach((look) => look());
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    wake();
  });
  // Ends the client's side too: a socket that only the server has ended stays open.
  socket.on('end', () => socket.end());
  socket.on('error', () => (outcome = 'reset'));
  const closed = new Promise<'ended' | 'reset'>((resolve) => {
    socket.once('close', () => resolve(outcome));
  });
  void closed.then(wake);
  return {
    socket,
    closed,
    send: (bytes) => void socket.write(bytes),
    received: () => parseResponses(text),
    response: (count = 1) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const response = parseResponses(text).responses[count - 1];
          if (response) resolve(response);
          else if (socket.closed) reject(new Error(`closed without response ${count}: ${JSON.stringify(text)}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
  };
}

export interface ServerEnds {
  /** The server's sockets of all connections that are open now. */
  open: ReadonlySet<Socket>;
  /** The server's socket of this connection. */
  of(client: RawClient): Promise<Socket>;
  stop(): void;
}

/** Tracks the sockets of a server in this process: what it has read from them, and which of them are still open. */
export function serverEnds(baseUrl: string): ServerEnds {
  const port = Number(new URL(baseUrl).port);
  const open = new Set<Socket>();
  const byPort = new Map<number, Socket>();
  const follow = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort !== port) return;
    open.add(socket);
    byPort.set(socket.remotePort!, socket);
    socket.once('close', () => {
      open.delete(socket);
      byPort.delete(socket.remotePort!);
    });
  };
  subscribe('net.server.socket', follow);
  return {
    open,
    async of({ socket }) {
      if (socket.connecting) await once(socket, 'connect');
      while (!byPort.has(socket.localPort!)) await turn();
      return byPort.get(socket.localPort!)!;
    },
    stop: () => unsubscribe('net.server.socket', follow),
  };
}

/** Lets a server listen on a free port of 127.0.0.1. `close` cuts every connection. */
export async function listen(server: Server): Promise<{ url: string; ends: ServerEnds; close: () => void }> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ends = serverEnds(url);
  return {
    url,
    ends,
    close() {
      ends.stop();
      server.close();
      // Those that the server has handed over as well.
      ends.open.forEach((socket) => socket.destroy());
    },
  };
}

export interface Exchange extends Received {
  ending: 'ended' | 'reset';
}

/** Sends the bytes, ends the client's side, and reads until the connection is closed. */
export async function exchange(baseUrl: string, bytes: string | Uint8Array): Promise<Exchange> {
  const client = rawClient(baseUrl);
  client.socket.end(bytes);
  const ending = await client.closed;
  return { ...client.received(), ending };
}

/** Parses consecutive responses. All our bodies are JSON objects: without a brace there is no body (HEAD, 100). */
function parseResponses(text: string): Received {
  const responses: RawResponse[] = [];
  let rest = text;
  for (;;) {
    const head = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
    if (!head) return { responses, rest };
    const headers = Object.fromEntries(
      head[2]!
        .split('\r\n')
        .slice(0, -1)
        .map((line) => [line.split(':', 1)[0]!.toLowerCase(), line.replace(/^[^:]*:\s*/, '')]),
    );
    const afterHead = rest.slice(head[0].length);
    const length = afterHead.startsWith('{') ? Number(headers['content-length']) : 0;
    if (afterHead.length < length) return { responses, rest };
    responses.push({ status: Number(head[1]), headers, text: afterHead.slice(0, length) });
    rest = afterHead.slice(length);
  }
}

export interface RawRequest {
  method?: string;
  target?: string;
  version?: string;
  /** Replace the default header lines. */
  headers?: readonly string[];
  /** Are added to the other header lines. */
  more?: readonly string[];
  body?: string | Uint8Array;
}

export const INTENT_PATH = '/api/v1/payments/intent';

/** A valid request of a tenant, except for the given parts. Header lines are sent unchanged. */
export function rawRequest(apiKey: string, request: RawRequest = {}): Buffer {
  const { method = 'POST', target = INTENT_PATH, version = 'HTTP/1.1', body = '{"amount":100}' } = request;
  const defaults = [
    'Host: raw.test',
    `cv-api-key: ${apiKey}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const lines = [`${method} ${target} ${version}`, ...(request.headers ?? defaults), ...(request.more ?? []), '', ''];
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), Buffer.from(body as Uint8Array)]);
}
