import { pino } from 'pino';
import { sha256 } from '../../../src/access/apiKeys.ts';
import { readConfig } from '../../../src/config.ts';
import { startFakeStripe, type FakeStripe } from '../../../src/fake-stripe/server.ts';
import { serve } from '../../../src/live.ts';
import { API_KEY, API_KEY_2, type Fault } from './fault.ts';
import { startProxy, type Middleware } from './proxy.ts';

export interface Deployment {
  baseUrl: string;
  stripe: FakeStripe;
  /** Where the intents can be read back. */
  stripeUrl: string;
  close: () => Promise<void>;
}

const unchanged: Middleware = (request, forward) => forward(request);

/** A right server with two tenants and a fake Stripe, behind proxies with this fault. */
export async function startDeployment(
  { front = () => unchanged, stripe: between = () => unchanged }: Fault,
  settings: Record<string, string> = {},
): Promise<Deployment> {
  const stripe = await startFakeStripe();
  const stripeProxy = await startProxy(new URL(stripe.url), between());
  const config = readConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    DRAIN_MS: '0',
    API_KEYS: [API_KEY, API_KEY_2].map((key, index) => `tenant${index}:${sha256(key).toString('hex')}`).join(),
    STRIPE_SECRET_KEY: 'sk_test_contract',
    TENANT_REQUESTS_PER_MINUTE: '1000000',
    ADDRESS_FAILURES_PER_MINUTE: '1000000',
    ...settings,
  });
  const server = await serve(config, pino({ level: 'silent' }), stripeProxy.url);
  const frontProxy = await startProxy(new URL(server.url), front());
  return {
    baseUrl: frontProxy.url.origin,
    stripe,
    stripeUrl: stripeProxy.url.origin,
    async close() {
      await frontProxy.close();
      await server.stop();
      await stripeProxy.close();
      await stripe.close();
    },
  };
}
