/**
 * Validates our requests and the responses of our fake Stripe with Stripe's own tools: its OpenAPI description, and stripe-mock,
 * a server that Stripe generates from it. Neither models accounts, limits or earlier requests.
 *
 * The description is one API version behind the SDK. Newer types and fields are listed here and must be missing there, so a
 * newer description makes obsolete entries fail.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeStripe, type FakeStripe } from '../../src/fake-stripe/server.ts';
import { cases } from '../contract/cases.ts';
import { validRequest } from '../contract/randomRequests.ts';
import { send } from '../support/exchange.ts';
import { gatewayCalls } from '../support/gatewayCalls.ts';
import { liveTarget } from '../support/targets.ts';
import { agreed, anyCreation, disputed, type Dispute, type StripeRequest, type Verdicts } from './stripeRequests.ts';
import { EXAMPLES, hasStripeMock, SEED, startTool, STRIPE_MOCK, type ToolServer } from './judges.ts';
import { stripeDescription, type StripeDescription } from './stripeDescription.ts';

/** Payment method types in the SDK that the description does not have yet. */
const NEWER_TYPES = /=(card_present|interac_present)(&|$)/;

/** Fields of an intent in the SDK that the description does not have yet. */
const newerFields = (path: string) =>
  path === '/v1/setup_intents' ? [] : ['/payment_record is unknown', '/source is unknown'];

const random = { seed: SEED, numRuns: Math.ceil(EXAMPLES / 3) };

describe.skipIf(!hasStripeMock)('Stripe conformance (if go is installed)', () => {
  let description: StripeDescription;
  let mock: ToolServer;
  let fake: FakeStripe;
  let sent: StripeRequest[];
  beforeAll(async () => {
    description = stripeDescription();
    // Without both addresses it would listen on every interface.
    mock = await startTool(STRIPE_MOCK, (port) => ['-http-addr', `127.0.0.1:${port}`, '-https-addr', '127.0.0.1:0']);
    fake = await startFakeStripe();
    sent = await recordRequests();
  });
  afterAll(async () => {
    await mock?.close();
    await fake?.close();
  });

  describe('requests of our server', () => {
    it('cover every kind of request', () => {
      console.log(`Stripe's description is of ${description.version}; ${sent.length} different requests of our server`);
      expect(sent.length).toBeGreaterThan(random.numRuns);
      expect(new Set(sent.map(({ path }) => path))).toEqual(
        new Set(Object.values(gatewayCalls).map(({ path }) => path)),
      );
      expect(sent.some(({ body }) => NEWER_TYPES.test(body))).toBe(true);
      expect(sent.some(({ body }) => !body.includes('allowed_payment_method_types'))).toBe(true);
    });

    it('are accepted by stripe-mock', async () => {
      const known = sent.filter(({ body }) => !NEWER_TYPES.test(body));
      expect(await bodiesMatching(known, async (request) => (await fetchStatus(mock.url, request)) !== 200)).toEqual(
        [],
      );
    });

    it('match the description', () => {
      const faults = sent.filter(({ body }) => !NEWER_TYPES.test(body)).flatMap(description.findRequestFaults);
      expect(faults).toEqual([]);
    });

    it('fail validation only for payment method types newer than the description', async () => {
      const newer = sent.filter(({ body }) => NEWER_TYPES.test(body));
      expect(await bodiesMatching(newer, async (request) => (await fetchStatus(mock.url, request)) !== 400)).toEqual(
        [],
      );
      const faults = newer.flatMap(description.findRequestFaults);
      expect(
        faults.filter((fault) => !/^\/allowed_payment_method_types\/\d+ must be equal to one/.test(fault)),
      ).toEqual([]);
    });
  });

  describe('responses of the fake Stripe', () => {
    it('match the description for valid requests, except for newer fields', async () => {
      for (const request of sent.filter(({ form }) => form)) {
        const { status, text } = await sendToStripe(fake.url, request);
        if (status !== 200) continue;
        expect(description.findResponseFaults(request.path, status, text)).toEqual(newerFields(request.path));
      }
    });

    it.each([...agreed, ...disputed].map((row) => [row.title, row] as const))(
      'match the description for %s',
      async (_, row) => {
        const { status, text } = await sendToStripe(fake.url, row);
        const faults = description.findResponseFaults(row.path, status, text);
        expect(faults).toEqual(status === 200 ? newerFields(row.path) : []);
      },
    );
  });

  async function verdictsOn(request: StripeRequest): Promise<Verdicts> {
    const verdicts = {
      fake: await fetchStatus(fake.url, request),
      mock: await fetchStatus(mock.url, request),
    };
    // The description covers bodies only.
    return request.form ? { ...verdicts, description: description.findRequestFaults(request).length === 0 } : verdicts;
  }

  describe('stripe-mock, the description and the fake agree', () => {
    it.each(agreed.map((row) => [row.title, row] as const))('on %s', async (_, row) => {
      const { status } = row;
      const expected = row.form
        ? { fake: status, mock: status, description: status === 200 }
        : { fake: status, mock: status };
      expect(await verdictsOn(row)).toEqual(expected);
    });

    it(`on ${random.numRuns} random requests: seed ${SEED}`, async () => {
      const seen = new Set<number>();
      await fc.assert(
        fc.asyncProperty(anyCreation(), async (request) => {
          const { fake: fakeStatus, ...others } = await verdictsOn(request);
          expect(others, request.body).toEqual({ mock: fakeStatus, description: fakeStatus === 200 });
          seen.add(fakeStatus);
        }),
        random,
      );
      expect(seen).toEqual(new Set([200, 400]));
    });
  });

  describe('stripe-mock or the description differs from the fake for a known reason', () => {
    it.each(disputed.map((row): [string, string, Dispute] => [row.title, row.reason, row]))(
      '%s: %s',
      async (_title, _reason, row) => {
        fake.reset();
        if (row.before) await Promise.all([fake.url, mock.url].map((url) => sendToStripe(url, row.before!)));
        expect(await verdictsOn(row)).toEqual(row.verdicts);
        expect(new Set(Object.values(row.verdicts).map((verdict) => verdict === true || verdict === 200)).size).toBe(2);
      },
    );
  });
});

