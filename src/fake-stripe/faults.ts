import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorBody, type ErrorType, type StripeErrorFields } from './errors.ts';
import type { StripeResponse } from './idempotency.ts';
import { someoneElsesIntent } from './paymentIntents.ts';

/**
 * What Stripe has done before it fails.
 *
 * - `none`: nothing. A retry is a first request.
 * - `kept`: the whole work. The intent exists and its good answer stands under the idempotency key: a retry with the same
 *   key replays that one.
 */
export type Effect = 'none' | 'kept';

/**
 * Whose idempotency key a response names, where it is not the request's own as in all of Stripe's: that of `another`
 * request, or `none`, as a proxy on the way would.
 */
type Echo = 'another' | 'none';

/** A whole response to another customer's request: their intent, or an error in Stripe's shape. */
type Stray = { echo: Echo } & StrayContent;

export type StrayContent = { sameAmount: boolean } | { error: Refused };

/** A way for Stripe, or what lies between, to fail one creation. */
export type Fault =
  | StatusFault
  /** A slow answer. `kept`: the intent exists at once and only the answer is slow. `none`: Stripe works all the time, and
   *  until then a second request with the same key is refused with 409; a client that hangs up doesn't stop it. */
  | { kind: 'delay'; delayMs: number; effect: Effect }
  /** No answer, ever; the connection stays open until `close()`. */
  | { kind: 'hang'; effect: Effect }
  /** A TCP reset: with `none` before the body is read, with `kept` in place of the answer. */
  | { kind: 'reset'; effect: Effect }
  /** The connection ends in place of the answer. */
  | { kind: 'close'; effect: Effect }
  /** The good answer, so many bytes at a time: all of it, or its body after a prompt head. */
  | { kind: 'drip'; part: 'all' | 'body'; bytes: number; everyMs: number }
  /** The good answer, whole, under a Content-Length of 100 more; then the connection ends. */
  | { kind: 'truncated' }
  /** The good answer, whole, under a Content-Length of 100 less; the connection is kept alive with the rest on it. */
  | { kind: 'wrongLength' }
  /** Any other bytes as the body: a proxy's HTML, `42`, `"ok"`, `{}`, `null`, nothing, half a JSON. */
  | { kind: 'raw'; status: number; contentType: string; body: string; effect: Effect }
  /** The intent is made, but the answer is another customer's: see someoneElsesIntent. */
  | { kind: 'anotherIntent'; sameAmount: boolean; echo?: Echo }
  /**
   * The good answer and a stray response on the same connection, which is kept alive. The stray one comes `before` the
   * good one and is taken for it, `with` it in the same bytes, or so many milliseconds later, when the connection is
   * idle or has its next request.
   */
  | { kind: 'strayResponse'; stray: Stray; when: 'before' | 'with' | { laterMs: number } }
  /** The good answer with a description of so many mebibytes. */
  | { kind: 'huge'; mebibytes: number }
  | { kind: 'redirect'; status: 301 | 302 | 303 | 307 | 308; location: string }
  /** The good answer with so many headers of one kibibyte each. */
  | { kind: 'headersFlood'; kibibytes: number };

/** An error in Stripe's shape. */
interface Refused {
  status: number;
  type?: ErrorType;
  code?: string;
  param?: string;
  message?: string;
}

/** An error in Stripe's shape, or `body` instead. */
interface StatusFault extends Refused {
  kind: 'status';
  /** Retry-After, Stripe-Should-Retry and the like. */
  headers?: Readonly<Record<string, string>>;
  echo?: Echo;
  body?: string;
  /** Besides the two: `failed` is an execution that began and broke. No intent, and the key replays this error. */
  effect: Effect | 'failed';
}

/** Lets Stripe do its work; `execute` decides what and when. */
export type Work = (execute?: (create: () => StripeResponse) => Promise<StripeResponse>) => Promise<StripeResponse>;

