import type { Stripe } from 'stripe';
import { Pool, type Dispatcher } from 'undici';

/** Far above any response of Stripe's (a payment intent has about 2 KiB). */
const MAX_RESPONSE_BYTES = 1_048_576;

/** Above the limit of concurrent calls, so that no call waits for a connection. */
const MAX_CONNECTIONS = 64;

/** The headers that we read. Others are dropped: the SDK would print `Stripe-Notice`, for example, on stderr. */
const HEADERS_READ = [
  'idempotency-key',
  'idempotent-replayed',
  'request-id',
  'retry-after',
  'stripe-should-retry',
] as const;

export type ResponseHeaders = Partial<Record<(typeof HEADERS_READ)[number], string>>;

export interface StripeHttpClient extends Stripe.HttpClient {
  /** Uses new connections for new calls. Calls in flight finish on the old ones, which are then closed. */
  renewConnections(): void;
  /** Closes all connections at once. Later calls fail. */
  close(): Promise<void>;
}

/**
 * How a call ended without a Stripe API response:
 * `unreachable`: nothing was sent; `timeout` and `cut`: something was sent, with unknown effect;
 * `unusable`: the response did not have the API's form.
 */
export type TransportErrorKind = 'unreachable' | 'timeout' | 'cut' | 'unusable';

/**
 * Holds neither the failed call nor the bytes received: both contain secrets. It has no `code`, because the SDK retries
 * some codes (ECONNRESET, EPIPE) even with its retries switched off.
 */
export class TransportError extends Error {
  readonly kind: TransportErrorKind;
  readonly statusCode: number | undefined;
  readonly headers: ResponseHeaders;

  /** `reason` is logged. */
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
 * The SDK's transport, on undici. Every call ends in time, and every response it returns is a JSON object of bounded size,
 * with an `error` object if and only if the status is not a success. Redirects are not followed.
 *
 * Calls throw TransportError, and nothing else. `timeoutMs`, the SDK's last argument, covers the whole call, from connecting to
 * the last byte of the body.
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
        // undici's timers are coarse (1 s became 1.5 s): this one only closes the socket. sendRequest() enforces the timeout.
        connect: { timeout: connectTimeoutMs },
        headersTimeout: 0,
        bodyTimeout: 0,
        maxResponseSize: MAX_RESPONSE_BYTES,
        // One call at a time per connection, so that a bad connection fails only one call.
        allowH2: false,
      });
      pools.set(origin, pool);
    }
    return pool;
  }

  return {
    getClientName: () => 'undici',

    // Must be async: the SDK never settles if this throws synchronously.
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

/** Sends one request and reads the whole response. Throws TransportError. */
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

  // Needed on open connections too: undici starts a call a little after dispatch().
  const connecting = setTimeout(() => end('unreachable', 'connecting timed out'), limits.connectTimeoutMs);
  const total = setTimeout(() => end(controller ? 'timeout' : 'unreachable', 'timed out'), limits.timeoutMs);

  pool.dispatch(request, {
    onRequestStart(started) {
      // Timed out while waiting for a connection: it must no longer be sent.
      if (ended) return started.abort(ended);
      controller = started;
      clearTimeout(connecting);
    },
    onResponseStart(_controller, status, received) {
      // A 1xx precedes the final response.
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

/** The error code of Node or undici, such as ECONNREFUSED. Their messages can contain secrets. */
function readErrorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** The response in the SDK's form. Throws TransportError if it does not have the API's form. */
function readResponse({
  statusCode,
  headers,
  body,
}: RawResponse): Awaited<ReturnType<Stripe.HttpClient['makeRequest']>> {
  const json = parseJson(body);
  const isSuccess = statusCode >= 200 && statusCode < 300;
  // The SDK treats any JSON without `error` as a success, whatever the status; a scalar crashes the process.
  if (!isObject(json) || (isSuccess ? json.error : !isObject(json.error))) {
    throw new TransportError('unusable', `not a Stripe API response (${statusCode})`, statusCode, headers);
  }
  const content = isObject(json.error) ? { error: withoutMessage(json.error) } : json;
  return {
    getStatusCode: () => statusCode,
    getHeaders: () => headers,
    getRawResponse: () => ({ statusCode, headers }),
    toJSON: async () => content,
    toStream() {
      throw new Error('Streaming is not supported.');
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

/** The fields that we decide on. Stripe's messages are dropped: the one of a 401 contains a part of our key. */
function withoutMessage({ type, code, param }: Record<string, unknown>) {
  return { type: readString(type), code: readString(code), param: readString(param) };
}

const readString = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
