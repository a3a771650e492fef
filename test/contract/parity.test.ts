/**
 * The mock must never differ from production: random requests, good, nearly good and broken, get the same status and body
 * from both, and so do sequences of requests under the same idempotency keys. Stripe has received nothing for a refusal, and
 * exactly one intent for a 200. What stands in for the mock in a test, mock.fetch and the handlers for MSW, never differs from it.
 *
 * `make parity RUNS=10000 SEED=7` chooses how many and which. A failing request is printed as a curl line.
 */
import fc from 'fast-check';
import { getResponse } from 'msw';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationId } from '../../src/contract/handler.ts';
import type { Ledger, LedgerEntry } from '../../src/fake-stripe/server.ts';
import { startPaymentsMock, type PaymentsMock } from '../../src/mock/index.ts';
import { mswPaymentsMock } from '../../src/mock/msw.ts';
import { operations } from '../support/contractDocument.ts';
import { gatewayCalls } from '../support/gatewayCalls.ts';
import { readNumbers } from '../support/numbers.ts';
import { curlLine, send, type WireRequest, type WireResponse } from '../support/exchange.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { maskSecret } from './judge.ts';
import { anyRequest, anySequence } from './randomRequests.ts';

const { RUNS, SEED } = readNumbers({
  RUNS: [1_000, 1, 10_000_000],
  SEED: [Date.now() % 1_000_000, 0, 999_999_999],
});

let live: Awaited<ReturnType<typeof liveTarget>>;
let mock: Target;
let library: PaymentsMock;
beforeAll(async () => {
  [live, mock] = await Promise.all([liveTarget(), mockTarget({ dynamic: true })]);
  library = await startPaymentsMock({ apiKey: live.apiKey, dynamic: true });
});
afterAll(() => Promise.all([live.close(), mock.close(), library.close()]));

const settings = (share = 1) => ({ numRuns: Math.ceil(RUNS * share), seed: SEED });

/** Prints how often each kind of response was seen. A generator of only one kind of request would prove nothing. */
function expectSeen(what: string, seen: ReadonlyMap<string, number>, expected: readonly string[]): void {
  console.log(
    `parity of ${what}, seed ${SEED}, by response: ${JSON.stringify(Object.fromEntries([...seen].toSorted(([one], [other]) => one.localeCompare(other))))}`,
  );
  expect([...seen.keys()]).toEqual(expect.arrayContaining([...expected]));
}

const count = (seen: Map<string, number>, kind: string | number) => seen.set(`${kind}`, (seen.get(`${kind}`) ?? 0) + 1);

describe('the mock responds as the live server does', () => {
  it(`to ${RUNS} random requests`, { timeout: 3_600_000 }, async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(anyRequest(live.apiKey), async (request) => {
        // A request that is made simpler after a failure may come with the same key: to both servers, it is the first.
        live.stripe.reset();
        await reset(mock);
        const responses = await Promise.all([send(live.baseUrl, request), send(mock.baseUrl, request)]);
        const [ours, theirs] = responses.map(({ status, text }) => ({ status, body: maskSecret(text) }));
        const command = curlLine(live.baseUrl, request, live.apiKey);
        expect(theirs, command).toEqual(ours);
        expect(createdIn(live.stripe.ledger), command).toEqual(ours!.status === 200 ? [readOrder(request)] : []);
        count(seen, ours!.status);
      }),
      settings(),
    );
    expectSeen('requests', seen, ['200', '400', '401', '404', '405', '413', '415']);
  });

  it('to random sequences of requests under the same keys', { timeout: 3_600_000 }, async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(anySequence(live.apiKey), async (sequence) => {
        live.stripe.reset();
        await reset(mock);
        const ours = await sendInTurn(sequence, (request) => send(live.baseUrl, request));
        const theirs = await sendInTurn(sequence, (request) => send(mock.baseUrl, request));
        expect(theirs, describeSequence(sequence)).toEqual(ours);
        for (const { kind } of ours) count(seen, kind);
      }),
      settings(0.25),
    );
    expectSeen('sequences', seen, ['200', '200 replayed', '400', '409']);
  });
});

/** Requests as standard ones. `send` sends the same to the mock. */
const STAND_INS: Record<string, () => { respond: (request: Request) => Promise<Response>; reset: () => void }> = {
  'mock.fetch': () => ({ respond: library.fetch, reset: library.reset }),
  'the handlers for MSW': () => {
    const { handlers, reset: forget } = mswPaymentsMock({ baseUrl: ORIGIN, apiKey: live.apiKey, dynamic: true });
    return { respond: async (request) => (await getResponse(handlers, request))!, reset: forget };
  },
};

