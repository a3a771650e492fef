/** `make start`: the live server with a fake Stripe beside it, for a machine without an account. Never for production. */
import document from '../generated/openapi.json' with { type: 'json' };
import { sha256 } from './access/apiKeys.ts';
import { readConfig } from './config.ts';
import { curlLines } from './docs/curl.ts';
import { startFakeStripe } from './fake-stripe/server.ts';
import { openLog } from './observability/log.ts';
import { serve } from './live.ts';
import { stopOnSignals } from './shutdown.ts';

const API_KEY = 'cv_dev_key';

/** Other tools' variables (STRIPE_API_KEY, HOST) must not stop it: only these are ours here. */
const CHOSEN =
  /^(PORT|ADMIN_PORT|LOG_LEVEL|DOCS|DRAIN_MS|CORS_ORIGINS|REDIS_URL|CHECK_ANSWERS|MAX_CONNECTIONS|(TENANT|ADDRESS)_\w+)$/;
const chosen = Object.fromEntries(Object.entries(process.env).filter(([name]) => CHOSEN.test(name)));

try {
  const config = readConfig({
    HOST: '127.0.0.1',
    ADMIN_PORT: '0',
    DRAIN_MS: '0',
    DOCS: 'on',
    ...chosen,
    // Whatever the environment holds, a real key never comes near the fake.
    STRIPE_SECRET_KEY: 'sk_test_fake',
    API_KEYS: `dev:${sha256(API_KEY).toString('hex')}`,
  });
  const logger = openLog(config.logLevel);
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
Stripe        a fake one beside it, ${stripe.url}: no account, no money

${curlLines(document, server.url, API_KEY)}
`);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
