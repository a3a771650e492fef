/**
 * Like src/server.ts, but with a fake Stripe: `node test/support/observedProcess.ts http://127.0.0.1:12111`.
 * Its parent can make it throw: it sends the kind, `exception`, `rejection` or `unreadable` (an error that throws when it
 * is read), and the message of the error. Only for tests.
 */
import { readConfig } from '../../src/config.ts';
import { openLog } from '../../src/observability/log.ts';
import { serve } from '../../src/live.ts';
import { stopOnSignals } from '../../src/shutdown.ts';
import { startTracing } from '../../src/observability/tracing.ts';

const config = readConfig(process.env);
const logger = openLog(config.logLevel);
const endTracing = await startTracing(process.env);
stopOnSignals(await serve(config, logger, new URL(process.argv[2]!)), logger, endTracing);
process.once('disconnect', () => process.exit(1));
process.on('message', ([kind, message]: ['exception' | 'rejection' | 'unreadable', string]) => {
  const error = new Error(message);
  const unreadable = () => {
    throw error;
  };
  const thrown = kind === 'unreadable' ? new Proxy(error, { get: unreadable }) : error;
  const throwIt = kind === 'rejection' ? async (raise: () => void) => raise() : setImmediate;
  void throwIt(() => {
    throw thrown;
  });
});
