/**
 * As src/server.ts, on another Stripe than the real one: `node test/support/observedProcess.ts http://127.0.0.1:12111`.
 * A message of its parent's is thrown at it: `exception`, `rejection` or `unreadable` (an error that throws when it is read),
 * and its words. Only for tests.
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
process.on('message', ([kind, words]: ['exception' | 'rejection' | 'unreadable', string]) => {
  const error = new Error(words);
  const unreadable = () => {
    throw error;
  };
  const thrown = kind === 'unreadable' ? new Proxy(error, { get: unreadable }) : error;
  const throwIt = kind === 'rejection' ? async (raise: () => void) => raise() : setImmediate;
  void throwIt(() => {
    throw thrown;
  });
});
