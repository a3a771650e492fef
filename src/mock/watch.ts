import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { buildMockApp, type HandledRequest } from './app.ts';
import type { MockConfig } from './config.ts';
import { readContractFile } from './contractFile.ts';
import { prismResponses } from './prism.ts';
import type { MockedContract } from './responses.ts';
import { listen, swapHandlers, type Mock } from './server.ts';

/**
 * Starts the mock of a contract file (YAML or JSON), and reloads the file on each edit. An invalid edit is logged with file and
 * line, and the last valid contract stays in use.
 */
export async function startMock(
  config: MockConfig,
  file: string,
  logger: FastifyBaseLogger,
  onResponse: (handled: HandledRequest) => void = () => {},
): Promise<Mock> {
  const open = () => readContract(file, (contract) => buildMockApp(contract, { config, logger, onResponse }));
  const opened = await open();
  const mock = await listen(opened, config);

  let reading = Promise.resolve();
  // Watches the folder, because many editors replace the file, and a watcher would stay on the old one.
  const watcher = watch(dirname(file), (_event, name) => {
    if (name === basename(file)) reading = reading.then(reload);
  });

  async function reload(): Promise<void> {
    try {
      const { app } = await open();
      await app.ready();
      swapHandlers(app, opened.app);
      logger.info('serving the edited contract');
    } catch (error) {
      const { message } = error as Error;
      logger.error(`The edited contract can't be served; still serving the last valid one.\n${message}`);
    }
  }

  return {
    ...mock,
    async close() {
      watcher.close();
      await reading;
      await mock.close();
    },
  };
}

/** Opens the contract in the file, with the responses of Prism. Adds file and line to its errors. */
async function readContract<Opened>(
  file: string,
  open: (contract: MockedContract) => Promise<Opened>,
): Promise<Opened> {
  const { document, text, locate } = await readContractFile(file);
  try {
    return await open({ document, yaml: text, readResponses: (operations) => prismResponses(document, operations) });
  } catch (error) {
    throw locate(error);
  }
}
