/** `make start`: the live server with a fake Stripe, for development without a Stripe account. */
import document from '../generated/openapi.json' with { type: 'json' };
import { sha256 } from './access/apiKeys.ts';
import { readConfig } from './config.ts';
import { curlLines } from './docs/curl.ts';
import { logFormat, Variables } from './env.ts';
import { startFakeStripe } from './fake-stripe/server.ts';
import { openConsoleLog } from './observability/console.ts';
import { openLog } from './observability/log.ts';
import { serve } from './live.ts';
import { stopOnSignals } from './shutdown.ts';

const API_KEY = 'cv_dev_key';

/** Settings that can be changed. Others are ignored, as they may belong to other tools (STRIPE_API_KEY, HOST). */
const SETTINGS =
  /^(PORT|ADMIN_PORT|LOG_LEVEL|DOCS|DRAIN_MS|CORS_ORIGINS|REDIS_URL|CHECK_ANSWERS|MAX_CONNECTIONS|(TENANT|ADDRESS)_\w+)$/;
const settings = Object.fromEntries(Object.entries(process.env).filter(([name]) => SETTINGS.test(name)));

try {
  const config = readConfig({
    HOST: '127.0.0.1',
    ADMIN_PORT: '0',
    DRAIN_MS: '0',
    DOCS: 'on',
    ...settings,
    // The fake Stripe must never receive a real key from the environment.
    STRIPE_SECRET_KEY: 'sk_test_fake',
    API_KEYS: `dev:${sha256(API_KEY).toString('hex')}`,
  });
  const variables = new Variables(process.env);
  const format = variables.read('LOG_FORMAT', 'text', logFormat);
  variables.finish();
  const logger = format === 'json' ? openLog(config.logLevel) : openConsoleLog(config.logLevel);
  const stripe = await startFakeStripe();
  const server = await serve(config, logger, new URL(stripe.url), {
    server: { url: '/', description: 'This server, with a fake Stripe behind it' },
    apiKey: API_KEY,
  });
  stopOnSignals(server, logger);
  console.log(`
Live server   ${server.url}
${config.docs ? `API reference ${server.url}/docs\n` : ''}API key       ${API_KEY}
Metrics       ${server.adminUrl}/metrics
Stripe        a fake, ${stripe.url}: no account, no money

${curlLines(document, server.url, API_KEY)}
`);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
