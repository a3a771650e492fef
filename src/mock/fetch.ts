import { request as open, type IncomingMessage, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { duplexPair } from 'node:stream';

/**
 * `fetch` for a server in this process, over a connection in memory: the same HTTP, without a socket.
 *
 * `url` is the base of relative URLs. The host of others does not matter.
 */
export const createFetch =
  (server: Server, url: string): typeof globalThis.fetch =>
  async (input, init) => {
    const request = new Request(input instanceof Request ? input : new URL(String(input), url), init);
    const { method, signal, headers } = request;
    const { host, pathname, search } = new URL(request.url);
    const body = new Uint8Array(await request.arrayBuffer());
    signal.throwIfAborted();
    if (!server.listening) throw new TypeError('The mock is closed');
    const response = await exchange(
      server,
      { method, path: pathname + search, headers: { host, ...Object.fromEntries(headers) }, signal },
      body,
    ).catch((error: unknown) => {
      throw signal.aborted ? (signal.reason as unknown) : error;
    });
    const { statusCode: status = 0 } = response;
    const bytes = await buffer(response);
    return new Response(method === 'HEAD' || status === 204 ? null : new Uint8Array(bytes), {
      status,
      headers: readHeaders(response),
    });
  };

interface Head {
  method: string;
  path: string;
  headers: Record<string, string>;
  signal: AbortSignal;
}

function exchange(server: Server, head: Head, body: Uint8Array): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const [client, connection] = duplexPair();
    server.emit('connection', connection);
    const headers = { ...head.headers, ...(body.length > 0 && { 'content-length': String(body.length) }) };
    open({ ...head, headers, createConnection: () => client as never })
      .once('response', resolve)
      .once('error', reject)
      .end(body);
  });
}

function readHeaders({ headersDistinct }: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct))
    for (const value of values) headers.append(name, value);
  return headers;
}
