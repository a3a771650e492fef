import type { FastifyInstance } from 'fastify';
import type { MockApp } from './app.ts';

export interface Mock {
  /** `http://127.0.0.1:4010`. */
  url: string;
  /** The contract at the start. */
  document: object;
  close: () => Promise<void>;
}

/** Starts to listen. */
export async function listen(
  { app, responder, document }: MockApp,
  { host, port }: { host: string; port: number },
): Promise<Mock> {
  const url = await app.listen({ host, port });
  return {
    url,
    document,
    async close() {
      responder.close();
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

/** Makes the listening server of `first` pass its requests to `next`, so that no connection is lost and the port stays bound. */
export function swapHandlers(next: FastifyInstance, first: FastifyInstance): void {
  for (const event of ['request', 'checkContinue', 'checkExpectation', 'clientError', 'connect']) {
    first.server.removeAllListeners(event);
    for (const listener of next.server.listeners(event)) first.server.on(event, listener as () => void);
  }
}
