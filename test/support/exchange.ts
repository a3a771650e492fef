import { Agent, request as open, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as SecureAgent, request as openSecure } from 'node:https';
import { connect, isIP } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { gunzipSync } from 'node:zlib';

/** One HTTP request, as it is sent. */
export interface WireRequest {
  method: string;
  /** Path and query. The path of the base URL comes before it. */
  path: string;
  /** In order, including repeated names. Content-Length is added, and Host if it is missing. */
  headers: readonly (readonly [name: string, value: string])[];
  body?: string | Uint8Array | undefined;
}

export interface WireResponse {
  status: number;
  /** Lower-case names. A list where a header is repeated. */
  headers: Record<string, string | string[] | undefined>;
  /** Decoded, if the request allows encodings. */
  text: string;
  /** The response to HEAD, which has the headers of a body and none. */
  isHead?: true;
}

export type Send = (baseUrl: string, request: WireRequest, signal?: AbortSignal) => Promise<WireResponse>;

const RARELY_WITH_BODY = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);

/** Sends the request and reads the whole response. Rejects when the connection breaks or the signal aborts before that. */
export const send: Send = createSend();

/** A `send` with connections of its own, through the proxies of these variables: HTTP_PROXY, HTTPS_PROXY, NO_PROXY. */
export function createSend(proxyEnv: NodeJS.ProcessEnv = {}): Send {
  const options = { keepAlive: true, maxSockets: 32, proxyEnv };
  const agent = new Agent(options);
  const secureAgent = new SecureAgent(options);
  return (baseUrl, request, signal) => {
    const { protocol } = new URL(baseUrl);
    const opened = protocol === 'https:' ? openSecure : open;
    return exchange(baseUrl, request, (given) =>
      opened({ ...given, agent: protocol === 'https:' ? secureAgent : agent, ...(signal && { signal }) }),
    );
  };
}

function exchange(
  baseUrl: string,
  { method, path, headers, body }: WireRequest,
  start: (options: RequestOptions) => ClientRequest,
): Promise<WireResponse> {
  const { host, port, hostname, pathname } = new URL(baseUrl);
  // Without a Content-Length, Node sends an empty chunked body, except for methods that rarely have a body.
  const isLengthKnown = !isNamed(headers, 'transfer-encoding') && (body !== undefined || !RARELY_WITH_BODY.has(method));
  const all: WireRequest['headers'] = [
    ...(isNamed(headers, 'host') ? [] : [['Host', host] as const]),
    ...headers,
    ...(isLengthKnown ? [['Content-Length', String(Buffer.byteLength(body ?? ''))] as const] : []),
  ];
  return new Promise((resolve, reject) => {
    const request = start({
      host: withoutBrackets(hostname),
      port,
      method,
      path: pathname.replace(/\/$/, '') + path,
      headers: groupByName(all),
      setHost: false,
    });
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const content = Buffer.concat(chunks);
        const decoded = isNamed(headers, 'accept-encoding') ? decode(content, response) : content;
        resolve({
          status: response.statusCode!,
          headers: readHeaders(response),
          text: decoded.toString('utf8'),
          ...(method === 'HEAD' && { isHead: true }),
        });
      });
    });
    request.end(body);
  });
}

/** For headers as a list, Node does not authenticate at a proxy. */
function groupByName(headers: WireRequest['headers']): Record<string, string | string[]> {
  const groups = [...Map.groupBy(headers, ([name]) => name.toLowerCase()).values()];
  return Object.fromEntries(
    groups.map((group) => {
      const [[name, value]] = group as [[string, string]];
      return [name, group.length === 1 ? value : group.map(([, one]) => one)];
    }),
  );
}

/** Node drops repeats of some headers elsewhere, and joins those of others. */
const readHeaders = ({ headersDistinct }: IncomingMessage): WireResponse['headers'] =>
  Object.fromEntries(
    Object.entries(headersDistinct).map(([name, values = []]) => [name, values.length > 1 ? values : values[0]]),
  );

function decode(content: Buffer, { headers }: IncomingMessage): Buffer {
  try {
    return headers['content-encoding'] === 'gzip' ? gunzipSync(content) : content;
  } catch {
    return Buffer.from('not gzip');
  }
}

/** `[::1]`, as a URL has it, is the address `::1`. */
const withoutBrackets = (hostname: string) => hostname.replace(/^\[(.*)\]$/, '$1');

const isNamed = (headers: WireRequest['headers'], name: string): boolean =>
  headers.some(([known]) => known.toLowerCase() === name);

/**
 * A shell command that repeats the request. It reads the API key from the variable API_KEY and does not contain it. `more` are
 * arguments for curl in shell syntax.
 */
export function curlLine(
  baseUrl: string,
  { method, path, headers, body }: WireRequest,
  apiKey = '',
  more: readonly string[] = [],
): string {
  const data = body ?? (isNamed(headers, 'transfer-encoding') ? '' : undefined);
  const { piped, argument } = formatBody(data);
  // curl adds its own Content-Type to a body without one.
  const all =
    data === undefined || isNamed(headers, 'content-type') ? headers : [...headers, ['Content-Type'] as const];
  return [
    ...piped,
    `curl -i --path-as-is -X ${method}`,
    ...all.filter(([name]) => name.toLowerCase() !== 'host').map((header) => `-H ${headerArgument(header, apiKey)}`),
    ...more,
    ...argument,
    quoteWithKey(baseUrl + path, apiKey),
  ].join(' ');
}

const quote = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** For curl, `Name:` removes a header, and `Name;` sends an empty one. */
function headerArgument([name, value]: readonly [name: string, value?: string], apiKey: string): string {
  if (value === undefined) return quote(`${name}:`);
  if (value === '') return quote(`${name};`);
  return quoteWithKey(`${name}: ${value}`, apiKey);
}

/** The API key comes from its variable. */
const quoteWithKey = (text: string, apiKey: string): string =>
  (apiKey === '' ? [text] : text.split(apiKey)).map((part) => (part === '' ? '' : quote(part))).join('"$API_KEY"');

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
export function sendBytes(baseUrl: string, bytes: string, signal?: AbortSignal): Promise<WireResponse> {
  const { hostname, port, protocol } = new URL(baseUrl);
  const host = withoutBrackets(hostname);
  return new Promise((resolve, reject) => {
    let received = '';
    const socket =
      protocol === 'https:'
        ? connectSecurely({ host, port: Number(port || 443), ...(isIP(host) === 0 && { servername: host }) })
        : connect({ host, port: Number(port || 80) });
    socket.once(protocol === 'https:' ? 'secureConnect' : 'connect', () => socket.write(bytes));
    socket.setEncoding('utf8');
    socket.on('data', (text) => (received += text));
    socket.once('error', reject);
    socket.once('close', () => resolve(parseResponse(received)));
    signal?.addEventListener('abort', () => socket.destroy(signal.reason as Error));
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
