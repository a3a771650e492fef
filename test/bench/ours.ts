/** The same as src/server.ts, on the Stripe stub. */
import { readConfig } from '../../src/config.ts';
import { openLog } from '../../src/observability/log.ts';
import { serve } from '../../src/live.ts';
import { stopOnSignals } from '../../src/shutdown.ts';
import { startTracing } from '../../src/observability/tracing.ts';

const { BENCH_STRIPE_URL, ...env } = process.env;
const config = readConfig(env);
const logger = openLog(config.logLevel);
const endTracing = await startTracing(env);
stopOnSignals(await serve(config, logger, new URL(BENCH_STRIPE_URL!)), logger, endTracing);
