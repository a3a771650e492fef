/**
 * The live server as a process of its own, on another Stripe than the real one, for which src/server.ts has no setting:
 * `node test/support/liveProcess.ts http://127.0.0.1:12111`. Everything else stands in the environment. Only for tests.
 */
import { readConfig } from '../../src/config.ts';
import { openLog } from '../../src/observability/log.ts';
import { serve } from '../../src/live.ts';
import { stopOnSignals } from '../../src/shutdown.ts';

// A test that is killed can't end what it started: whoever was forked by it goes when it is gone.
process.once('disconnect', () => process.exit(1));

const config = readConfig(process.env);
const logger = openLog(config.logLevel);
stopOnSignals(await serve(config, logger, new URL(process.argv[2]!)), logger);