describe.each(Object.entries(STAND_INS))('%s', (_name, start) => {
  let standIn: ReturnType<typeof start>;
  beforeAll(() => void (standIn = start()));

  it('responds as the mock does to random requests', { timeout: 3_600_000 }, async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(anyRequest(live.apiKey), async (wire) => {
        const request = toRequest(wire);
        fc.pre(request !== undefined);
        standIn.reset();
        await reset(mock);
        const same = await toWire(request);
        const theirs = await send(mock.baseUrl, same);
        expect(comparable(await readResponse(await standIn.respond(request))), curlLine(mock.baseUrl, same)).toEqual(
          comparable(theirs),
        );
        count(seen, theirs.status);
      }),
      settings(),
    );
    expectSeen('requests', seen, ['200', '400', '401', '404', '405', '413', '415']);
  });

  it(
    'responds as the mock does to random sequences of requests under the same keys',
    { timeout: 3_600_000 },
    async () => {
      const seen = new Map<string, number>();
      await fc.assert(
        fc.asyncProperty(anySequence(live.apiKey), async (sequence) => {
          standIn.reset();
          await reset(mock);
          const theirs = await sendInTurn(sequence, (request) => send(mock.baseUrl, request));
          const ours = await sendInTurn(sequence, async (request) =>
            readResponse(await standIn.respond(toRequest(request)!)),
          );
          expect(ours, describeSequence(sequence)).toEqual(theirs);
          for (const { kind } of theirs) count(seen, kind);
        }),
        settings(0.25),
      );
      expectSeen('sequences', seen, ['200', '200 replayed', '400', '409']);
    },
  );
});

const reset = ({ baseUrl }: Target) => send(baseUrl, { method: 'DELETE', path: '/_mock/next', headers: [] });

const describeSequence = (sequence: readonly WireRequest[]): string =>
  sequence.map((request) => curlLine(live.baseUrl, request, live.apiKey)).join('\n');

/** Sends one request after another. Of the secrets it tells only which are the same. */
async function sendInTurn(requests: readonly WireRequest[], sendOne: (request: WireRequest) => Promise<WireResponse>) {
  const secrets: string[] = [];
  const responses = [];
  for (const request of requests) {
    const { status, headers, text } = await sendOne(request);
    const [secret] = /\w+_secret_\w+/.exec(text) ?? [];
    if (secret && !secrets.includes(secret)) secrets.push(secret);
    const { 'idempotent-replayed': replayed, 'retry-after': retryAfter, 'x-error-code': code } = headers;
    responses.push({
      kind: replayed ? `${status} replayed` : String(status),
      body: maskSecret(text),
      code,
      retryAfter,
      payment: secret && secrets.indexOf(secret),
    });
  }
  return responses;
}

const ORIGIN = 'http://parity.test';

/** Undefined where a standard request can't be the same: GET with a body, TRACE, `OPTIONS *`, some characters. */
function toRequest({ method, path, headers, body }: WireRequest): Request | undefined {
  if (!path.startsWith('/')) return undefined;
  const fields = headers.filter(([name]) => name !== 'Host').map(([name, value]): [string, string] => [name, value]);
  try {
    // As bytes: a text would get a Content-Type.
    return new Request(ORIGIN + path, {
      method,
      headers: fields,
      ...(body !== undefined && { body: Buffer.from(body as string) }),
    });
  } catch {
    return undefined;
  }
}

/** What a standard request sends. Its URL may have lost `..`, and repeated headers are one. */
async function toWire(request: Request): Promise<WireRequest> {
  const { pathname, search } = new URL(request.url);
  const body = new Uint8Array(await request.clone().arrayBuffer());
  const headers: [string, string][] = [['Host', 'parity.test'], ...request.headers];
  return { method: request.method, path: pathname + search, headers, body: body.length > 0 ? body : undefined };
}

const readResponse = async (response: Response): Promise<WireResponse> => ({
  status: response.status,
  headers: Object.fromEntries(response.headers),
  text: await response.text(),
});

const COMPARED = `content-type cache-control x-content-type-options x-error-code retry-after allow idempotent-replayed
  mock-scenario mock-reason`.split(/\s+/);

const comparable = ({ status, headers, text }: WireResponse) => ({
  status,
  body: maskSecret(text),
  headers: Object.fromEntries(COMPARED.map((name) => [name, headers[name]])),
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
