/**
 * The mock must never differ from production: random requests, good, nearly good and broken, get the same status and body
 * from both. Stripe has received nothing for a refusal, and exactly one intent for a 200.
 *
 * `make parity RUNS=10000 SEED=7` chooses how many and which. A failing request is printed as a curl line.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { operations } from '../../generated/openapi.d.ts';
import type { Ledger } from '../../src/fake-stripe/server.ts';
import { curlLine, send, type WireRequest } from '../support/exchange.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { maskSecret } from './judge.ts';
import { anyRequest } from './randomRequests.ts';

const RUNS = process.env['RUNS'] || '1000';
const SEED = process.env['SEED'];

describe('the mock responds as the live server does', () => {
  let live: Awaited<ReturnType<typeof liveTarget>>;
  let mock: Target;
  beforeAll(async () => {
    [live, mock] = await Promise.all([liveTarget(), mockTarget()]);
  });
  afterAll(() => Promise.all([live.close(), mock.close()]));

  it(`to ${RUNS} random requests`, { timeout: 3_600_000 }, async () => {
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(anyRequest(live.apiKey), async (request) => {
        // A request that is made simpler after a failure may come with the same key: to Stripe, it is the first.
        live.stripe.reset();
        const responses = await Promise.all([send(live.baseUrl, request), send(mock.baseUrl, request)]);
        const [ours, theirs] = responses.map(({ status, text }) => ({ status, body: maskSecret(text) }));
        const command = curlLine(live.baseUrl, request, live.apiKey);
        expect(theirs, command).toEqual(ours);
        expect(createdIn(live.stripe.ledger), command).toEqual(ours!.status === 200 ? [readOrder(request)] : []);
        seen.set(ours!.status, (seen.get(ours!.status) ?? 0) + 1);
      }),
      { numRuns: Number(RUNS), ...(SEED && { seed: Number(SEED) }) },
    );
    console.log(
      `parity of ${RUNS} requests, by status: ${JSON.stringify(Object.fromEntries([...seen].toSorted(([a], [b]) => a - b)))}`,
    );
    // A generator of only one kind of request would prove nothing.
    expect([...seen.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 404, 405, 413, 415]));
  });
});

/** What a request asks Stripe for. */
interface Order {
  operation: keyof operations;
  metadata: Readonly<Record<string, string>>;
  cents?: number;
  currency?: string;
  types?: readonly string[] | undefined;
}

const createdIn = ({ intents, setupIntents }: Ledger): Order[] => [
  ...intents.map(({ amount, currency, allowedPaymentMethodTypes, metadata }): Order => ({
    operation: 'createPaymentIntent',
    cents: amount,
    currency,
    types: allowedPaymentMethodTypes,
    metadata: withoutOurs(metadata),
  })),
  ...setupIntents.map(({ metadata }): Order => ({ operation: 'createSetupIntent', metadata: withoutOurs(metadata) })),
];

function withoutOurs(metadata: Order['metadata']): Order['metadata'] {
  const { cv_reference: _reference, cv_tenant: _tenant, ...theirs } = metadata;
  return theirs;
}

/** The order of a request, in cents read from its text: not by the arithmetic of the code under test. */
function readOrder({ path, body }: WireRequest): Order {
  const text = body === undefined ? '' : new TextDecoder().decode(Buffer.from(body as Uint8Array));
  const { amount, paymentMethodTypes, metadata: given = {} } = JSON.parse(text || '{}') as Record<string, never>;
  // Stripe does not store an empty value.
  const metadata = Object.fromEntries(Object.entries<string>(given).filter(([, value]) => value !== ''));
  if (path.split('?')[0]!.endsWith('/setup')) return { operation: 'createSetupIntent', metadata };
  const [dollars, cents = ''] = String(amount).split('.') as [string, string?];
  return {
    operation: 'createPaymentIntent',
    cents: Number(dollars + cents.padEnd(2, '0')),
    currency: 'usd',
    types: paymentMethodTypes,
    metadata,
  };
}
