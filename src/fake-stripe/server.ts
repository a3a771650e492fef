import { once, setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { maskedAuthorization, readAccount } from './authorization.ts';
import { errorBody, Refusal } from './errors.ts';
import { playFault, sendResponse, type Fault, type Work } from './faults.ts';
import { canonicalForm, decodeForm } from './form.ts';
import type { StripeResponse } from './idempotency.ts';
import { newRequestId } from './ids.ts';
import { readIdempotencyKey, Memory, type Ledger, type LedgerRequest, type OpenRequest } from './ledger.ts';
import { paymentIntents } from './paymentIntents.ts';
import { retrieve } from './retrieval.ts';
import { setupIntents } from './setupIntents.ts';

export type { Effect, Fault, StrayContent } from './faults.ts';
export type { Ledger, LedgerEntry } from './ledger.ts';

export interface FakeStripe {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** The current one: `reset()` replaces it. */
  readonly ledger: Ledger;
  /** Queues faults: each creation, of any kind, with any key or body, takes the next. */
  play(...faults: Fault[]): void;
  /** Chooses the fault of each creation while the queue is empty; undefined removes the chooser. */
  playWith(choose: (() => Fault | undefined) | undefined): void;
  /** Clears the ledger, keys and faults. Requests in progress end in the old ledger. */
  reset(): void;
  /** Stops listening, closes every connection and cancels every wait. */
  close(): Promise<void>;
}

/**
 * Starts a fake Stripe, for development and tests: HTTP on 127.0.0.1, by default on a free port.
 *
 * Serves `POST /v1/payment_intents`, `GET /v1/payment_intents` with and without an ID, and the same of `setup_intents`, for any
 * test key. Rejects when it can't listen.
 */
export async function startFakeStripe({ port = 0 }: { port?: number } = {}): Promise<FakeStripe> {
  let memory = new Memory();
  const closing = new AbortController();
  // Each waiting request adds a listener.
  setMaxListeners(0, closing.signal);

  const server = createServer((request, response) => {
    void handleRequest(request, response, memory, closing.signal).catch((error: unknown) => {
      // close() aborts every wait. Any other error is a bug, here or in a chooser of faults, and must crash.
      if (!closing.signal.aborted) throw error;
    });
  });
  // Longer than any client's: tests must not fail because an idle connection was closed.
  server.keepAliveTimeout = 120_000;

  await once(server.listen(port, '127.0.0.1'), 'listening');
  const closed = once(server, 'close');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get ledger() {
      return memory;
    },
    play(...faults) {
      memory.faults.push(...faults);
    },
    playWith(choose) {
      memory.chooseFault = choose;
    },
    reset() {
      memory = new Memory();
    },
    async close() {
      closing.abort();
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const COLLECTIONS = [paymentIntents, setupIntents];

/** The SDK's version. Another one in `Stripe-Version` is echoed, and has no effect. */
const API_VERSION = '2026-10-28.endive';

/** Far above the largest valid creation. A larger body closes the connection. */
const MAX_BODY_BYTES = 1024 * 1024;

async function handleRequest(
  incoming: IncomingMessage,
  response: ServerResponse,
  memory: Memory,
  closing: AbortSignal,
): Promise<void> {
  const request = memory.openRequest(ledgerEntry(incoming));
  const { socket } = incoming;
  const { requestId, method, path } = request;
  const collection = method === 'POST' ? COLLECTIONS.find((one) => one.path === path) : undefined;
  const fault = collection ? (memory.faults.shift() ?? memory.chooseFault?.()) : undefined;
  if (fault !== undefined) request.outcome.fault = fault;
  if (fault?.kind === 'reset' && fault.effect === 'none') {
    socket.resetAndDestroy();
    return;
  }
  const body = await readBody(incoming);
  if (body === undefined) return;
  request.rawBody = body.toString('utf8');
  const work: Work = async (execute) => {
    if (!collection) return catchRefusal(request, async () => get(incoming, request, memory));
    const done = await catchRefusal(request, async () => create(collection, incoming, request, body, memory, execute));
    request.outcome.replayed = done.headers['Idempotent-Replayed'] === 'true';
    return done;
  };
  const scene = { response, socket, requestId, commonHeaders: commonHeaders(request), work, closing };
  const status = fault === undefined ? sendResponse(scene, await work()) : await playFault(fault, scene);
  if (status !== undefined) request.outcome.status = status;
}

/** Checks in Stripe's order: secret key, idempotency key, parameters. */
async function create(
  collection: (typeof COLLECTIONS)[number],
  incoming: IncomingMessage,
  request: OpenRequest,
  body: Buffer,
  memory: Memory,
  execute: Parameters<Work>[0] = async (make) => make(),
): Promise<StripeResponse> {
  const account = readAccount(incoming.headers.authorization);
  request.form = decodeForm(incoming.headers['content-type'], body);
  const executeOrder = async (): Promise<StripeResponse> => {
    const createIntent = collection.prepare(request.form);
    return execute(() => {
      const intent = createIntent();
      memory.enter(account, intent, request);
      return { ...jsonResponse(intent), intent };
    });
  };
  const key = readIdempotencyKey(request);
  if (key === undefined) return executeOrder();
  const content = `${request.path}\n${canonicalForm(request.form)}`;
  return memory.keys.once({ account, key, content, requestId: request.requestId }, executeOrder);
}

function get(incoming: IncomingMessage, { method, path }: LedgerRequest, memory: Memory): StripeResponse {
  const retrieval = { authorization: incoming.headers.authorization, url: incoming.url! };
  const found = method === 'GET' ? retrieve(retrieval, memory, COLLECTIONS) : undefined;
  if (found !== undefined) return jsonResponse(found);
  const help = 'Please see https://stripe.com/docs or we can help at https://support.stripe.com/.';
  throw new Refusal(404, `Unrecognized request URL (${method}: ${path}). ${help}`);
}

async function catchRefusal(request: LedgerRequest, work: () => Promise<StripeResponse>): Promise<StripeResponse> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, headers: error.headers, body: errorBody(error.fields, request.requestId) };
  }
}

function jsonResponse(json: object): StripeResponse {
  return { status: 200, headers: {}, body: JSON.stringify(json, null, 2) };
}

function ledgerEntry(incoming: IncomingMessage): Pick<LedgerRequest, 'requestId' | 'method' | 'path' | 'headers'> {
  const { authorization, ...headers } = incoming.headers;
  return {
    requestId: newRequestId(),
    method: incoming.method ?? '',
    path: (incoming.url ?? '').split('?', 1)[0] ?? '',
    headers: { ...headers, ...(authorization !== undefined && { authorization: maskedAuthorization(authorization) }) },
  };
}

function commonHeaders(request: LedgerRequest): Record<string, string> {
  const key = request.method === 'POST' ? readIdempotencyKey(request) : undefined;
  return {
    'Content-Type': 'application/json',
    'Request-Id': request.requestId,
    'Stripe-Version': String(request.headers['stripe-version'] ?? API_VERSION),
    ...(key !== undefined && { 'Idempotency-Key': key }),
  };
}

/** Undefined if the client disconnected, or sent too much and was disconnected. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_BODY_BYTES) incoming.socket.destroy();
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}
