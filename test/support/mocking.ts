import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { HandledRequest } from '../../src/mock/app.ts';
import { readMockConfig } from '../../src/mock/config.ts';
import { startMock } from '../../src/mock/watch.ts';
import type { WireRequest } from './exchange.ts';

const CONTRACT = new URL('../../openapi/openapi.yaml', import.meta.url);

export interface OwnMock {
  url: string;
  /** The path of its contract, which the test may edit. */
  file: string;
  /** The original text of the contract. */
  text: string;
  /** Lines of JSON. */
  log: readonly string[];
  handled: readonly HandledRequest[];
  close: () => Promise<void>;
}

/** Starts a mock with its own copy of the contract. */
export async function mocking(env: Record<string, string> = {}): Promise<OwnMock> {
  const folder = await mkdtemp(join(tmpdir(), 'mock-test-'));
  const file = join(folder, 'openapi.yaml');
  const text = await readFile(CONTRACT, 'utf8');
  await writeFile(file, text);
  const log: string[] = [];
  const handled: HandledRequest[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line) });
  const config = readMockConfig({ PORT: '0', ...env });
  const mock = await startMock(config, file, logger, (one) => void handled.push(one));
  return {
    url: mock.url,
    file,
    text,
    log,
    handled,
    async close() {
      await mock.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** A valid request, unless `changes` make it invalid. */
export const createPayment = (
  headers: Record<string, string> = {},
  changes: Partial<WireRequest> = {},
): WireRequest => ({
  method: 'POST',
  path: '/api/v1/payments/intent',
  headers: Object.entries({ Host: 'mock.test', 'cv-api-key': 'any', 'Content-Type': 'application/json', ...headers }),
  body: '{"amount":1}',
  ...changes,
});
