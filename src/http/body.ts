import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Problem } from '../contract/problems.ts';
import { contentLength } from './headers.ts';

/**
 * Reads a request's body; empty if there is none.
 *
 * Throws Problem('bodyTooLarge') for more than `maxBytes` bytes, or more chunks than `limitChunks` allows, and
 * `request.errored` if the client disconnects while sending it.
 */
export function readBody(request: IncomingMessage, { maxBytes }: { maxBytes: number }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks = chunkCounts.get(request);
    const declaredBytes = contentLength(request);
    if (request.errored) return reject(request.errored);
    if (declaredBytes > maxBytes || chunks?.isExceeded) return reject(new Problem('bodyTooLarge'));
    if (declaredBytes === 0 && !chunks) return resolve(NO_BYTES);
    let body: Buffer = NO_BYTES;
    let length = 0;
    const refuse = () => {
      request.off('data', onData).pause();
      reject(new Problem('bodyTooLarge'));
    };
    const onData = (piece: Buffer) => {
      const end = length + piece.length;
      if (end > maxBytes) return refuse();
      if (length === 0) {
        // Most bodies arrive in one piece, which is not copied.
        body = piece;
      } else {
        // Copied into one buffer: a thousand Buffers of one byte each would take hundreds of kilobytes.
        if (end > body.length) body = enlarge(body, Math.min(Math.max(2 * end, MIN_CAPACITY_BYTES), maxBytes));
        piece.copy(body, length);
      }
      length = end;
    };
    if (chunks) chunks.onExceeded = refuse;
    request.on('error', reject);
    request.on('end', () => resolve(length === body.length ? body : body.subarray(0, length)));
    request.on('data', onData);
  });
}

const NO_BYTES = Buffer.alloc(0);

const MIN_CAPACITY_BYTES = 1024;

/** Copies the bytes into a larger buffer, outside of Buffer's pool, which small bodies would keep alive. */
function enlarge(bytes: Buffer, capacityBytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(capacityBytes);
  bytes.copy(larger);
  return larger;
}

/** Limit of chunks of a body that is read. Each costs Node a callback and a Buffer, however small it is. */
const MAX_CHUNKS = 1_024;

/** Limit of chunks of a body that is not read: enough for a small body that arrives all at once. */
const MAX_UNREAD_CHUNKS = 16;

interface ChunkCount {
  seen: number;
  max: number;
  /** `socket.bytesRead` at the last chunk. */
  bytesRead: number;
  isExceeded: boolean;
  onExceeded: (() => void) | undefined;
}

const chunkCounts = new WeakMap<IncomingMessage, ChunkCount>();

/**
 * Limits the chunks of a body: above the limit, the connection is no longer read. Call it for a new request, before its body.
 * A body with a Content-Length has no chunks.
 */
export function limitChunks(request: IncomingMessage): void {
  if (request.headers['transfer-encoding'] === undefined) return;
  chunkCounts.set(request, { seen: 0, max: MAX_CHUNKS, bytesRead: -1, isExceeded: false, onExceeded: undefined });
  request.push = pushChunk;
}

/** Lowers the limit of chunks for a body that will not be read, so that only a small body that has arrived is accepted. */
export function leaveUnread(request: IncomingMessage): void {
  const count = chunkCounts.get(request);
  if (count) count.max = MAX_UNREAD_CHUNKS;
}

function pushChunk(this: IncomingMessage, chunk: Buffer | null): boolean {
  const count = chunkCounts.get(this)!;
  if (chunk !== null && isOverLimit(count, this.socket)) {
    count.isExceeded = true;
    stopReading(this);
    count.onExceeded?.();
    return false;
  }
  return IncomingMessage.prototype.push.call(this, chunk);
}

/** The first piece of a read may continue the last chunk of the read before, so it is not counted. */
function isOverLimit(count: ChunkCount, { bytesRead }: Socket): boolean {
  if (count.seen === 0 || bytesRead === count.bytesRead) count.seen += 1;
  count.bytesRead = bytesRead;
  return count.seen > count.max;
}

/** Stops reading the request and its connection, including what Node has buffered. */
export function stopReading(request: IncomingMessage): void {
  const { socket } = request;
  // Otherwise Node discards the whole body of a request that was not consumed, which would resume the connection.
  Object.assign(request, { _consuming: true });
  request.pause();
  stopParser(socket);
  socket.pause();
}

/**
 * Removes the callbacks of Node's parser, which is in the middle of up to 64 KiB. Without them it parses the rest without
 * JavaScript (`Parser::on_body` and its siblings in src/node_http_parser.cc do nothing without a function). Neither pausing nor
 * destroying the socket stops it from calling back for each chunk.
 */
function stopParser(socket: Socket & { parser?: Record<string, unknown> | null }): void {
  const { parser } = socket;
  if (!parser) return;
  const callbacks = Object.entries(parser).filter(
    ([, value]) => typeof value === 'function' && value.name.startsWith('parserOn'),
  );
  if (callbacks.length === 0) return;
  for (const [name] of callbacks) parser[name] = undefined;
  // Node reuses its parsers, and takes this one back in its own `close` listener: restore the callbacks before.
  socket.prependListener('close', () => Object.assign(parser, Object.fromEntries(callbacks)));
}