export interface Scene {
  response: ServerResponse;
  socket: Socket;
  requestId: string;
  /** On every answer of Stripe's own. */
  commonHeaders: Readonly<Record<string, string>>;
  work: Work;
  /** Ends every wait. */
  closing: AbortSignal;
}

/** Plays one fault. Resolves with the status that went out, if one did. */
export async function playFault(fault: Fault, scene: Scene): Promise<number | undefined> {
  const { response, socket, work } = scene;
  switch (fault.kind) {
    case 'status': {
      const bad = { ...errorAnswer(fault, scene.requestId), headers: fault.headers ?? {} };
      const answer = fault.body === undefined ? bad : { ...bad, body: fault.body };
      const from = echoing(scene, fault.echo);
      if (fault.effect === 'failed') return sendResponse(from, await work(async () => answer));
      await workIf(fault.effect, work);
      return sendResponse(from, answer);
    }
    case 'delay':
      return playDelay(fault, scene);
    case 'hang':
      await workIf(fault.effect, work);
      return undefined;
    case 'reset':
      await workIf(fault.effect, work);
      socket.resetAndDestroy();
      return undefined;
    case 'close':
      await workIf(fault.effect, work);
      socket.destroy();
      return undefined;
    case 'drip':
      return playDrip(fault, scene);
    case 'truncated': {
      const answer = await work();
      socket.end(wireBytes(scene, answer, { 'Content-Length': byteLength(answer) + 100 }));
      return answer.status;
    }
    case 'wrongLength': {
      const answer = await work();
      return sendResponse(scene, withHeaders(answer, { 'Content-Length': String(byteLength(answer) - 100) }));
    }
    case 'raw':
      await workIf(fault.effect, work);
      response.writeHead(fault.status, { 'Content-Type': fault.contentType }).end(fault.body);
      return fault.status;
    case 'anotherIntent': {
      const answer = await work();
      return sendResponse(echoing(scene, fault.echo), someoneElses(answer, fault.sameAmount));
    }
    case 'strayResponse':
      return playStrayResponse(fault, scene);
    case 'huge': {
      const answer = await work();
      const description = 'x'.repeat(fault.mebibytes * 1024 * 1024);
      return sendResponse(scene, { ...answer, body: JSON.stringify({ ...answer.intent, description }) });
    }
    case 'redirect':
      response.writeHead(fault.status, { Location: fault.location }).end();
      return fault.status;
    case 'headersFlood': {
      const flood = Array.from({ length: fault.kibibytes }, (_, i) => [`X-Flood-${i}`, 'x'.repeat(1024)]);
      return sendResponse(scene, withHeaders(await work(), Object.fromEntries(flood)));
    }
    default: {
      const unknown: never = fault;
      return unknown;
    }
  }
}

export function sendResponse(scene: Pick<Scene, 'response' | 'commonHeaders'>, response: StripeResponse): number {
  const length = String(byteLength(response));
  const headers = { ...scene.commonHeaders, 'Content-Length': length, ...response.headers };
  scene.response.writeHead(response.status, headers).end(response.body);
  return response.status;
}

async function workIf(effect: Effect, work: Work): Promise<void> {
  if (effect === 'kept') await work();
}

async function playDelay(fault: Fault & { kind: 'delay' }, scene: Scene): Promise<number> {
  const wait = (): Promise<void> => pause(fault.delayMs, scene.closing);
  if (fault.effect === 'kept') {
    const response = await scene.work();
    await wait();
    return sendResponse(scene, response);
  }
  const response = await scene.work(async (create) => {
    await wait();
    return create();
  });
  return sendResponse(scene, response);
}

async function playDrip(fault: Fault & { kind: 'drip' }, scene: Scene): Promise<number> {
  const { response, socket, closing } = scene;
  const answer = await scene.work();
  if (fault.part === 'all') {
    await drip(wireBytes(scene, answer, { Connection: 'close' }), socket, fault, closing);
  } else {
    const headers = { ...scene.commonHeaders, ...answer.headers, 'Content-Length': byteLength(answer) };
    response.writeHead(answer.status, headers).flushHeaders();
    await drip(Buffer.from(answer.body), response, fault, closing);
  }
  return answer.status;
}

