import type { FastifyBaseLogger } from 'fastify';
import { Redis } from 'ioredis';

/** The most that Redis may add to a request, in milliseconds. */
const TIMEOUT_MS = 100;

/** Delay before reconnecting, in milliseconds, so that a slow Redis delays one request and not all. */
const RECONNECT_DELAY_MS = 1_000;

/** Limit of bytes received beyond those sent. A reply with a count has 20, the INFO at the start about 10,000. */
const MAX_EXCESS_BYTES = 1_000_000;

export interface RedisConnection {
  client: Redis;
  readonly isAvailable: boolean;
  /** Drops the connection. Call it when a command failed. */
  reportFailure(): void;
  close(): void;
}

/**
 * Connects to Redis. The connection is dropped at the first failed command or unexpected reply. It is available again once a new
 * connection has accepted a write, so that no request has to probe it.
 */
export function connectRedis(url: string, logger: FastifyBaseLogger): RedisConnection {
  // By default, commands wait for Redis to return, and requests with them.
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: TIMEOUT_MS,
    connectTimeout: 300,
    disconnectTimeout: TIMEOUT_MS,
    retryStrategy: () => RECONNECT_DELAY_MS,
  });
  let isAvailable: boolean | undefined;
  const setAvailable = (now: boolean) => {
    if (now === isAvailable) return;
    isAvailable = now;
    // The error is not logged: it contains the command, which may contain the password.
    if (now) logger.info('Redis is available: rate limits are shared');
    else logger.warn('Redis is unavailable: each instance counts its own rate limits');
  };
  const dropConnection = () => {
    setAvailable(false);
    // client.disconnect() would read on until Redis closes, or for 100 ms. ioredis reconnects after this.
    client.stream?.destroy();
  };
  // Without a listener, ioredis prints each failed connection. An unexpected reply is an error, too.
  client.on('error', dropConnection);
  client.on('close', () => setAvailable(false));
  client.on('connect', () => limitReceivedBytes(client.stream));
  // A replica, or a Redis that is out of memory, responds but accepts no writes.
  client.on(
    'ready',
    () => void client.set('payments-service:probe', '', 'EX', 1).then(() => setAvailable(true), dropConnection),
  );
  return {
    client,
    get isAvailable() {
      return isAvailable ?? false;
    },
    reportFailure: dropConnection,
    close() {
      // Closing is not logged as a failure.
      isAvailable = false;
      client.disconnect();
    },
  };
}

/**
 * Closes a connection that sends far more than was requested: ioredis would buffer an endless line, and read unsolicited messages
 * for ever.
 */
function limitReceivedBytes(stream: Redis['stream']): void {
  let excessBytes = 0;
  let sentBytes = 0;
  stream.on('data', (chunk: Buffer) => {
    excessBytes = Math.max(0, excessBytes + chunk.length - (stream.bytesWritten - sentBytes));
    sentBytes = stream.bytesWritten;
    if (excessBytes > MAX_EXCESS_BYTES) stream.destroy();
  });
}
