import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { VIOLATION } from '../../src/contract/responseValidation.ts';
import { sha256 } from '../../src/access/apiKeys.ts';
import { readConfig } from '../../src/config.ts';
import { readMockConfig, type MockConfig } from '../../src/mock/config.ts';
import { startFakeStripe, type FakeStripe } from '../../src/fake-stripe/server.ts';
import { startMock } from '../../src/mock/watch.ts';
import { serve } from '../../src/live.ts';

/** A server that should keep the contract. */
export interface Target {
  baseUrl: string;
  apiKey: string;
  /** The key of another tenant, of a live server in this process. */
  secondApiKey?: string;
  /** The fake Stripe of a live server in this process; the mock and deployments have none. */
  stripe?: FakeStripe;
  close(): Promise<void>;
}

const API_KEY = 'cv_test_key';
const SECOND_API_KEY = 'cv_test_key_of_another_tenant';

/**
 * The real live server with a fake Stripe. It validates its own responses, and `close` rejects if one of them did not
 * match the contract.
 */
export async function liveTarget(
  overrides: Record<string, string> = {},
): Promise<Target & { secondApiKey: string; stripe: FakeStripe }> {
  const stripe = await startFakeStripe();
  const config = readConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    API_KEYS: `test:${sha256(API_KEY).toString('hex')},other:${sha256(SECOND_API_KEY).toString('hex')}`,
    STRIPE_SECRET_KEY: 'sk_test_contract',
    ADMIN_PORT: '0',
    DRAIN_MS: '0',
    TENANT_REQUESTS_PER_MINUTE: '1000000',
    ADDRESS_FAILURES_PER_MINUTE: '1000000',
    CHECK_ANSWERS: 'on',
    ...overrides,
  });
  const violations: string[] = [];
  const errors = { write: (line: string) => void (line.includes(VIOLATION) && violations.push(line)) };
  const server = await serve(config, pino({ level: 'error' }, errors), new URL(stripe.url));
  return {
    baseUrl: server.url,
    apiKey: API_KEY,
    secondApiKey: SECOND_API_KEY,
    stripe,
    async close() {
      await server.stop();
      await stripe.close();
      if (violations.length > 0) throw new Error(`The live server broke its contract:\n${violations.join('')}`);
    },
  };
}

const CONTRACT = fileURLToPath(new URL('../../openapi/openapi.yaml', import.meta.url));

export async function mockTarget(overrides: Partial<MockConfig> = {}, contractFile = CONTRACT): Promise<Target> {
  const config = { ...readMockConfig({ PORT: '0', API_KEY, DOCS: 'off' }), ...overrides };
  const mock = await startMock(config, contractFile, pino({ level: 'silent' }));
  return { baseUrl: mock.url, apiKey: API_KEY, close: () => mock.close() };
}
