import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { stopReading } from './body.ts';
import { JSON_TYPE } from './headers.ts';
import {
  acceptNoMoreRequests,
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
 * Responds to requests that never reach Fastify: malformed HTTP, oversized headers, request timeouts, unsupported expectations,
 * CONNECT. Node's own responses have no body.
 */
export function handleParserErrors(server: Server, options: Options): void {
  const { contract, createHeaders, onRefused, validateResponse } = options;
  trackConnections(server);

  const problemHead = (example: ProblemName, tracked?: TrackedRequest) => {
    const requestId = tracked?.requestId ?? randomUUID();
    const { status, headers: ownHeaders, body } = contract.problemResponse(example);
    if (tracked) tracked.refusal = { status, problem: example };
    else onRefused({ requestId, status, problem: example });
    const text = JSON.stringify(body);
    const headers = {
      ...createHeaders(requestId),
      ...ownHeaders,
      'Content-Type': JSON_TYPE,
      'Content-Length': String(Buffer.byteLength(text)),
      Connection: 'close',
    };
    if (validateResponse) {
      const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
      // After the response is written.
      setImmediate(validateResponse, { requestId, operation: undefined, status, headers: named, body });
    }
    return { status, text, headers };
  };

  const reject = (socket: Socket, example: ProblemName) => {
    // Nothing after a parser error can be parsed.
    socket.pause();
    unreadable.add(socket);
    const newest = findLastInFlight(socket);
    const unfinished = newest?.req.complete ? undefined : newest;
    // The last response was sent, or is being sent.
    if (socket.writableEnded || unfinished?.headersSent) return;
    // The client would take a 4xx for the response to the request in flight: a payment would look rejected.
    const last = findDueResponses(socket).at(-1);
    if (last) return acceptNoMoreRequests(last);
    closing.add(socket);
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
    // Node has removed its own listeners: without one, a reset would crash the process.
    socket.on('error', () => {});
    reject(socket, 'invalidRequest');
  });

  // Node would send 100 Continue to everyone; EngineCall sends it after authentication.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // Without a 100, Node would close the connection after this response, even if the body has arrived and a pipelined payment
    // is in flight. If the body has not arrived, closeAfter closes the connection.
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

/** A request that Fastify has seen. `refusal` is set if a later parser error made us reject it. */
export interface TrackedRequest {
  requestId: string;
  refusal?: { status: number; problem: ProblemName };
}

const trackedRequests = new WeakMap<ServerResponse, TrackedRequest>();

/** Registers a request, so that a later refusal uses its request ID and is logged once. */
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

/** By error code of Node's parser and timers. All others are malformed HTTP. */
const PROBLEM_BY_ERROR_CODE: Record<string, ProblemName> = {
  HPE_HEADER_OVERFLOW: 'headersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
};
