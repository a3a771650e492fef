import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { limitChunks, stopReading } from './body.ts';
import { contentLength } from './headers.ts';

/** Limits of connections on every port, as options of `node:http`: milliseconds, and bytes of headers. */
export const HTTP_LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  // Above the idle timeout of load balancers (60 s is common), so that they never reuse a closed connection.
  keepAliveTimeout: 72_000,
  maxHeaderSize: 16 * 1024,
};

/** Idle timeout of a socket. Above the deadline of an operation, whose response would otherwise be lost. */
export const CONNECTION_TIMEOUT_MS = 30_000;

/** Keep-alive timeout before authentication. Like Node, we wait a second longer than the header Keep-Alive says. */
const UNAUTHENTICATED_KEEP_ALIVE_MS = 5_000;
const KEEP_ALIVE_BUFFER_MS = 1_000;

/** How long a connection stays open after its last response, and after one that the process waits for before it exits. */
const LINGER_MS = 500;
const LAST_LINGER_MS = 200;

/**
 * Requests of a connection that are in flight at once. Of small ones, Node would take two thousand from a single read,
 * at 5 KB each, and go on reading.
 */
const MAX_PIPELINED = 32;

/** The open connections of each server. */
const openConnections = new WeakMap<Server, Set<Socket>>();

/** Connections with the full keep-alive timeout. */
const keptOpen = new WeakSet<Socket>();

/** The unfinished responses of each connection, in the order of their requests. */
const inFlight = new WeakMap<Socket, Set<ServerResponse>>();

/** Connections that accept no more requests. */
export const closing = new WeakSet<Socket>();

/** Connections that are no longer read: an incomplete request stays incomplete. */
export const unreadable = new WeakSet<Socket>();

/** Whether part of the request's body has not arrived. */
export const hasUnreadBody = (request: IncomingMessage): boolean =>
  !request.complete && (request.headers['transfer-encoding'] !== undefined || contentLength(request) > 0);

/** The unfinished response to the newest request. */
export const findLastInFlight = (socket: Socket): ServerResponse | undefined =>
  [...(inFlight.get(socket) ?? [])].at(-1);

/** Whether no later request was received on this connection. */
export const isLastInPipeline = (response: ServerResponse): boolean =>
  findLastInFlight(response.req.socket) === response;

/**
 * Closes the connection after this response. Only for the newest request: later responses would not be sent.
 *
 * The rest of the request is not read.
 */
export function closeAfter(response: ServerResponse): void {
  acceptNoMoreRequests(response);
  if (hasUnreadBody(response.req)) stopReading(response.req);
}

/** Unfinished responses to complete requests, which may have had an effect. Incomplete requests never reach a handler. */
export const findDueResponses = (socket: Socket): ServerResponse[] =>
  [...(inFlight.get(socket) ?? [])].filter(({ req }) => req.complete);

/** Whether `keepOpen` was called for the connection of this response. */
export const isKeptOpen = ({ req }: ServerResponse): boolean => keptOpen.has(req.socket);

/** Gives the connection the full keep-alive timeout: its client is authenticated or a trusted proxy. */
export function keepOpen(response: ServerResponse): void {
  if (isKeptOpen(response)) return;
  keptOpen.add(response.req.socket);
  setKeepAliveHint(response, HTTP_LIMITS.keepAliveTimeout);
}

/**
 * Closes all connections, after the responses to complete requests. Accepts no more requests.
 *
 * An incomplete request gets a 408. It can't have had an effect.
 */
export function closeGracefully(server: Server): void {
  server.closeIdleConnections();
  for (const socket of openConnections.get(server) ?? []) {
    if (!socket.writable) continue;
    const error = Object.assign(new Error('The server is closing'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    server.emit('clientError', error, socket);
    if (findDueResponses(socket).length === 0) setTimeout(() => socket.destroy(), LAST_LINGER_MS).unref();
  }
}

/** Resolves once each connection has emitted `close`, when its requests are logged. The server's own `close` comes too early. */
export async function connectionsClosed(server: Server): Promise<void> {
  const sockets = [...(openConnections.get(server) ?? [])];
  await Promise.all(sockets.map((socket) => new Promise((resolve) => void socket.once('close', resolve))));
}

/** Tracks the responses in flight on each connection, and makes each connection linger on close. All else here needs it. */
export function trackConnections(server: Server): void {
  // By default, Node drops pending responses when the client closes its side of the connection.
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
    // RFC 9112, section 9.6: requests after the closing one are not processed. The client sends them again on another connection.
    if (closing.has(socket)) return stopReading(request);
    limitChunks(request);
    const responses = trackResponse(socket, response);
    if (!isKeptOpen(response)) limitIdleTime(response);
    // Upgrade is ignored (RFC 9110, section 7.8). But Node's parser stops after such a request and drops the rest of the segment:
    // a pipelined payment would get no response.
    if (request.headers.upgrade !== undefined || responses.size === MAX_PIPELINED) acceptNoMoreRequests(response);
    for (const handle of handlers) handle.call(server, request, response);
    // Fastify sets it while it closes.
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

/** An idle connection takes up to 30 KB, so an unauthenticated client may not keep one as long as a load balancer. */
function limitIdleTime(response: ServerResponse): void {
  setKeepAliveHint(response, UNAUTHENTICATED_KEEP_ALIVE_MS);
  // Runs after Node's own listener, which sets the server's timeout.
  response.once('finish', () => {
    if (isKeptOpen(response) || !isLastInPipeline(response)) return;
    response.req.socket.setTimeout(UNAUTHENTICATED_KEEP_ALIVE_MS + KEEP_ALIVE_BUFFER_MS);
  });
}

/** Node sets this field for each response, and sends it as the header Keep-Alive. */
function setKeepAliveHint(response: ServerResponse, keepAliveMs: number): void {
  Object.assign(response, { _keepAliveTimeout: keepAliveMs });
}

/** Closes the connection after this response, as closeAfter does, but reads the rest of its request. */
export function acceptNoMoreRequests(response: ServerResponse): void {
  closing.add(response.req.socket);
  // Node sends `Connection: close`.
  response.shouldKeepAlive = false;
}

/**
 * Closes our side, and LINGER_MS later the connection (RFC 9112, section 9.6).
 *
 * Closing at once would reset a connection with unread bytes, and a client that is still sending would see the reset instead of
 * the response.
 */
function lingeringClose(socket: Socket): void {
  if (socket.writableEnded) return;
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}
