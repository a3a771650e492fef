import type { FastifyBaseLogger } from 'fastify';
import type { Environment } from '../env.ts';
import { openConsoleLog, paintOutput } from '../observability/console.ts';
import { openLog } from '../observability/log.ts';
import { onStopSignal } from '../shutdown.ts';
import type { HandledRequest } from './app.ts';
import { readArguments, readMockConfig, type MockConfig } from './config.ts';
import { banner, describeRequest, USAGE } from './console.ts';
import type { Mock } from './server.ts';

/** Starts a mock with this configuration. */
type Start = (
  config: MockConfig,
  logger: FastifyBaseLogger,
  onResponse?: (handled: HandledRequest) => void,
) => Promise<Mock>;

/**
 * The mock as a command: reads its settings, prints what it serves, and ends at a stop signal.
 *
 * `args` are settings as `NAME=value`, which precede those of the environment, or `--help`.
 */
export async function runMock(args: readonly string[], env: Environment, start: Start): Promise<void> {
  if (args.some((argument) => argument === '--help' || argument === '-h')) return console.log(USAGE);
  try {
    const given = readArguments(args);
    const isQuiet = Boolean(env['CI']);
    const config = readMockConfig({ ...(isQuiet && { LOG_LEVEL: 'silent' }), ...env, ...given }, Object.keys(given));
    const mock = await (config.logFormat === 'json'
      ? start(config, openLog(config.logLevel))
      : start(config, ...consoleOutput(config)));
    onStopSignal(() => void mock.close().then(() => process.exit(0)));
    console.log(isQuiet ? `Mock on ${mock.url}` : banner(mock, config, paintOutput));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

/** A log for people, with the mock's own lines about requests. */
function consoleOutput({ logLevel }: MockConfig) {
  const logger = openConsoleLog(logLevel, () => {});
  const printRequest = (handled: HandledRequest) => {
    if (logger.isLevelEnabled('info')) console.log(describeRequest(handled, paintOutput));
  };
  return [logger, printRequest] as const;
}
