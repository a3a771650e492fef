/** The production process. Everything it needs stands in the environment: see .env.example. */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// What Node compiled for an earlier start it need not compile again, which is a third of the time to start: so all else is
// imported after this line. In a folder of our own, because whoever can write there decides what runs here.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)));
const { readConfig } = await import('./config.ts');
const { openLog } = await import('./log.ts');
const { serve, stopOnSignals } = await import('./serve.ts');
const { startTracing } = await import('./tracing.ts');

try {
  const config = readConfig(process.env);
  const logger = openLog(config.logLevel);
  const endTracing = await startTracing(process.env);
  stopOnSignals(await serve(config, logger), logger, endTracing);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
