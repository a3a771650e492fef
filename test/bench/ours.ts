/** As src/server.ts, on another Stripe than the real one. */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url)));
const { readConfig } = await import('../../src/config.ts');
const { openLog } = await import('../../src/log.ts');
const { serve, stopOnSignals } = await import('../../src/serve.ts');
const { startTracing } = await import('../../src/tracing.ts');

const { BENCH_STRIPE_URL, ...env } = process.env;
const config = readConfig(env);
const logger = openLog(config.logLevel);
const endTracing = await startTracing(env);
stopOnSignals(await serve(config, logger, new URL(BENCH_STRIPE_URL!)), logger, endTracing);
