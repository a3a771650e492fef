import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { stopReading } from './body.ts';
import {
  findDueResponses,
  closeAfter,
  closing,
  trackConnections,
  findLastInFlight,
  unreadable,
} from './connections.ts';
import type { ValidateResponse } from '../contract/responseValidation.ts';
import type { Contract } from '../contract/engine.ts';
import type { ProblemName } from '../contract/problems.ts';

/**
 * Answers what never becomes a request of Fastify's: bytes that are no HTTP, headers that are too large, requests that
 * come too slowly, expectations that nobody meets, CONNECT. Node's own answers have no body.
 */
export function handleParserErrors(
  server: Server,
  { contract, createHeaders, onRefused, validateResponse }: Options,
): void {
  trackConnections(server);

  const problemHead = (example: ProblemName, tracked?: TrackedRequest) => {
    const requestId = tracked?.requestId ?? randomUUID();
    const { status, body } = contract.problemResponse(example);
    if (tracked) tracked.refusal = { status, problem: example };
    else onRefused({ requestId, status, problem: example });
    const text = JSON.stringify(body);
    const headers = {
      ...createHeaders(requestId),
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(text)),
      Connection: 'close',
    };
    if (validateResponse) {
      const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
      // After it is written.
      setImmediate(validateResponse, { requestId, operation: undefined, status, headers: named, body });
    }
    return { status, text, headers };
  };

  const reject = (socket: Socket, example: ProblemName) => {
    // Nothing behind this can be read any more.
    socket.pause();
    unreadable.add(socket);
    const newest = findLastInFlight(socket);
    const unfinished = newest?.req.complete ? undefined : newest;
    // The last answer is sent, or under way.
    if (socket.writableEnded || unfinished?.headersSent) return;
    closing.add(socket);
    // Behind a request whose answer is still to come, a 4xx would be taken for that answer: a payment would look refused.
    const last = findDueResponses(socket).at(-1);
    if (last) {
      last.shouldKeepAlive = false;
      return;
    }
    const { status, headers, text } = problemHead(example, unfinished && trackedRequests.get(unfinished));
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`);
    socket.destroySoon();
  };

  server.removeAllListeners('clientError');
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || socket.destroyed) socket.destroy();
    else reject(socket, PROBLEM_BY_ERROR_CODE[error.code ?? ''] ?? 'invalidRequest');
  });

  server.on('connect', ({ socket }: IncomingMessage) => {
    // Node has given the connection away, its own listener included: without one a reset would end the process.
    socket.on('error', () => {});
    reject(socket, 'invalidRequest');
  });

  // Node would say 100 Continue to anyone; the route says it to those whose body is wanted.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // Without a 100, Node would close the connection behind this response, also where the body has come and a payment behind
    // it is with Stripe already. Where the body is still to come, closeAfter closes it.
    Object.assign(response, { _expect_continue: false });
    server.emit('request', request, response);
  });

  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    if (closing.has(request.socket)) return stopReading(request);
    closeAfter(response);
    const { status, headers, text } = problemHead('expectationFailed');
    response.writeHead(status, headers).end(text);
  });
}

/** A request that Fastify has met, and how it was refused after all, where the rest of it could not be read. */
export interface TrackedRequest {
  requestId: string;
  refusal?: { status: number; problem: ProblemName };
}

const trackedRequests = new WeakMap<ServerResponse, TrackedRequest>();

/** Tells of a request, so that it is refused under its own name, and logged once. */
export function trackRequest(response: ServerResponse, requestId: string): TrackedRequest {
  const tracked = { requestId };
  trackedRequests.set(response, tracked);
  return tracked;
}

interface Options {
  contract: Contract;
  createHeaders: (requestId: string) => object;
  onRefused: (refusal: { requestId: string; status: number; problem: ProblemName }) => void;
  validateResponse?: ValidateResponse | undefined;
}

/** What Node's parser and timers report. Everything else is bytes that are no HTTP. */
const PROBLEM_BY_ERROR_CODE: Record<string, ProblemName> = {
  HPE_HEADER_OVERFLOW: 'headersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
};
