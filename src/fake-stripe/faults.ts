import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorBody, type ErrorType, type StripeErrorFields } from './errors.ts';
import type { StripeResponse } from './idempotency.ts';
import { otherCustomersIntent } from './intents.ts';

/**
 * What Stripe has done before the fault.
 *
 * - `none`: nothing. A retry is a first request.
 * - `kept`: everything. The intent exists, and its response is stored: a retry with the same key replays it.
 */
export type Effect = 'none' | 'kept';

/** The `Idempotency-Key` of a response, if it is not the request's: that of `another` request, or `none`, as from a proxy. */
type Echo = 'another' | 'none';

/** A response to another customer's request: their intent, of the same kind, or a Stripe error. */
export type StrayContent = { sameAmount: boolean } | { error: ErrorFields };

/** A failure of one creation, by Stripe or the network. */
export type Fault =
  | StatusFault
  /** A slow response. `kept`: the intent exists at once, and only the response is delayed. `none`: Stripe works during the
   *  delay; until its end, requests with the same key get a 409. A client that disconnects does not stop it. */
  | { kind: 'delay'; delayMs: number; effect: Effect }
  /** No response; the connection stays open until `close()`. */
  | { kind: 'hang'; effect: Effect }
  /** A TCP reset: with `none` before the body is read, with `kept` instead of the response. */
  | { kind: 'reset'; effect: Effect }
  /** The connection closes instead of the response. */
  | { kind: 'close'; effect: Effect }
  /** The correct response, a few bytes at a time: all of it, or only its body. */
  | { kind: 'drip'; part: 'all' | 'body'; bytes: number; everyMs: number }
  /** The correct response with a Content-Length 100 too high; then the connection closes. */
  | { kind: 'truncated' }
  /** The correct response with a Content-Length 100 too low; the connection is kept alive with the rest on it. */
  | { kind: 'wrongLength' }
  /** Any body: a proxy's HTML, `42`, `"ok"`, `{}`, `null`, nothing, truncated JSON. */
  | { kind: 'raw'; status: number; contentType: string; body: string; effect: Effect }
  /** The intent is created, but the response is another customer's: see otherCustomersIntent. */
  | { kind: 'anotherIntent'; sameAmount: boolean; echo?: Echo }
  /**
   * The correct response and a stray one on the same kept-alive connection. The stray one is sent `before` the correct one, and
   * mistaken for it, `with` it in the same write, or later, when the connection is idle or has its next request.
   */
  | { kind: 'strayResponse'; stray: { echo: Echo } & StrayContent; when: 'before' | 'with' | { laterMs: number } }
  /** The correct response with a huge description. */
  | { kind: 'huge'; mebibytes: number }
  | { kind: 'redirect'; status: 301 | 302 | 303 | 307 | 308; location: string }
  /** The correct response with many headers of one kibibyte each. */
  | { kind: 'headersFlood'; kibibytes: number };

/** A Stripe error. */
type ErrorFields = { status: number } & Partial<StripeErrorFields>;

/** A Stripe error, or `body` instead. */
interface StatusFault extends ErrorFields {
  kind: 'status';
  /** Retry-After, Stripe-Should-Retry and the like. */
  headers?: Readonly<Record<string, string>>;
  echo?: Echo;
  body?: string;
  /** `failed`: execution began and failed. There is no intent, and the key replays this error. */
  effect: Effect | 'failed';
}

/** Processes the request; `execute` can delay or replace the creation. */
export type Work = (execute?: (create: () => StripeResponse) => Promise<StripeResponse>) => Promise<StripeResponse>;

export interface Scene {
  response: ServerResponse;
  socket: Socket;
  requestId: string;
  commonHeaders: Readonly<Record<string, string>>;
  work: Work;
  /** Ends every wait. */
  closing: AbortSignal;
}

/** Plays one fault. Resolves with the status sent, if any. */
export async function playFault(fault: Fault, scene: Scene): Promise<number | undefined> {
  const { response, socket, work } = scene;
  switch (fault.kind) {
    case 'status': {
      const error = { ...errorResponse(fault, scene.requestId), headers: fault.headers ?? {} };
      const result = fault.body === undefined ? error : { ...error, body: fault.body };
      const from = echoing(scene, fault.echo);
      if (fault.effect === 'failed') return sendResponse(from, await work(async () => result));
      await workIf(fault.effect, work);
      return sendResponse(from, result);
    }
    case 'delay':
      return playDelay(fault, scene);
    case 'hang':
    case 'reset':
    case 'close':
      await workIf(fault.effect, work);
      if (fault.kind === 'reset') socket.resetAndDestroy();
      if (fault.kind === 'close') socket.destroy();
      return undefined;
    case 'drip':
      return playDrip(fault, scene);
    case 'truncated': {
      const result = await work();
      socket.end(wireBytes(scene, result, { 'Content-Length': byteLength(result) + 100 }));
      return result.status;
    }
    case 'wrongLength': {
      const result = await work();
      return sendResponse(scene, withHeaders(result, { 'Content-Length': String(byteLength(result) - 100) }));
    }
    case 'raw':
      await workIf(fault.effect, work);
      response.writeHead(fault.status, { 'Content-Type': fault.contentType }).end(fault.body);
      return fault.status;
    case 'anotherIntent': {
      const result = await work();
      return sendResponse(echoing(scene, fault.echo), otherCustomersResponse(result, fault.sameAmount));
    }
    case 'strayResponse':
      return playStrayResponse(fault, scene);
    case 'huge': {
      const result = await work();
      const description = 'x'.repeat(fault.mebibytes * 1024 * 1024);
      return sendResponse(scene, { ...result, body: JSON.stringify({ ...result.intent, description }) });
    }
    case 'redirect':
      response.writeHead(fault.status, { Location: fault.location }).end();
      return fault.status;
    case 'headersFlood': {
      const flood = Array.from({ length: fault.kibibytes }, (_, i) => [`X-Flood-${i}`, 'x'.repeat(1024)]);
      return sendResponse(scene, withHeaders(await work(), Object.fromEntries(flood)));
    }
    default:
      return fault satisfies never;
  }
}

