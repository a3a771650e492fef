import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { gatewayCalls } from './gatewayCalls.ts';

/** A server on 127.0.0.1 that sends what the test chooses, including responses that the fake Stripe can't send. */
export interface Server {
  url: URL;
  close: () => Promise<void>;
}

interface ReceivedRequest {
  head: string;
  body: string;
  /** How many requests came earlier, in all and on this connection. */
  before: number;
  beforeOnSocket: number;
}

/** Passes each request and its socket to `respond`. */
export async function rawServer(
  respond: (request: ReceivedRequest, socket: Socket) => void,
  port = 0,
): Promise<Server> {
  let before = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let beforeOnSocket = 0;
    let received = '';
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received += chunk.toString();
      const [head = '', body = ''] = received.split('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
      if (!(Buffer.byteLength(body) >= length)) return;
      received = '';
      respond({ head, body, before: before++, beforeOnSocket: beforeOnSocket++ }, socket);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A complete HTTP response. */
export function httpResponse(body: unknown, status = 200, headers: Record<string, string> = {}): string {
  const text = JSON.stringify(body);
  const lines = Object.entries({ 'Content-Length': String(Buffer.byteLength(text)), ...headers });
  return `HTTP/1.1 ${status} X\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`;
}

/** The intent that Stripe would create for a request: its ID ends with the number. */
export function intentFor({ head, body }: Pick<ReceivedRequest, 'head' | 'body'>, number: number) {
  const { object, idPrefix, ownFields } = Object.values(gatewayCalls).find(({ path }) => head.includes(` ${path} `))!;
  const id = `${idPrefix}${number}`;
  const form = new URLSearchParams(body);
  const metadata = [...form].filter(([name]) => name.startsWith('metadata['));
  return {
    object,
    id,
    client_secret: `${id}_secret_x`,
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name.slice('metadata['.length, -1), value])),
    ...ownFields(form),
  };
}

/** A port where connecting neither succeeds nor fails: it listens, never accepts, and its queue is full. */
export async function blackHole(): Promise<Server> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       // Once the message is sent, this thread blocks and never accepts a connection.
       setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
     });`,
    { eval: true },
  );
  const port = await new Promise<number>((resolve) => {
    worker.once('message', resolve);
  });
  // Linux queues one connection more than the backlog. After these two, the next one waits.
  const fillers = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  await Promise.all(fillers.map((filler) => once(filler, 'connect')));
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    async close() {
      for (const filler of fillers) filler.destroy();
      await worker.terminate();
    },
  };
}
