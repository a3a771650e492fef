import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { connectionsClosed, closeGracefully } from './http/connections.ts';
import { errorWithoutMessage } from './observability/log.ts';

/** Every accepted request gets its response within this time, whatever Stripe does. */
export const DEADLINE_MS = 10_000;

/** The longest duration of a stop. */
export const stopTimeoutMs = (drainMs: number): number => drainMs + DEADLINE_MS + 1_000;

/** Accepts requests for the drain time, then closes the server and its connections. */
export async function drain(app: FastifyInstance, drainMs: number): Promise<void> {
  await delay(drainMs);
  const closed = app.close();
  closeGracefully(app.server);
  // Each response now closes its connection. Repeated, as some connections were accepted just before the port was closed.
  const sweep = setInterval(() => closeGracefully(app.server), 50);
  // The last accepted request still has its whole deadline.
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
 * Stops the server on a stop signal or an unhandled error, then exits. Requests in flight get their responses; the exit is forced
 * after `stopsWithinMs` and a second.
 */
export function stopOnSignals(server: Stoppable, logger: FastifyBaseLogger, onStopped = async () => {}): void {
  let exitCode = 0;
  let isStopping = false;
  const exit = (code: number) => {
    // An error during a drain still gives exit code 1.
    exitCode = Math.max(exitCode, code);
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(1), server.stopsWithinMs + 1_000).unref();
    void server
      .stop()
      .then(onStopped)
      .then(
        () => process.exit(exitCode),
        () => process.exit(1),
      );
  };
  onStopSignal(() => exit(0));
  for (const fault of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(fault, (error: unknown) => {
      try {
        logger.fatal({ fault, ...errorWithoutMessage(error) }, 'fatal error: draining, then exiting');
      } catch {
        // Reading the error threw. Rethrowing would end the process at once.
        logger.fatal({ fault }, 'fatal error: draining, then exiting');
      }
      exit(1);
    });
  }
}

/** Calls `stop` on SIGTERM, SIGINT and SIGHUP. Replaces the listeners of src/startSignals.js. */
export function onStopSignal(stop: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const former = process.listeners(signal);
    // Added before the others are removed: without a listener, a signal kills the process, or is ignored by PID 1.
    process.on(signal, stop);
    for (const listener of former) process.off(signal, listener);
  }
}
