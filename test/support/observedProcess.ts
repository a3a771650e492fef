/**
 * As src/server.ts, on another Stripe than the real one: `node test/support/observedProcess.ts http://127.0.0.1:12111`.
 * A message of its parent's is thrown at it: `exception` or `rejection`, and its words. Only for tests.
 */
import { readConfig } from '../../src/config.ts';
import { openLog } from '../../src/log.ts';
import { serve, stopOnSignals } from '../../src/serve.ts';
import { startTracing } from '../../src/tracing.ts';

const config = readConfig(process.env);
const logger = openLog(config.logLevel);
const endTracing = await startTracing(process.env);
stopOnSignals(await serve(config, logger, new URL(process.argv[2]!)), logger, endTracing);
process.once('disconnect', () => process.exit(1));
process.on('message', ([kind, words]: ['exception' | 'rejection', string]) => {
  const throwIt = { exception: setImmediate, rejection: async (raise: () => void) => raise() }[kind];
  void throwIt(() => {
    throw new Error(words);
  });
});
