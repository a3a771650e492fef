import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Problem } from '../contract/problems.ts';

/**
 * Reads a request's body. Resolves with its bytes, which are empty where there is no body.
 *
 * Throws Problem('bodyTooLarge') for more than `maxBytes` bytes, or more chunks than `limitChunks` allows, and
 * `request.errored` where the client leaves in the middle of its body.
 */
export function readBody(request: IncomingMessage, { maxBytes }: { maxBytes: number }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks = chunkCounts.get(request);
    const promisedBytes = Number(request.headers['content-length'] ?? 0);
    if (request.errored) return reject(request.errored);
    if (promisedBytes > maxBytes || chunks?.isExceeded) return reject(new Problem('bodyTooLarge'));
    if (promisedBytes === 0 && !chunks) return resolve(NO_BYTES);
    let body: Buffer = NO_BYTES;
    let length = 0;
    const refuse = () => {
      request.off('data', take).pause();
      reject(new Problem('bodyTooLarge'));
    };
    const take = (piece: Buffer) => {
      const end = length + piece.length;
      if (end > maxBytes) return refuse();
      if (length === 0) {
        // Most bodies come in one piece, which is not copied.
        body = piece;
      } else {
        // Kept as they come, a thousand pieces of one byte each would take hundreds of kilobytes.
        if (end > body.length) body = enlarged(body, Math.min(Math.max(2 * end, MIN_CAPACITY_BYTES), maxBytes));
        piece.copy(body, length);
      }
      length = end;
    };
    if (chunks) chunks.onExceeded = refuse;
    request.on('error', reject);
    request.on('end', () => resolve(length === body.length ? body : body.subarray(0, length)));
    request.on('data', take);
  });
}

const NO_BYTES = Buffer.alloc(0);

const MIN_CAPACITY_BYTES = 1024;

/** A copy of the bytes, with room for more behind them. Not from Buffer's pool, which small bodies would keep alive. */
function enlarged(bytes: Buffer, capacityBytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(capacityBytes);
  bytes.copy(larger);
  return larger;
}

/** Chunks of a body that are read. Each costs Node a callback and a Buffer, however small it is. */
const MAX_CHUNKS = 1_024;

/** Chunks of a body that nobody reads: those of any real client that has sent a small body all at once. */
const MAX_UNREAD_CHUNKS = 16;

interface ChunkCount {
  seen: number;
  max: number;
  /** What its connection had read when the last chunk came, in bytes. */
  bytesRead: number;
  isExceeded: boolean;
  onExceeded: (() => void) | undefined;
}

const chunkCounts = new WeakMap<IncomingMessage, ChunkCount>();

/**
 * Bounds the chunks of a body, of whoever sends it: at the first one too many the connection is no longer read.
 * For a new request, before its body. A body with a Content-Length has no chunks.
 */
export function limitChunks(request: IncomingMessage): void {
  if (request.headers['transfer-encoding'] === undefined) return;
  chunkCounts.set(request, { seen: 0, max: MAX_CHUNKS, bytesRead: -1, isExceeded: false, onExceeded: undefined });
  request.push = pushChunk;
}

/** Says that nobody will read the body, so that no more is taken of it than a small body that is there already. */
export function leaveUnread(request: IncomingMessage): void {
  const count = chunkCounts.get(request);
  if (count) count.max = MAX_UNREAD_CHUNKS;
}

function pushChunk(this: IncomingMessage, chunk: Buffer | null): boolean {
  const count = chunkCounts.get(this)!;
  if (chunk !== null && isOneTooMany(count, this.socket)) {
    count.isExceeded = true;
    stopReading(this);
    count.onExceeded?.();
    return false;
  }
  return IncomingMessage.prototype.push.call(this, chunk);
}

/** The first piece of a read may go on with the chunk of the read before, so that it is not counted. */
function isOneTooMany(count: ChunkCount, { bytesRead }: Socket): boolean {
  if (count.seen === 0 || bytesRead === count.bytesRead) count.seen += 1;
  count.bytesRead = bytesRead;
  return count.seen > count.max;
}

/**
 * Leaves the rest of a request unread, also what Node has read of it already. Nothing else comes from its connection.
 */
export function stopReading(request: IncomingMessage): void {
  const { socket } = request;
  // Node takes the whole body of a request that nobody has begun to read, and throws it away. Beginning to read it would
  // let the connection flow again.
  Object.assign(request, { _consuming: true });
  request.pause();
  stopParser(socket);
  socket.pause();
}

/**
 * Takes away the callbacks of Node's parser, which is in the middle of up to 64 KiB: it goes through the rest without
 * JavaScript (`Parser::on_body` and its siblings in src/node_http_parser.cc do nothing where they find no function), and
 * neither pausing nor destroying the socket would keep it from calling for each chunk.
 */
function stopParser(socket: Socket & { parser?: Record<string, unknown> | null }): void {
  const { parser } = socket;
  if (!parser) return;
  const callbacks = Object.entries(parser).filter(
    ([, value]) => typeof value === 'function' && value.name.startsWith('parserOn'),
  );
  if (callbacks.length === 0) return;
  for (const [name] of callbacks) parser[name] = undefined;
  // Node keeps its parsers for other connections: it gets this one back, in its own listener, as it was.
  socket.prependListener('close', () => Object.assign(parser, Object.fromEntries(callbacks)));
}