async function drip(
  bytes: Buffer,
  out: Writable,
  fault: Fault & { kind: 'drip' },
  closing: AbortSignal,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += fault.bytes) {
    if (out.destroyed) return;
    out.write(bytes.subarray(at, at + fault.bytes));
    await pause(fault.everyMs, closing);
  }
  out.end();
}

async function playStrayResponse({ stray, when }: Fault & { kind: 'strayResponse' }, scene: Scene): Promise<number> {
  const response = await scene.work();
  const bytes = wireBytes(echoing(scene, stray.echo), strayAnswer(stray, response, scene.requestId));
  if (when === 'before') scene.socket.write(bytes);
  if (when !== 'with') {
    const status = sendResponse(scene, response);
    if (when !== 'before') void writeLater(bytes, when.laterMs, scene);
    return status;
  }
  // Both in one write, as a body longer than its Content-Length: for Node the first answer is over and the connection kept.
  const headers = { ...scene.commonHeaders, ...response.headers, 'Content-Length': byteLength(response) };
  scene.response.writeHead(response.status, headers).end(Buffer.concat([Buffer.from(response.body), bytes]));
  return response.status;
}

/** Past Node's responses, which would wait for a request. */
async function writeLater(bytes: Buffer, laterMs: number, { socket, closing }: Scene): Promise<void> {
  await pause(laterMs, closing).catch(() => {});
  if (socket.writable) socket.write(bytes);
}

function strayAnswer(stray: StrayContent, mine: StripeResponse, requestId: string): StripeResponse {
  return 'error' in stray ? errorAnswer(stray.error, requestId) : someoneElses(mine, stray.sameAmount);
}

function errorAnswer(error: Refused, requestId: string): StripeResponse {
  const fields: StripeErrorFields = {
    type: error.type ?? usualType(error.status),
    message: error.message ?? `Stripe's own words about status ${error.status}, which nobody else should read.`,
    code: error.code,
    param: error.param,
  };
  return { status: error.status, headers: {}, body: errorBody(fields, requestId) };
}

/** Stripe answers 429, for rate and for locks, with `invalid_request_error`. */
function usualType(status: number): ErrorType {
  if (status >= 500) return 'api_error';
  return status === 402 ? 'card_error' : 'invalid_request_error';
}

/** The scene with another echo than Stripe's own. */
function echoing(scene: Scene, echo: Echo | undefined): Scene {
  if (echo === undefined) return scene;
  const { 'Idempotency-Key': _own, ...others } = scene.commonHeaders;
  const commonHeaders = echo === 'none' ? others : { ...others, 'Idempotency-Key': 'of-someone-else' };
  return { ...scene, commonHeaders };
}

/** A refusal stays itself: it names no customer. */
function someoneElses(response: StripeResponse, sameAmount: boolean): StripeResponse {
  if (response.intent === undefined) return response;
  const intent = someoneElsesIntent(response.intent, sameAmount);
  return { ...response, intent, body: JSON.stringify(intent, null, 2) };
}

function withHeaders(response: StripeResponse, headers: Readonly<Record<string, string>>): StripeResponse {
  return { ...response, headers: { ...response.headers, ...headers } };
}

function byteLength(response: StripeResponse): number {
  return Buffer.byteLength(response.body);
}

function wireBytes(
  scene: Scene,
  response: StripeResponse,
  more: Readonly<Record<string, string | number>> = {},
): Buffer {
  const headers = { ...scene.commonHeaders, ...response.headers, 'Content-Length': byteLength(response), ...more };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}\r\n${lines.join('')}\r\n${response.body}`,
  );
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false });
}
