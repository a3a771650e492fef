/** HTTP as bytes: what no HTTP client would send, and what comes back, to the byte. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

export interface RawResponse {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  text: string;
}

export interface Received {
  /** The answers in their order, those with a status of 1xx too. */
  responses: readonly RawResponse[];
  /** What is no whole answer. */
  rest: string;
}

export interface RawClient {
  socket: Socket;
  send(bytes: string | Uint8Array): void;
  /** What came so far. */
  received(): Received;
  /** Resolves with the so-manieth answer; rejects when the connection closes without it. */
  response(count?: number): Promise<RawResponse>;
  /** Resolves when the connection is gone, with how it went. */
  closed: Promise<'ended' | 'reset'>;
}

/** Opens a connection. Nothing is sent, and nothing but `closed` ends it. */
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
  // Our side follows: a socket that only one side has ended stays open.
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
          else if (socket.closed) reject(new Error(`closed without answer ${count}: ${JSON.stringify(text)}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
  };
}

export interface ServerEnds {
  /** The server's ends of all connections that are open now. */
  open: ReadonlySet<Socket>;
  /** The server's end of this connection. */
  of(client: RawClient): Promise<Socket>;
  stop(): void;
}

/** Watches a server of this process from inside: what it took off its sockets, and which of them it still holds. */
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

export interface Exchange extends Received {
  ending: 'ended' | 'reset';
}

/** Sends the bytes, ends its own side, and reads until the connection is gone. */
export async function exchange(baseUrl: string, bytes: string | Uint8Array): Promise<Exchange> {
  const client = rawClient(baseUrl);
  client.socket.end(bytes);
  const ending = await client.closed;
  return { ...client.received(), ending };
}

/** Reads answers that follow each other. All bodies of ours are JSON objects: no brace, no body (HEAD, 100). */
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
    const behind = rest.slice(head[0].length);
    const length = behind.startsWith('{') ? Number(headers['content-length']) : 0;
    if (behind.length < length) return { responses, rest };
    responses.push({ status: Number(head[1]), headers, text: behind.slice(0, length) });
    rest = behind.slice(length);
  }
}

export interface RawRequest {
  method?: string;
  target?: string;
  version?: string;
  /** Instead of the usual ones. */
  headers?: readonly string[];
  /** Besides the usual ones. */
  more?: readonly string[];
  body?: string | Uint8Array;
}

export const INTENT_PATH = '/api/v1/payments/intent';

/** A good request of a tenant's, but for what is said. Header lines go out as they stand. */
export function rawRequest(apiKey: string, request: RawRequest = {}): Buffer {
  const { method = 'POST', target = INTENT_PATH, version = 'HTTP/1.1', body = '{"amount":100}' } = request;
  const usual = [
    'Host: raw.test',
    `cv-api-key: ${apiKey}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const lines = [`${method} ${target} ${version}`, ...(request.headers ?? usual), ...(request.more ?? []), '', ''];
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), Buffer.from(body as Uint8Array)]);
}
