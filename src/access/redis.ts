import type { FastifyBaseLogger } from 'fastify';
import { Redis } from 'ioredis';

/** The most that Redis may add to a request, in milliseconds. */
const TIMEOUT_MS = 100;

/** How long Redis is left alone after it failed to answer, in milliseconds: a slow one slows one request and not all. */
const PAUSE_MS = 1_000;

/** How many bytes more than it was sent Redis may send: a count has 20, its INFO at the start some 10,000. */
const MAX_UNASKED_BYTES = 1_000_000;

/** A Redis where counts are shared, for as long as it answers. */
export interface SharedCounts {
  client: Redis;
  readonly isAvailable: boolean;
  /** To be called when a command failed. */
  reportFailure(): void;
  close(): void;
}

/**
 * A connection to Redis that is given up at the first command without an answer or reply without a command, and counts as answering again only when
 * a new one has taken a write. Nobody's request has to try that out.
 */
export function createSharedCounts(url: string, logger: FastifyBaseLogger): SharedCounts {
  // By default a command waits for Redis to come back, and every request with it.
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: TIMEOUT_MS,
    connectTimeout: 300,
    disconnectTimeout: TIMEOUT_MS,
    retryStrategy: () => PAUSE_MS,
  });
  let isAvailable: boolean | undefined;
  const setAvailable = (now: boolean) => {
    if (now === isAvailable) return;
    isAvailable = now;
    // Not the error: it holds the command, and the command may hold the password.
    if (now) logger.info('Redis answers: the limits are shared');
    else logger.warn('Redis does not answer: each instance counts its limits for itself');
  };
  const giveUp = () => {
    setAvailable(false);
    // Not client.disconnect(), which goes on reading until the other side closes, or for 100 ms. ioredis connects again.
    client.stream?.destroy();
  };
  // Without a listener ioredis prints each failed connection. A reply that nobody waits for is an error, too.
  client.on('error', giveUp);
  client.on('close', () => setAvailable(false));
  client.on('connect', () => closeFlood(client.stream));
  // A replica, or a Redis without memory, answers and takes no write.
  client.on(
    'ready',
    () => void client.set('payments-service:probe', '', 'EX', 1).then(() => setAvailable(true), giveUp),
  );
  return {
    client,
    get isAvailable() {
      return isAvailable ?? false;
    },
    reportFailure: giveUp,
    close() {
      // Our own farewell is no failure.
      isAvailable = false;
      client.disconnect();
    },
  };
}

/**
 * Closes a connection over which much more comes than was asked for: ioredis keeps an endless line in memory, and reads
 * messages that nobody subscribed to for ever.
 */
function closeFlood(stream: Redis['stream']): void {
  let unaskedBytes = 0;
  let sentBytes = 0;
  stream.on('data', (chunk: Buffer) => {
    unaskedBytes = Math.max(0, unaskedBytes + chunk.length - (stream.bytesWritten - sentBytes));
    sentBytes = stream.bytesWritten;
    if (unaskedBytes > MAX_UNASKED_BYTES) stream.destroy();
  });
}
