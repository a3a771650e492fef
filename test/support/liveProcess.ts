/**
 * The live server as a separate process that uses a fake Stripe, for which src/server.ts has no setting:
 * `node test/support/liveProcess.ts http://127.0.0.1:12111`. All settings come from the environment. Only for tests.
 */
import { readConfig } from '../../src/config.ts';
import { openLog } from '../../src/observability/log.ts';
import { serve } from '../../src/live.ts';
import { stopOnSignals } from '../../src/shutdown.ts';

// A test that is killed can't stop its child processes, so they exit when the channel to it closes.
process.once('disconnect', () => process.exit(1));

const config = readConfig(process.env);
const logger = openLog(config.logLevel);
stopOnSignals(await serve(config, logger, new URL(process.argv[2]!)), logger);
