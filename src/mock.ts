/** `make mock`: every response of the contract for frontend teams, without Stripe. Reloads on each edit of openapi/. */
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { pino } from 'pino';
import { readMockConfig } from './config.ts';
import { openLog } from './observability/log.ts';
import { startMock } from './mock/server.ts';
import { describeRequest, banner, consoleLog, type Paint } from './mock/console.ts';
import { onStopSignal } from './shutdown.ts';

const CONTRACT = fileURLToPath(new URL('../openapi/openapi.yaml', import.meta.url));

/** Uses colours if standard output supports them and NO_COLOR is not set. */
const paint: Paint = (format, text) => styleText(format, text, { stream: process.stdout });

try {
  const isQuiet = Boolean(process.env['CI']);
  const config = readMockConfig({ ...(isQuiet && { LOG_LEVEL: 'silent' }), ...process.env });
  const isInteractive = process.stdout.isTTY && !isQuiet;
  const mock = await (isInteractive
    ? startMock(config, CONTRACT, pino({ level: config.logLevel }, consoleLog(console.log, paint)), (handled) =>
        console.log(describeRequest(handled, paint)),
      )
    : startMock(config, CONTRACT, openLog(config.logLevel)));
  onStopSignal(() => void mock.close().then(() => process.exit(0)));
  console.log(isQuiet ? `Mock on ${mock.url}` : banner(mock, config, paint));
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
