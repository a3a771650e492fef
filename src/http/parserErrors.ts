import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answersDue, endAfter, ending, followConnections, newestAwaited, unreadable } from './connections.ts';
import type { CheckAnswer } from '../contract/responseValidation.ts';
import type { Contract } from '../contract/contract.ts';
import type { ProblemName } from '../contract/problems.ts';

/**
 * Answers what never becomes a request of Fastify's: bytes that are no HTTP, headers that are too large, requests that
 * come too slowly, expectations that nobody meets, CONNECT. Node's own answers have no body.
 */
export function answerUnparsed(server: Server, { contract, headersOf, onRefused, checkAnswer }: Options): void {
  followConnections(server);

  const problemHead = (example: ProblemName, known?: Met) => {
    const requestId = known?.requestId ?? randomUUID();
    const { status, body } = contract.answer(example);
    if (known) known.refusal = { status, problem: example };
    else onRefused({ requestId, status, problem: example });
    const text = JSON.stringify(body);
    const headers = {
      ...headersOf(requestId),
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(text)),
      Connection: 'close',
    };
    if (checkAnswer) {
      const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
      // After it is written.
      setImmediate(checkAnswer, { requestId, operation: undefined, status, headers: named, body });
    }
    return { status, text, headers };
  };

  const refuse = (socket: Socket, example: ProblemName) => {
    // Nothing behind this can be read any more.
    socket.pause();
    unreadable.add(socket);
    const newest = newestAwaited(socket);
    const unfinished = newest?.req.complete ? undefined : newest;
    // The last answer is sent, or under way.
    if (socket.writableEnded || unfinished?.headersSent) return;
    ending.add(socket);
    // Behind a request whose answer is still to come, a 4xx would be taken for that answer: a payment would look refused.
    const last = answersDue(socket).at(-1);
    if (last) {
      last.shouldKeepAlive = false;
      return;
    }
    const { status, headers, text } = problemHead(example, unfinished && met.get(unfinished));
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`);
    socket.destroySoon();
  };

  server.removeAllListeners('clientError');
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || socket.destroyed) socket.destroy();
    else refuse(socket, CLIENT_ERRORS[error.code ?? ''] ?? 'invalidRequest');
  });

  server.on('connect', ({ socket }: IncomingMessage) => {
    // Node has given the connection away, its own listener included: without one a reset would end the process.
    socket.on('error', () => {});
    refuse(socket, 'invalidRequest');
  });

  // Node would say 100 Continue to anyone; the route says it to those whose body is wanted.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response);
  });

  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    if (ending.has(request.socket)) return;
    endAfter(response);
    const { status, headers, text } = problemHead('expectationFailed');
    response.writeHead(status, headers).end(text);
  });
}

/** A request that Fastify has met, and how it was refused after all, where the rest of it could not be read. */
export interface Met {
  requestId: string;
  refusal?: { status: number; problem: ProblemName };
}

const met = new WeakMap<ServerResponse, Met>();

/** Tells of a request, so that it is refused under its own name, and logged once. */
export function knowRequest(response: ServerResponse, requestId: string): Met {
  const known = { requestId };
  met.set(response, known);
  return known;
}

interface Options {
  contract: Contract;
  headersOf: (requestId: string) => object;
  onRefused: (refusal: { requestId: string; status: number; problem: ProblemName }) => void;
  checkAnswer?: CheckAnswer | undefined;
}

/** What Node's parser and timers report. Everything else is bytes that are no HTTP. */
const CLIENT_ERRORS: Record<string, ProblemName> = {
  HPE_HEADER_OVERFLOW: 'headersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
};
