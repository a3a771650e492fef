import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { limitChunks, stopReading } from './body.ts';

/** How long a connection stays open behind its last answer. */
const LINGER_MS = 500;

/** The answers that each connection still waits for, in the order of their requests. */
const awaited = new WeakMap<Socket, Set<ServerResponse>>();

/** Connections whose last answer is decided: they take no more requests. */
export const ending = new WeakSet<Socket>();

/** Whether a part of the request's body is still to come. */
export const isUnread = ({ headers, complete }: IncomingMessage): boolean =>
  !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0);

/** The newest request's answer that a connection waits for. */
export const newestAwaited = (socket: Socket): ServerResponse | undefined => [...(awaited.get(socket) ?? [])].at(-1);

/** Whether no request came behind this one on its connection. */
export const isNewest = (response: ServerResponse): boolean => newestAwaited(response.req.socket) === response;

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
  if (isUnread(req)) stopReading(req);
}

/** Those whose request is whole, so that it may have an effect already. The others never get as far as a handler. */
export const answersDue = (socket: Socket): ServerResponse[] =>
  [...(awaited.get(socket) ?? [])].filter(({ req }) => req.complete);

/** Follows which answers each connection waits for, and closes each gently. Everything else here relies on it. */
export function followConnections(server: Server): void {
  // Node takes the end of the client's side for its leaving, and drops the answer to what came before it.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('connection', (socket: Socket) => {
    socket.destroySoon = () => endGently(socket);
  });

  const handlers = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    limitChunks(request);
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
