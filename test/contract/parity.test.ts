/**
 * The mock must never differ from production: random requests, good, nearly good and broken, get the same status and body
 * from both. Stripe has received nothing for a refusal, and exactly one intent for a 200.
 *
 * `make parity RUNS=10000 SEED=7` chooses how many and which. A failing request is printed as a curl line.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationId } from '../../src/contract/handler.ts';
import type { Ledger, LedgerEntry } from '../../src/fake-stripe/server.ts';
import { operations } from '../support/contractDocument.ts';
import { gatewayCalls } from '../support/gatewayCalls.ts';
import { readNumbers } from '../support/numbers.ts';
import { curlLine, send, type WireRequest } from '../support/exchange.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { maskSecret } from './judge.ts';
import { anyRequest } from './randomRequests.ts';

const { RUNS, SEED } = readNumbers({
  RUNS: [1_000, 1, 10_000_000],
  SEED: [Date.now() % 1_000_000, 0, 999_999_999],
});

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
      { numRuns: RUNS, seed: SEED },
    );
    console.log(
      `parity of ${RUNS} requests, seed ${SEED}, by status: ${JSON.stringify(Object.fromEntries([...seen].toSorted(([a], [b]) => a - b)))}`,
    );
    // A generator of only one kind of request would prove nothing.
    expect([...seen.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 404, 405, 413, 415]));
  });
});

/** What a request asks Stripe for. */
type Order = Pick<LedgerEntry, 'metadata'> & { operation: string };

const createdIn = (ledger: Ledger): Order[] =>
  Object.entries(gatewayCalls).flatMap(([operation, { created }]) =>
    created(ledger).map(({ id: _id, clientSecret: _secret, requestId: _request, idempotencyKey: _key, ...order }) => ({
      ...order,
      operation,
      metadata: withoutOurs(order.metadata),
    })),
  );

function withoutOurs(metadata: Order['metadata']): Order['metadata'] {
  const { cv_reference: _reference, cv_tenant: _tenant, ...theirs } = metadata;
  return theirs;
}

type Fields = Record<string, never>;

/** What Stripe receives besides the metadata. */
const OWN_FIELDS: Record<OperationId, (fields: Fields) => object> = {
  createPaymentIntent({ amount, paymentMethodTypes }) {
    // From the text: not by the arithmetic of the code under test.
    const [dollars, cents = ''] = String(amount).split('.') as [string, string?];
    const inCents = Number(dollars + cents.padEnd(2, '0'));
    return { amount: inCents, currency: 'usd', allowedPaymentMethodTypes: paymentMethodTypes };
  },
  createSetupIntent: () => ({}),
};

function readOrder({ path, body }: WireRequest): Order {
  const operation = operations.find((one) => one.path === decodeURI(path.split('?', 1)[0]!))!.operationId;
  const text = body === undefined ? '' : new TextDecoder().decode(Buffer.from(body as Uint8Array));
  const fields = JSON.parse(text || '{}') as Fields;
  // Stripe does not store an empty value.
  const metadata = Object.entries<string>(fields['metadata'] ?? {}).filter(([, value]) => value !== '');
  return { operation, metadata: Object.fromEntries(metadata), ...OWN_FIELDS[operation](fields) };
}
