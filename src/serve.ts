import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import document from '../generated/openapi.json' with { type: 'json' };
import { buildApp } from './app.ts';
import { keyring } from './auth.ts';
import type { Config } from './config.ts';
import { openContract } from './contract.ts';
import { limits } from './limits.ts';
import { liveHandlers } from './operations/index.ts';
import type { PaymentGateway } from './payments/gateway.ts';

export interface LiveServer {
  /** `http://127.0.0.1:3000`. */
  url: string;
  /** Goes on answering for the drain time, refuses nobody, then closes. */
  stop(): Promise<void>;
}

/** Longer than any answer takes: see the gateway's deadline. */
const ANSWERED_WITHIN_MS = 11_000;

/** Starts the live server on the contract, with this gateway behind it. */
export async function serve(config: Config, gateway: PaymentGateway, logger: FastifyBaseLogger): Promise<LiveServer> {
  const handlers = liveHandlers(gateway);
  const contract = await openContract(document, (id) => handlers[id]);
  const app = await buildApp({ contract, authenticate: keyring(config.apiKeys), limits: limits(config), logger });
  let stopping: Promise<void> | undefined;
  app.addHook('onSend', async (_request, reply) => {
    if (stopping) reply.header('Connection', 'close');
  });
  const url = await app.listen({ host: config.host, port: config.port });

  async function stop(): Promise<void> {
    logger.info({ drainMs: config.drainMs }, 'draining');
    await delay(config.drainMs);
    // Connections that are idle now carry no request, and each answer closes its own: sweep until all are gone.
    const sweep = setInterval(() => app.server.closeIdleConnections(), 50);
    const watchdog = setTimeout(() => app.server.closeAllConnections(), ANSWERED_WITHIN_MS);
    await app.close();
    clearInterval(sweep);
    clearTimeout(watchdog);
    await gateway.close();
    logger.info('closed');
  }

  return { url, stop: () => (stopping ??= stop()) };
}

/** Ends the process when it is asked to, and when it can't be trusted any more: not before everyone has their answer. */
export function stopOnSignals(server: LiveServer, logger: FastifyBaseLogger): void {
  const end = (exitCode: number) => {
    void server.stop().finally(() => process.exit(exitCode));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end(0));
  for (const fault of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(fault, (error: unknown) => {
      // Its words could quote a key or a customer.
      logger.fatal(
        { fault, name: error instanceof Error ? error.name : typeof error },
        'broken: draining, then ending',
      );
      end(1);
    });
  }
}
