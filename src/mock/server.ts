import { readFile } from 'node:fs/promises';
import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { parse } from 'yaml';
import { buildApp } from '../app.ts';
import type { Authenticate } from '../auth.ts';
import type { MockConfig } from '../config.ts';
import { openContract } from '../contract.ts';
import { registerDocs } from '../docs/routes.ts';
import type { OperationId, OperationRequest } from '../operations/handler.ts';
import { chooseScenario } from './prefer.ts';
import { prismAnswers } from './prism.ts';

export interface Mock {
  /** `http://127.0.0.1:4010`. */
  url: string;
  /** The contract as it is served now. */
  document(): object;
  close(): Promise<void>;
}

/**
 * Starts the mock on a contract (a YAML or JSON file), and serves each edit of the file as soon as it is whole.
 * A faulty edit is logged, and the last good contract stays served.
 */
export async function startMock(config: MockConfig, contractFile: string, logger: FastifyBaseLogger): Promise<Mock> {
  let document = await readContract(contractFile);
  const app = await mockApp(document, config, logger);
  const url = await app.listen({ host: config.host, port: config.port });

  let reading = Promise.resolve();
  // The folder, and not the file: many editors replace the file, and a watch would stay with the old one.
  const watcher = watch(dirname(contractFile), (_event, file) => {
    if (file === basename(contractFile)) reading = reading.then(reload);
  });

  async function reload(): Promise<void> {
    try {
      const edited = await readContract(contractFile);
      const next = await mockApp(edited, config, logger);
      await next.ready();
      serveInstead(next, app);
      document = edited;
      logger.info('serving the edited contract');
    } catch (error) {
      logger.error(`The edited contract can't be served; the last good one still is.\n${(error as Error).message}`);
    }
  }

  return {
    url,
    document: () => document,
    async close() {
      watcher.close();
      await reading;
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

const readContract = async (file: string): Promise<object> => parse(await readFile(file, 'utf8'));

/** The shell of the live server, with Prism's answers behind it. */
async function mockApp(document: object, config: MockConfig, logger: FastifyBaseLogger): Promise<FastifyInstance> {
  const contract = await openContract(
    document,
    () =>
      async ({ operationId, headers }: OperationRequest<OperationId>) => {
        const operation = contract.operations.find(({ id }) => id === operationId)!;
        return chooseScenario((headers as Record<string, string>)['prefer'], operation.scenarios);
      },
  );
  const prism = await prismAnswers(document, contract.operations);
  const operations = contract.operations.map((operation) => ({
    ...operation,
    answer: (example: string) => prism(operation, example),
  }));
  const app = await buildApp({
    contract: { ...contract, operations },
    authenticate: letIn(config.apiKey),
    logger,
    corsOrigins: '*',
  });
  if (config.docs) {
    // The one key that is let in is for those who were told it.
    const apiKey = config.apiKey === undefined ? 'any_key' : 'YOUR_SECRET_KEY_HERE';
    registerDocs(app, { document, server: { url: '/', description: 'This mock' }, apiKey });
  }
  return app;
}

const letIn =
  (only: string | undefined): Authenticate =>
  (apiKey) =>
    only === undefined || apiKey === only ? 'mock' : undefined;

/** The listening server of `first` hands its requests to `next`: no connection is lost, no port is free for a moment. */
function serveInstead(next: FastifyInstance, first: FastifyInstance): void {
  for (const event of ['request', 'checkContinue', 'checkExpectation', 'clientError', 'connect']) {
    first.server.removeAllListeners(event);
    for (const listener of next.server.listeners(event)) first.server.on(event, listener as () => void);
  }
}