export function sendResponse(scene: Pick<Scene, 'response' | 'commonHeaders'>, response: StripeResponse): number {
  scene.response.writeHead(response.status, allHeaders(scene, response)).end(response.body);
  return response.status;
}

const allHeaders = ({ commonHeaders }: Pick<Scene, 'commonHeaders'>, response: StripeResponse) => ({
  ...commonHeaders,
  'Content-Length': String(byteLength(response)),
  ...response.headers,
});

async function workIf(effect: Effect, work: Work): Promise<void> {
  if (effect === 'kept') await work();
}

async function playDelay(fault: Fault & { kind: 'delay' }, scene: Scene): Promise<number> {
  const isKept = fault.effect === 'kept';
  const wait = () => pause(fault.delayMs, scene.closing);
  const response = await scene.work(async (create) => {
    if (!isKept) await wait();
    return create();
  });
  if (isKept) await wait();
  return sendResponse(scene, response);
}

async function playDrip(fault: Fault & { kind: 'drip' }, scene: Scene): Promise<number> {
  const { response, socket } = scene;
  const result = await scene.work();
  if (fault.part === 'all') {
    await drip(wireBytes(scene, result, { Connection: 'close' }), socket, fault, scene);
  } else {
    response.writeHead(result.status, allHeaders(scene, result)).flushHeaders();
    await drip(Buffer.from(result.body), response, fault, scene);
  }
  return result.status;
}

async function drip(bytes: Buffer, out: Writable, fault: Fault & { kind: 'drip' }, { closing }: Scene): Promise<void> {
  for (let at = 0; at < bytes.length; at += fault.bytes) {
    if (out.destroyed) return;
    out.write(bytes.subarray(at, at + fault.bytes));
    await pause(fault.everyMs, closing);
  }
  out.end();
}

async function playStrayResponse({ stray, when }: Fault & { kind: 'strayResponse' }, scene: Scene): Promise<number> {
  const response = await scene.work();
  const bytes = wireBytes(echoing(scene, stray.echo), strayResponse(stray, response, scene.requestId));
  if (when === 'before') scene.socket.write(bytes);
  if (when !== 'with') {
    const status = sendResponse(scene, response);
    if (when !== 'before') void writeLater(bytes, when.laterMs, scene);
    return status;
  }
  // Both in one write, as a body longer than its Content-Length: Node takes the response for complete and keeps the connection.
  scene.response
    .writeHead(response.status, allHeaders(scene, response))
    .end(Buffer.concat([Buffer.from(response.body), bytes]));
  return response.status;
}

/** Written to the socket, because a response of Node's needs a request. */
async function writeLater(bytes: Buffer, laterMs: number, { socket, closing }: Scene): Promise<void> {
  await pause(laterMs, closing).catch(() => {});
  if (socket.writable) socket.write(bytes);
}

function strayResponse(stray: StrayContent, mine: StripeResponse, requestId: string): StripeResponse {
  return 'error' in stray ? errorResponse(stray.error, requestId) : otherCustomersResponse(mine, stray.sameAmount);
}

function errorResponse({ status, ...error }: ErrorFields, requestId: string): StripeResponse {
  const message = `Stripe's message for status ${status}, which must not be passed on.`;
  return { status, headers: {}, body: errorBody({ type: usualType(status), message, ...error }, requestId) };
}

/** Stripe's 429 has the type `invalid_request_error`, for rate limits and for locks. */
function usualType(status: number): ErrorType {
  if (status >= 500) return 'api_error';
  return status === 402 ? 'card_error' : 'invalid_request_error';
}

/** The scene with a changed `Idempotency-Key`. */
function echoing(scene: Scene, echo: Echo | undefined): Scene {
  if (echo === undefined) return scene;
  const { 'Idempotency-Key': _own, ...others } = scene.commonHeaders;
  const commonHeaders = echo === 'none' ? others : { ...others, 'Idempotency-Key': 'of-someone-else' };
  return { ...scene, commonHeaders };
}

/** An error is returned unchanged: it names no customer. */
function otherCustomersResponse(response: StripeResponse, sameAmount: boolean): StripeResponse {
  if (response.intent === undefined) return response;
  const intent = otherCustomersIntent(response.intent, sameAmount);
  return { ...response, intent, body: JSON.stringify(intent, null, 2) };
}

function withHeaders(response: StripeResponse, headers: Readonly<Record<string, string>>): StripeResponse {
  return { ...response, headers: { ...response.headers, ...headers } };
}

const byteLength = ({ body }: StripeResponse): number => Buffer.byteLength(body);

function wireBytes(scene: Scene, response: StripeResponse, more: Record<string, string | number> = {}): Buffer {
  const { status, body } = response;
  const headers = Object.entries({ ...allHeaders(scene, response), ...more });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines}\r\n${body}`);
}

const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal, ref: false });
