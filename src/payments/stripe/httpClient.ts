import type { Stripe } from 'stripe';
import { Pool, type Dispatcher } from 'undici';

/** Far above any answer of Stripe's (a payment intent has about 2 KiB). */
const MAX_RESPONSE_BYTES = 1_048_576;

/** More than the calls the service lets through at once, so that no call waits for a connection. */
const MAX_CONNECTIONS = 64;

/** The headers that are read further on. No other one gets in: `Stripe-Notice`, say, would be printed on stderr. */
const HEADERS_READ = [
  'idempotency-key',
  'idempotent-replayed',
  'request-id',
  'retry-after',
  'stripe-should-retry',
] as const;

export type ResponseHeaders = Partial<Record<(typeof HEADERS_READ)[number], string>>;

export interface StripeHttpClient extends Stripe.HttpClient {
  /** From now on uses new connections. Calls under way may end on theirs, which take no others and are then closed. */
  renewConnections(): void;
  /** Cuts all connections and refuses any further call. */
  close(): Promise<void>;
}

/**
 * How a call ended without an answer of the API:
 * `unreachable`, nothing was sent; `timeout` and `cut`, something was, and its effect is unknown;
 * `unusable`, something answered, but not as the API does.
 */
export type TransportErrorKind = 'unreachable' | 'timeout' | 'cut' | 'unusable';

/**
 * Carries neither the failed call nor the bytes received: both hold secrets. Nor does it have a `code`, because the SDK
 * repeats a call by itself on some codes (ECONNRESET, EPIPE), even with its retries switched off.
 */
export class TransportError extends Error {
  readonly kind: TransportErrorKind;
  readonly statusCode: number | undefined;
  readonly headers: ResponseHeaders;

  /** `reason` goes into the log. */
  constructor(kind: TransportErrorKind, reason: string, statusCode?: number, headers: ResponseHeaders = {}) {
    super(reason);
    this.name = 'TransportError';
    this.kind = kind;
    this.statusCode = statusCode;
    this.headers = headers;
  }
}

interface RawResponse {
  statusCode: number;
  headers: ResponseHeaders;
  body: Buffer;
}

/**
 * The SDK's transport on undici, believing nothing: every call ends in time, and every answer it returns is a JSON object
 * of bounded size, with an `error` object if and only if the status is no success. Redirects are answers like others.
 *
 * Calls throw NoAnswer, and nothing else. `timeout`, the SDK's last argument, is the time for the whole exchange in
 * milliseconds, from connecting to the last byte of the body.
 */
export function stripeHttpClient({ connectTimeoutMs }: { connectTimeoutMs: number }): StripeHttpClient {
  const pools = new Map<string, Pool>();
  const retired = new Set<Pool>();
  let closed = false;

  function findPool(origin: string): Pool {
    let pool = pools.get(origin);
    if (pool === undefined) {
      pool = new Pool(origin, {
        connections: MAX_CONNECTIONS,
        // undici's timers are coarse (1 s became 1.5 s); this one only ends the socket. exchange() keeps the time.
        connect: { timeout: connectTimeoutMs },
        headersTimeout: 0,
        bodyTimeout: 0,
        maxResponseSize: MAX_RESPONSE_BYTES,
        // One call at a time on a connection: one bad connection then fails one call.
        allowH2: false,
      });
      pools.set(origin, pool);
    }
    return pool;
  }

  return {
    getClientName: () => 'undici',

    // Async also because the SDK never settles when this throws at once.
    async makeRequest(host, port, path, method, headers, body, protocol, timeoutMs) {
      if (closed) throw new TransportError('unreachable', 'closed');
      const pool = findPool(`${protocol}://${host}:${port}`);
      const request = { path, method, headers, body };
      return readResponse(await sendRequest(pool, request, { timeoutMs, connectTimeoutMs }));
    },

    renewConnections() {
      for (const pool of pools.values()) {
        const drop = () => retired.delete(pool);
        retired.add(pool);
        void pool.close().then(drop, drop);
      }
      pools.clear();
    },

    async close() {
      closed = true;
      await Promise.all([...pools.values(), ...retired].map((pool) => pool.destroy()));
    },
  };
}

/** One request and its whole answer. Throws NoAnswer. */
function sendRequest(
  pool: Pool,
  request: Dispatcher.DispatchOptions,
  limits: { timeoutMs: number; connectTimeoutMs: number },
): Promise<RawResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<RawResponse>();
  let controller: Dispatcher.DispatchController | undefined;
  let ended: TransportError | undefined;
  let statusCode: number | undefined;
  let headers: ResponseHeaders = {};
  const chunks: Buffer[] = [];

  function end(kind: TransportErrorKind, reason: string) {
    clearTimeout(connecting);
    clearTimeout(total);
    ended = new TransportError(kind, reason, statusCode, headers);
    reject(ended);
    controller?.abort(ended);
  }

  // Also where a connection is open: undici begins a call a little later than it is told of it.
  const connecting = setTimeout(() => end('unreachable', 'connecting took too long'), limits.connectTimeoutMs);
  const total = setTimeout(() => end(controller ? 'timeout' : 'unreachable', 'out of time'), limits.timeoutMs);

  pool.dispatch(request, {
    onRequestStart(started) {
      // Given up while it was waiting for a connection: it must not be sent any more.
      if (ended) return started.abort(ended);
      controller = started;
      clearTimeout(connecting);
    },
    onResponseStart(_controller, status, received) {
      // A 1xx only announces the answer.
      if (status < 200) return;
      statusCode = status;
      headers = pickHeaders(received);
    },
    onResponseData(_controller, chunk) {
      chunks.push(chunk);
    },
    onResponseEnd() {
      clearTimeout(total);
      if (statusCode !== undefined) resolve({ statusCode, headers, body: Buffer.concat(chunks) });
    },
    onResponseError(_controller, error) {
      if (!ended) end(controller ? 'cut' : 'unreachable', readErrorCode(error));
    },
  });
  return promise;
}

function pickHeaders(received: Record<string, string | string[] | undefined>): ResponseHeaders {
  const headers: ResponseHeaders = {};
  for (const name of HEADERS_READ) {
    const value = received[name];
    if (value !== undefined) headers[name] = String(value);
  }
  return headers;
}

/** Node's or undici's word for a failure of the connection, such as ECONNREFUSED. Their messages can hold more. */
function readErrorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** The answer in the SDK's terms. Throws NoAnswer when the API would not answer like this. */
function readResponse({
  statusCode,
  headers,
  body,
}: RawResponse): Awaited<ReturnType<Stripe.HttpClient['makeRequest']>> {
  const json = parseJson(body);
  const isSuccess = statusCode >= 200 && statusCode < 300;
  // The SDK takes any JSON without `error` for success, whatever the status; on a scalar it ends the process.
  if (!isObject(json) || (isSuccess ? json.error : !isObject(json.error))) {
    throw new TransportError('unusable', `no answer of the API (${statusCode})`, statusCode, headers);
  }
  const content = isObject(json.error) ? { error: withoutMessage(json.error) } : json;
  return {
    getStatusCode: () => statusCode,
    getHeaders: () => headers,
    getRawResponse: () => ({ statusCode, headers }),
    toJSON: async () => content,
    toStream() {
      throw new Error('Answers are not streamed.');
    },
  };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** What decisions are made on. Stripe's sentences stay outside: the one of a 401 holds a part of our key. */
function withoutMessage({ type, code, param }: Record<string, unknown>) {
  return { type: readString(type), code: readString(code), param: readString(param) };
}

function readString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
