import { pino } from 'pino';
import document from '../../generated/openapi.json' with { type: 'json' };
import responses from '../../generated/responses.json' with { type: 'json' };
import { buildMockApp } from './app.ts';
import { createFetch } from './fetch.ts';
import { createControls, readOptions, type MockOptions } from './options.ts';
import type { MockControls } from './responder.ts';
import { listen } from './server.ts';

export type { MockControls, RecordedRequest } from './responder.ts';
export type { ScenarioName } from './scenarioQueue.ts';

export interface PaymentsMockOptions extends MockOptions {
  /** Default: a free port. */
  port?: number;
  /** The address to listen on. Default: 127.0.0.1. */
  host?: string;
}

/** A mock of the payments service in this process. */
export interface PaymentsMock extends MockControls {
  /** `http://127.0.0.1:34567`. */
  url: string;
  /** Responds as the mock does over HTTP, without a connection. Takes any URL, or a path. */
  fetch: typeof globalThis.fetch;
  close: () => Promise<void>;
}

/** Starts the mock, by default on a free port of this machine. Throws for an unknown option or scenario. */
export async function startPaymentsMock(options: PaymentsMockOptions = {}): Promise<PaymentsMock> {
  const { port = 0, host = '127.0.0.1', ...rest } = options;
  const mock = await buildMockApp(
    { document, readResponses: async () => responses },
    {
      config: { ...readOptions(rest, ['port', 'host']), docs: false },
      logger: pino({ level: 'silent' }),
      onResponse: () => {},
    },
  );
  const { url, close } = await listen(mock, { host, port });
  return Object.assign(createControls(mock.responder), { url, fetch: createFetch(mock.app.server, url), close });
}
