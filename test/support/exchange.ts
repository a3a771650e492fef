import { Agent, request as open } from 'node:http';
import { request as openSecure } from 'node:https';
import { connect } from 'node:net';

/** One HTTP request, as it is sent. */
export interface WireRequest {
  method: string;
  /** Path and query. */
  path: string;
  /** In order, including repeated names. Content-Length is added, and Host if it is missing. */
  headers: readonly (readonly [name: string, value: string])[];
  body?: string | Uint8Array | undefined;
}

export interface WireResponse {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

const RARELY_WITH_BODY = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);

const agent = new Agent({ keepAlive: true, maxSockets: 32 });

/** Sends the request and reads the whole response. Rejects when the connection breaks or the signal aborts before that. */
export function send(
  baseUrl: string,
  { method, path, headers, body }: WireRequest,
  signal?: AbortSignal,
): Promise<WireResponse> {
  const { hostname, port, host, protocol } = new URL(baseUrl);
  // Without a Content-Length, Node sends an empty chunked body, except for methods that rarely have a body.
  const isLengthKnown = body !== undefined || !(RARELY_WITH_BODY.has(method) || isNamed(headers, 'transfer-encoding'));
  const all = [
    ...(isNamed(headers, 'host') ? [] : [['Host', host]]),
    ...headers,
    ...(isLengthKnown ? [['Content-Length', String(Buffer.byteLength(body ?? ''))]] : []),
  ];
  return new Promise((resolve, reject) => {
    const options = {
      host: hostname,
      port,
      method,
      path,
      headers: all.flat() as never,
      setHost: false,
      ...(signal && { signal }),
    };
    const isSecure = protocol === 'https:';
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

const isNamed = (headers: WireRequest['headers'], name: string): boolean =>
  headers.some(([known]) => known.toLowerCase() === name);

/** A shell command that repeats the request. It reads the API key from the variable API_KEY and does not contain it. */
export function curlLine(baseUrl: string, { method, path, headers, body }: WireRequest, apiKey = ''): string {
  const data = body ?? (isNamed(headers, 'transfer-encoding') ? '' : undefined);
  const { piped, argument } = formatBody(data);
  // curl adds its own Content-Type to a body without one.
  const all =
    data === undefined || isNamed(headers, 'content-type') ? headers : [...headers, ['Content-Type'] as const];
  return [
    ...piped,
    `curl -i --path-as-is -X ${method}`,
    ...all.filter(([name]) => name.toLowerCase() !== 'host').map((header) => `-H ${headerArgument(header, apiKey)}`),
    ...argument,
    quote(baseUrl + path),
  ].join(' ');
}

const quote = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** For curl, `Name:` removes a header, and `Name;` sends an empty one. */
function headerArgument([name, value]: readonly [name: string, value?: string], apiKey: string): string {
  if (value === undefined) return quote(`${name}:`);
  if (value === '') return quote(`${name};`);
  const text = `${name}: ${value}`;
  return (apiKey === '' ? [text] : text.split(apiKey))
    .map((part) => (part === '' ? '' : quote(part)))
    .join('"$API_KEY"');
}

/** Linux's limit on one argument is 128 KiB. */
const MAX_ARGUMENT_BYTES = 100_000;

/** A body that is too long for an argument, or not text, is piped into curl. */
function formatBody(body: WireRequest['body']): { piped: string[]; argument: string[] } {
  if (body === undefined) return { piped: [], argument: [] };
  if (typeof body !== 'string') {
    const escaped = [...body].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
    return { piped: [`printf '${escaped}' |`], argument: ['--data-binary @-'] };
  }
  if (Buffer.byteLength(body) > MAX_ARGUMENT_BYTES)
    return { piped: [`printf %s ${quote(body)} |`], argument: ['--data-binary @-'] };
  return { piped: [], argument: [`--data-binary ${quote(body)}`] };
}

/** Sends bytes that no HTTP client would send, and reads the response until the connection closes. */
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
