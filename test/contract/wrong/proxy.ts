import { once } from 'node:events';
import { Agent, createServer, request as open, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** In order, including repeated names. */
export type Headers = readonly (readonly [name: string, value: string])[];

export interface ProxyRequest {
  method: string;
  /** Path and query, as received. */
  path: string;
  headers: Headers;
  body: Buffer;
}

export interface ProxyResponse {
  status: number;
  headers: Headers;
  body: Buffer;
}

type Forward = (request: ProxyRequest) => Promise<ProxyResponse>;

/** Handles a request: forwards it, changed or not, as often as it likes, and returns the response to the client. */
export type Middleware = (request: ProxyRequest, forward: Forward) => Promise<ProxyResponse>;

export interface Proxy {
  url: URL;
  close: () => Promise<void>;
}

/** A middleware that rejects with this closes the connection without a response. */
export const CONNECTION_RESET = new Error('connection reset by the proxy');

/** Headers that never end are not worth the wait: no fault is about them. */
const LIMITS = {
  keepAliveTimeout: 60_000,
  maxHeaderSize: 64 * 1024,
  headersTimeout: 2_000,
  connectionsCheckingInterval: 250,
};

/** A reverse proxy on 127.0.0.1. Without a middleware, a client cannot tell it from the server behind it. */
export async function startProxy(upstream: URL, middleware: Middleware): Promise<Proxy> {
  const agent = new Agent({ keepAlive: true });
  const forward: Forward = (request) => sendUpstream(upstream, agent, request);
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    try {
      const request = await readRequest(incoming);
      writeResponse(outgoing, request, await middleware(request, forward));
    } catch {
      incoming.socket.resetAndDestroy();
    }
  };
  const server = createServer({ ...LIMITS }, (incoming, outgoing) => {
    void handle(incoming, outgoing);
  });
  // Only the server behind the proxy decides which expectations it knows.
  server.on('checkExpectation', (incoming, outgoing) => void handle(incoming, outgoing));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async close() {
      agent.destroy();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<ProxyRequest> {
  const body = await readAll(incoming);
  return { method: incoming.method!, path: incoming.url!, headers: pairs(incoming.rawHeaders), body };
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const pairs = (raw: readonly string[]): Headers =>
  raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1]!] as const] : []));

/** The headers that frame a message are written anew: a middleware may have changed its body. */
const FRAMING = /^(content-length: |transfer-encoding: |connection: |keep-alive: |expect: 100-continue)/i;
const withoutFraming = (headers: Headers): Headers => headers.filter((header) => !FRAMING.test(header.join(': ')));

const hasHeader = (headers: Headers, name: string): boolean =>
  headers.some(([known]) => known.toLowerCase() === name.toLowerCase());

function sendUpstream(upstream: URL, agent: Agent, request: ProxyRequest): Promise<ProxyResponse> {
  const { method, path, headers, body } = request;
  const framing = describeFraming(request);
  return new Promise((resolve, reject) => {
    const { hostname: host, port } = upstream;
    const all = [...withoutFraming(headers), ...framing].flat();
    const outgoing = open({ agent, host, port, method, path, headers: all as never, setHost: false });
    outgoing.once('error', reject);
    outgoing.once('response', (incoming) => {
      readAll(incoming).then(
        (received) =>
          resolve({
            status: incoming.statusCode!,
            headers: withoutFraming(pairs(incoming.rawHeaders)),
            body: received,
          }),
        reject,
      );
    });
    outgoing.end(body);
  });
}

/** A body comes in chunks where the client sent it so. */
function describeFraming({ headers, body }: ProxyRequest): Headers {
  if (hasHeader(headers, 'transfer-encoding')) return [['Transfer-Encoding', 'chunked']];
  return body.length > 0 || hasHeader(headers, 'content-length') ? [['Content-Length', String(body.length)]] : [];
}

function writeResponse(outgoing: ServerResponse, { method }: ProxyRequest, { status, headers, body }: ProxyResponse) {
  const length: Headers = hasHeader(headers, 'content-length') ? [] : [['Content-Length', String(body.length)]];
  outgoing.sendDate = false;
  outgoing.writeHead(status, [...headers, ...length].flat());
  outgoing.end(method === 'HEAD' ? undefined : body);
}
