/** The production process. Configured by environment variables: see .env.example. */
import './startSignals.js';
import { readConfig } from './config.ts';
import { openLog } from './observability/log.ts';
import { serve } from './live.ts';
import { stopOnSignals } from './shutdown.ts';
import { startTracing } from './observability/tracing.ts';

try {
  const config = readConfig(process.env);
  const logger = openLog(config.logLevel);
  const flushTraces = await startTracing(process.env);
  stopOnSignals(await serve(config, logger), logger, flushTraces);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
