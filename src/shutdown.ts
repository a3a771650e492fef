import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { connectionsClosed, endUnfinished } from './http/connections.ts';
import { errorWithoutMessage } from './observability/log.ts';

/** Every accepted request is answered within this time, whatever Stripe does. */
export const DEADLINE_MS = 10_000;

/** A whole stop takes no longer, after a drain of so many milliseconds. */
export const stopTimeoutMs = (drainMs: number): number => drainMs + DEADLINE_MS + 1_000;

/** Goes on answering for the drain time, then closes the server and its connections. */
export async function drain(app: FastifyInstance, drainMs: number): Promise<void> {
  await delay(drainMs);
  const closed = app.close();
  endUnfinished(app.server);
  // Each answer closes its connection. Again until all are gone: some were accepted before the port was closed.
  const sweep = setInterval(() => endUnfinished(app.server), 50);
  // The last request was taken by now, and has its whole deadline.
  const watchdog = setTimeout(() => app.server.closeAllConnections(), DEADLINE_MS + 1_000);
  await closed;
  await connectionsClosed(app.server);
  clearInterval(sweep);
  clearTimeout(watchdog);
}

interface Stoppable {
  stop(): Promise<void>;
  stopsWithinMs: number;
}

/**
 * Ends the process when it is asked to, and when it can't be trusted any more: not before everyone has their answer, and
 * not later than the longest answer can take.
 */
export function stopOnSignals(server: Stoppable, logger: FastifyBaseLogger, onStopped = async () => {}): void {
  let exitCode = 0;
  let isEnding = false;
  const end = (code: number) => {
    // A fault in the middle of a drain is a fault still.
    exitCode = Math.max(exitCode, code);
    if (isEnding) return;
    isEnding = true;
    setTimeout(() => process.exit(1), server.stopsWithinMs + 1_000).unref();
    void server
      .stop()
      .then(onStopped)
      .then(
        () => process.exit(exitCode),
        () => process.exit(1),
      );
  };
  onStopSignal(() => end(0));
  for (const fault of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(fault, (error: unknown) => {
      try {
        logger.fatal({ fault, ...errorWithoutMessage(error) }, 'fatal error: draining, then exiting');
      } catch {
        // An error that can't be read. Thrown from here, another one would end the process at once.
        logger.fatal({ fault }, 'fatal error: draining, then exiting');
      }
      end(1);
    });
  }
}

/** Calls `stop` on each SIGTERM, SIGINT and SIGHUP, in place of the listeners of src/startSignals.js. */
export function onStopSignal(stop: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const former = process.listeners(signal);
    // Added first: a signal without a listener kills the process, or is lost where it is PID 1.
    process.on(signal, stop);
    for (const listener of former) process.off(signal, listener);
  }
}