/** The distinct requests that the live server sends to Stripe for the contract cases and some hundred valid requests. */
async function recordRequests(): Promise<StripeRequest[]> {
  const framed = cases.filter(({ bytes }) => bytes === undefined);
  const shared = await liveTarget();
  const good = fc.sample(validRequest(shared.apiKey), random);
  for (const request of [
    ...framed.filter(({ arrange }) => !arrange).map((known) => known.request(shared.apiKey)),
    ...good,
  ]) {
    await send(shared.baseUrl, request);
  }
  const requests = [...shared.stripe.ledger.requests];
  await shared.close();
  await Promise.all(
    framed.map(async ({ arrange, request, settings }) => {
      if (!arrange) return;
      const target = await liveTarget(settings);
      await arrange(target.stripe, (another) => send(target.baseUrl, another(target.apiKey)));
      await send(target.baseUrl, request(target.apiKey));
      requests.push(...target.stripe.ledger.requests);
      await target.close();
    }),
  );
  const comparedHeaders = new Set(['content-type', 'idempotency-key', 'stripe-version', 'user-agent']);
  const stripeRequests = requests.map(({ method, path, headers, rawBody }) => ({
    title: rawBody,
    form: true,
    method,
    path,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => comparedHeaders.has(name))) as Record<
      string,
      string
    >,
    body: rawBody,
  }));
  return [...new Map(stripeRequests.map((request) => [request.body, request])).values()];
}

async function sendToStripe(
  url: string,
  { method, path, headers, body }: StripeRequest,
): Promise<{ status: number; text: string }> {
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: 'Bearer sk_test_conformance',
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    },
    ...(method === 'GET' ? {} : { body }),
  });
  return { status: response.status, text: await response.text() };
}

const fetchStatus = async (url: string, request: StripeRequest) => (await sendToStripe(url, request)).status;

/** The bodies of the matching requests, truncated to keep failure messages short. */
async function bodiesMatching(
  requests: readonly StripeRequest[],
  matches: (request: StripeRequest) => Promise<boolean>,
): Promise<string[]> {
  const bodies: string[] = [];
  for (const request of requests) if (await matches(request)) bodies.push(request.body.slice(0, 200));
  return bodies;
}
