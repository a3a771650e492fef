import type { FastifyBaseLogger } from 'fastify';
import { Redis } from 'ioredis';

/** The most that Redis may add to a request, in milliseconds. */
const TIMEOUT_MS = 100;

/** How long Redis is left alone after it failed to answer, in milliseconds: a slow one slows one request and not all. */
const PAUSE_MS = 1_000;

/** A Redis where counts are shared, for as long as it answers. */
export interface SharedCounts {
  client: Redis;
  readonly answers: boolean;
  /** To be called when a command failed. */
  failed(): void;
  close(): void;
}

/**
 * A connection to Redis that is given up at the first command without an answer, and counts as answering again only when
 * a new one has taken a write. Nobody's request has to try that out.
 */
export function sharedCounts(url: string, logger: FastifyBaseLogger): SharedCounts {
  // By default a command waits for Redis to come back, and every request with it.
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: TIMEOUT_MS,
    connectTimeout: 300,
    disconnectTimeout: TIMEOUT_MS,
    retryStrategy: () => PAUSE_MS,
  });
  let answers: boolean | undefined;
  const turn = (now: boolean) => {
    if (now === answers) return;
    answers = now;
    // Not the error: it holds the command, and the command may hold the password.
    if (now) logger.info('Redis answers: the limits are shared');
    else logger.warn('Redis does not answer: each instance counts its limits for itself');
  };
  const giveUp = () => {
    turn(false);
    client.disconnect(true);
  };
  // Without a listener ioredis prints each failed connection. What babbles is in error, and stays connected.
  client.on('error', () => turn(false));
  client.on('close', () => turn(false));
  // A replica, or a Redis without memory, answers and takes no write.
  client.on('ready', () => void client.set('payments-service:probe', '', 'EX', 1).then(() => turn(true), giveUp));
  return {
    client,
    get answers() {
      return answers ?? false;
    },
    failed: giveUp,
    close() {
      // Our own farewell is no failure.
      answers = false;
      client.disconnect();
    },
  };
}
