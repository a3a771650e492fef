import { Agent, request as open } from 'node:http';
import { request as openSecure } from 'node:https';
import { connect } from 'node:net';

/** One HTTP request, as it goes over the wire. */
export interface WireRequest {
  method: string;
  /** Path and query. */
  path: string;
  /** In order, repeats included. Content-Length and Host are added. */
  headers: readonly (readonly [name: string, value: string])[];
  body?: string | Uint8Array | undefined;
}

export interface WireResponse {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 32 });

/** Sends the request and reads the whole answer. Rejects when the connection breaks before the answer. */
export function send(baseUrl: string, { method, path, headers, body }: WireRequest): Promise<WireResponse> {
  const url = new URL(baseUrl);
  const framed =
    body === undefined ? headers : [...headers, ['Content-Length', String(Buffer.byteLength(body))] as const];
  return new Promise((resolve, reject) => {
    const options = {
      host: url.hostname,
      port: url.port,
      method,
      path,
      headers: framed.flat() as never,
      setHost: false,
    };
    const isSecure = url.protocol === 'https:';
    const request = isSecure ? openSecure(options) : open({ ...options, agent });
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode!, headers: response.headers, text });
      });
    });
    request.end(body);
  });
}

const quote = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The request as a command that repeats it; `baseUrl` and key are the reader's to fill in where they are masked. */
export function curlLine(baseUrl: string, { method, path, headers, body }: WireRequest, secret?: string): string {
  return [
    `curl -i --path-as-is -X ${quote(method)}`,
    ...headers
      .filter(([name]) => name.toLowerCase() !== 'host')
      .map(([name, value]) => `-H ${quote(`${name}: ${secret ? value.replaceAll(secret, '$API_KEY') : value}`)}`),
    ...(body === undefined ? [] : [`--data-binary ${bodyArgument(body)}`]),
    quote(baseUrl + path),
  ].join(' ');
}

/** Bytes that are no text go through a shell as \x escapes. */
function bodyArgument(body: string | Uint8Array): string {
  const bytes = Buffer.from(body as Uint8Array);
  if (bytes.toString('utf8') === body) return quote(body);
  return `$'${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}'`;
}

/** Sends bytes that no client would send, and reads what comes back until the connection closes. */
export function sendBytes(baseUrl: string, bytes: string): Promise<WireResponse> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setEncoding('utf8');
    socket.on('data', (text) => (received += text));
    socket.once('error', reject);
    socket.once('close', () => resolve(parseResponse(received)));
  });
}

function parseResponse(received: string): WireResponse {
  const end = received.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = received.slice(0, end).split('\r\n');
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(
      lines.map((line) => [line.split(': ', 1)[0]!.toLowerCase(), line.replace(/^[^:]*: /, '')]),
    ),
    text: received.slice(end + 4),
  };
}
