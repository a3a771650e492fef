import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import type { CheckAnswer } from './answerCheck.ts';
import type { Contract } from './contract.ts';
import type { ProblemName } from './problems.ts';

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** How long a connection stays open behind an answer that came before the end of its request. */
const LINGER_MS = 500;

/**
 * Leaves the rest of a request's body unread, and lets the client read its answer all the same.
 *
 * Closing at once would reset the connection, because bytes are waiting, and a client that is still sending would see
 * the reset and not the answer. So our side ends, nothing more is taken, and a little later the connection goes.
 */
export function leaveUnread(request: IncomingMessage): void {
  const { socket } = request;
  // A listener that never reads: else Node takes the whole body and throws it away.
  request.on('readable', () => {});
  socket.destroySoon = () => {
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  };
}

/**
 * Answers what never becomes a request of Fastify's: bytes that are no HTTP, headers that are too large, requests that
 * come too slowly, expectations that nobody meets. Node's own answers have no body.
 */
export function answerUnparsed(server: Server, { contract, logger, headersOf, checkAnswer }: Options): void {
  const pending = pendingAnswers(server);

  const problemHead = (example: ProblemName) => {
    const requestId = randomUUID();
    const { status, body } = contract.answer(example);
    logger.info({ requestId, status, problem: example }, 'refused before it was a request');
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

  server.removeAllListeners('clientError');
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Behind a request whose answer is still to come, a 4xx would be taken for that answer: a payment would look refused.
    if (!socket.writable || pending.get(socket) || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const { status, headers, text } = problemHead(CLIENT_ERRORS[error.code ?? ''] ?? 'invalidRequest');
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`, () => socket.destroy());
  });

  // Node would say 100 Continue to anyone; the route says it to those whose body is wanted.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response);
  });

  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const { status, headers, text } = problemHead('expectationFailed');
    response.writeHead(status, headers).end(text);
  });
}

interface Options {
  contract: Contract;
  logger: FastifyBaseLogger;
  headersOf: (requestId: string) => object;
  checkAnswer?: CheckAnswer | undefined;
}

/** What Node's parser and timers report. Everything else is bytes that are no HTTP. */
const CLIENT_ERRORS: Record<string, ProblemName> = {
  HPE_HEADER_OVERFLOW: 'headersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
};

/** How many answers each connection still waits for. */
function pendingAnswers(server: Server): WeakMap<Socket, number> {
  const pending = new WeakMap<Socket, number>();
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    pending.set(socket, (pending.get(socket) ?? 0) + 1);
    response.once('close', () => pending.set(socket, (pending.get(socket) ?? 1) - 1));
  });
  return pending;
}
