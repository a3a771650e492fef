import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { limitChunks, stopReading } from './body.ts';

/** Limits of a connection on every port of this process, by their names in `node:http`: milliseconds, and bytes of headers. */
export const HTTP_LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  // Above the idle time of a load balancer (60 s is common), so that it never meets a closed connection.
  keepAliveTimeout: 72_000,
  maxHeaderSize: 16 * 1024,
};

/** A connection closes after such a silence. Above the deadline of an operation, whose response would be cut otherwise. */
export const CONNECTION_TIMEOUT_MS = 30_000;

/** How long a connection may idle on which nobody has authenticated. As Node does, we wait a second longer than we say. */
const STRANGER_KEEP_ALIVE_MS = 5_000;
const KEEP_ALIVE_BUFFER_MS = 1_000;

/** How long a connection stays open behind its last answer, and behind a refusal that the end of the process waits for. */
const LINGER_MS = 500;
const LAST_LINGER_MS = 200;

/**
 * Requests of a connection that are in flight at once. Of small ones, Node would take two thousand from a single read,
 * at 5 KB each, and go on reading.
 */
const MAX_PIPELINED = 32;

/** The open connections of each server. */
const openConnections = new WeakMap<Server, Set<Socket>>();

/** Connections that may idle as long as the server allows. */
const keptOpen = new WeakSet<Socket>();

/** The answers that each connection still waits for, in the order of their requests. */
const inFlight = new WeakMap<Socket, Set<ServerResponse>>();

/** Connections whose last answer is decided: they take no more requests. */
export const closing = new WeakSet<Socket>();

/** Connections that are not read any more: a request that has come in part stays so. */
export const unreadable = new WeakSet<Socket>();

/** Whether a part of the request's body is still to come. */
export const hasUnreadBody = ({ headers, complete }: IncomingMessage): boolean =>
  !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0);

/** The newest request's answer that a connection waits for. */
export const findLastInFlight = (socket: Socket): ServerResponse | undefined =>
  [...(inFlight.get(socket) ?? [])].at(-1);

/** Whether no request came behind this one on its connection. */
export const isLastInPipeline = (response: ServerResponse): boolean =>
  findLastInFlight(response.req.socket) === response;

/**
 * Makes this answer the last of its connection. Only for the newest one: an answer behind the last would not be sent.
 *
 * What is still to come of the request is left unread, so that it costs nothing.
 */
export function closeAfter(response: ServerResponse): void {
  const { req } = response;
  closing.add(req.socket);
  // Node says `Connection: close`.
  response.shouldKeepAlive = false;
  if (hasUnreadBody(req)) stopReading(req);
}

/** Those whose request is whole, so that it may have an effect already. The others never get as far as a handler. */
export const findDueResponses = (socket: Socket): ServerResponse[] =>
  [...(inFlight.get(socket) ?? [])].filter(({ req }) => req.complete);

/** Whether `keepOpen` was called for the connection of this response. */
export const isKeptOpen = ({ req }: ServerResponse): boolean => keptOpen.has(req.socket);

/** Lets the connection of this response idle as long as the server allows: its client is no stranger. */
export function keepOpen(response: ServerResponse): void {
  if (isKeptOpen(response)) return;
  keptOpen.add(response.req.socket);
  setKeepAliveHint(response, HTTP_LIMITS.keepAliveTimeout);
}

/**
 * Ends all connections, those that wait for the response to a whole request behind it. No request is taken any more.
 *
 * A request that has come in part is refused as one that took too long. It can have had no effect.
 */
export function endUnfinished(server: Server): void {
  server.closeIdleConnections();
  for (const socket of openConnections.get(server) ?? []) {
    if (!socket.writable) continue;
    server.emit(
      'clientError',
      Object.assign(new Error('The server is closing'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }),
      socket,
    );
    if (findDueResponses(socket).length === 0) setTimeout(() => socket.destroy(), LAST_LINGER_MS).unref();
  }
}

/** Resolves when each connection has emitted `close`, as requests are logged then: a server emits its own too early. */
export async function connectionsClosed(server: Server): Promise<void> {
  const sockets = [...(openConnections.get(server) ?? [])];
  await Promise.all(sockets.map((socket) => new Promise((resolve) => void socket.once('close', resolve))));
}

/** Follows which answers each connection waits for, and closes each gently. Everything else here relies on it. */
export function trackConnections(server: Server): void {
  // Node takes the end of the client's side for its leaving, and drops the answer to what came before it.
  Object.assign(server, { httpAllowHalfOpen: true });
  const open = new Set<Socket>();
  openConnections.set(server, open);
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.destroySoon = () => lingeringClose(socket);
  });

  const handlers = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    // RFC 9112, section 9.6: nobody would ever read the response. The client sends the request again, over another connection.
    if (closing.has(socket)) return stopReading(request);
    limitChunks(request);
    const responses = trackResponse(socket, response);
    if (!isKeptOpen(response)) limitIdleTime(response);
    // We speak no other protocol, so that a request with Upgrade is an ordinary one (RFC 9110, section 7.8). But Node's parser
    // stops behind it, and drops the rest of the segment: a payment there would never be answered.
    if (request.headers.upgrade !== undefined || responses.size === MAX_PIPELINED) takeNoRequestBehind(response);
    for (const handle of handlers) handle.call(server, request, response);
    // Fastify's own word while it closes.
    if (response.getHeader('connection') === 'close') closing.add(socket);
  });
}

/** Returns the responses that are in flight on the connection, this one included. */
function trackResponse(socket: Socket, response: ServerResponse): ReadonlySet<ServerResponse> {
  const responses = inFlight.get(socket) ?? new Set();
  inFlight.set(socket, responses.add(response));
  response.once('close', () => {
    responses.delete(response);
    const due = unreadable.has(socket) ? findDueResponses(socket).length : responses.size;
    if (closing.has(socket) && due === 0) socket.destroySoon();
  });
  return responses;
}

/** Otherwise each stranger that asks once holds a connection, at up to 30 KB, for as long as a load balancer may. */
function limitIdleTime(response: ServerResponse): void {
  setKeepAliveHint(response, STRANGER_KEEP_ALIVE_MS);
  // Behind Node's own listener, which sets the time that all connections have.
  response.once('finish', () => {
    if (isKeptOpen(response) || !isLastInPipeline(response)) return;
    response.req.socket.setTimeout(STRANGER_KEEP_ALIVE_MS + KEEP_ALIVE_BUFFER_MS);
  });
}

/** Node makes the header Keep-Alive of this field, which it sets for each response. */
function setKeepAliveHint(response: ServerResponse, keepAliveMs: number): void {
  Object.assign(response, { _keepAliveTimeout: keepAliveMs });
}

/** Makes this response the last of its connection, as closeAfter does, but reads the rest of its request. */
function takeNoRequestBehind(response: ServerResponse): void {
  closing.add(response.req.socket);
  response.shouldKeepAlive = false;
}

/**
 * Ends our side, and a little later the connection (RFC 9112, section 9.6).
 *
 * Closing at once would reset the connection where bytes are waiting, and a client that is still sending would see the
 * reset and not its answer.
 */
function lingeringClose(socket: Socket): void {
  if (socket.writableEnded) return;
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}
