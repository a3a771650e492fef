import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import type { Contract } from './contract.ts';
import type { ProblemName } from './problems.ts';

/** How long a connection stays open behind its last answer. */
const LINGER_MS = 500;

/** The answers that each connection still waits for, in the order of their requests. */
const awaited = new WeakMap<Socket, Set<ServerResponse>>();

/** Connections whose last answer is decided: they take no more requests. */
const ending = new WeakSet<Socket>();

/** Whether a part of the request's body is still to come. */
export const isUnread = ({ headers, complete }: IncomingMessage): boolean =>
  !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0);

/** Whether no request came behind this one on its connection. */
export const isNewest = (response: ServerResponse): boolean =>
  [...(awaited.get(response.req.socket) ?? [])].at(-1) === response;

/**
 * Makes this answer the last of its connection. Only for the newest one: an answer behind the last would not be sent.
 *
 * What is still to come of the request is left unread, so that it costs nothing.
 */
export function endAfter(response: ServerResponse): void {
  const { req } = response;
  ending.add(req.socket);
  // Node says `Connection: close`.
  response.shouldKeepAlive = false;
  if (!isUnread(req)) return;
  // Node takes the whole body of a request that nobody reads, and throws it away. So it is read, as far as Node can see:
  // some of it is taken, by a listener that never asks for more.
  req.on('readable', () => {});
  req._read(0);
  response.once('finish', () => req.socket.pause());
}

/**
 * Answers what never becomes a request of Fastify's: bytes that are no HTTP, headers that are too large, requests that
 * come too slowly, expectations that nobody meets, CONNECT. Node's own answers have no body.
 */
export function answerUnparsed(server: Server, { contract, logger, headersOf }: Options): void {
  followConnections(server);

  const problemHead = (example: ProblemName) => {
    const requestId = randomUUID();
    const { status, body } = contract.answer(example);
    logger.info({ requestId, status, problem: example }, 'refused before it was a request');
    const text = JSON.stringify(body);
    return {
      status,
      text,
      headers: {
        ...headersOf(requestId),
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Length': String(Buffer.byteLength(text)),
        Connection: 'close',
      },
    };
  };

  const refuse = (socket: Socket, example: ProblemName) => {
    // Nothing behind this can be read any more.
    socket.pause();
    if (ending.has(socket)) return;
    ending.add(socket);
    // Behind a request whose answer is still to come, a 4xx would be taken for that answer: a payment would look refused.
    const last = answersDue(socket).at(-1);
    if (last) {
      last.shouldKeepAlive = false;
      return;
    }
    const { status, headers, text } = problemHead(example);
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
    socket.on('error', () => socket.destroy());
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

interface Options {
  contract: Contract;
  logger: FastifyBaseLogger;
  headersOf: (requestId: string) => object;
}

/** What Node's parser and timers report. Everything else is bytes that are no HTTP. */
const CLIENT_ERRORS: Record<string, ProblemName> = {
  HPE_HEADER_OVERFLOW: 'headersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
};

/** Those whose request is whole, so that it may have an effect already. The others never get as far as a handler. */
const answersDue = (socket: Socket): ServerResponse[] =>
  [...(awaited.get(socket) ?? [])].filter(({ req }) => req.complete);

function followConnections(server: Server): void {
  // Node takes the end of the client's side for its leaving, and drops the answer to what came before it.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('connection', (socket: Socket) => {
    socket.destroySoon = () => endGently(socket);
  });

  const handlers = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    // RFC 9112, section 9.6: nobody would ever read the answer.
    if (ending.has(socket)) return;
    follow(socket, response);
    for (const handle of handlers) handle.call(server, request, response);
    // Fastify's own word while it closes.
    if (response.getHeader('connection') === 'close') ending.add(socket);
  });
}

function follow(socket: Socket, response: ServerResponse): void {
  const answers = awaited.get(socket) ?? new Set();
  awaited.set(socket, answers.add(response));
  response.once('close', () => {
    answers.delete(response);
    if (ending.has(socket) && answersDue(socket).length === 0) socket.destroySoon();
  });
}

/**
 * Ends our side, and a little later the connection (RFC 9112, section 9.6).
 *
 * Closing at once would reset the connection where bytes are waiting, and a client that is still sending would see the
 * reset and not its answer.
 */
function endGently(socket: Socket): void {
  if (socket.writableEnded) return;
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}
