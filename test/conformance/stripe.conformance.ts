/**
 * Stripe's own word on what we send and on what our fake Stripe answers: its OpenAPI description, and stripe-mock, a server
 * that Stripe makes from it. Both know nothing of accounts, limits and earlier requests.
 *
 * The description is one API version behind the SDK's: what is newer is listed here, and must be missing there, so that a
 * newer description shows what no longer needs to be listed.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeStripe, type FakeStripe } from '../../src/fake-stripe/server.ts';
import { cases } from '../contract/cases.ts';
import { goodRequest } from '../contract/randomRequests.ts';
import { send } from '../support/exchange.ts';
import { liveTarget } from '../support/targets.ts';
import { agreed, anyCreation, disputed, type Dispute, type StripeRequest, type Verdicts } from './stripeRequests.ts';
import { EXAMPLES, hasStripeMock, SEED, startJudge, STRIPE_MOCK, type Judge } from './judges.ts';
import { stripeDescription, type StripeDescription } from './stripeDescription.ts';

/** Types that the SDK knows and the description does not yet. */
const NEWER_TYPES = /=(card_present|interac_present)(&|$)/;

/** Fields of an intent that the SDK knows and the description does not yet. */
const NEWER_FIELDS = ['/payment_record is unknown', '/source is unknown'];

const random = { seed: SEED, numRuns: Math.ceil(EXAMPLES / 3) };

describe.skipIf(!hasStripeMock)('Stripe (where there is go)', () => {
  let description: StripeDescription;
  let mock: Judge;
  let fake: FakeStripe;
  let sent: StripeRequest[];
  beforeAll(async () => {
    description = stripeDescription();
    // Both addresses, or it listens on every interface.
    mock = await startJudge(STRIPE_MOCK, (port) => ['-http-addr', `127.0.0.1:${port}`, '-https-addr', '127.0.0.1:0']);
    fake = await startFakeStripe();
    sent = await recorded();
  });
  afterAll(async () => {
    await mock?.close();
    await fake?.close();
  });

  describe('takes what our server sends', () => {
    it('which is a lot, and of every kind', () => {
      console.log(`Stripe's description is of ${description.version}; ${sent.length} different requests of ours`);
      expect(sent.length).toBeGreaterThan(random.numRuns);
      expect(sent.some(({ body }) => NEWER_TYPES.test(body))).toBe(true);
      expect(sent.some(({ body }) => !body.includes('allowed_payment_method_types'))).toBe(true);
    });

    it('by stripe-mock', async () => {
      const known = sent.filter(({ body }) => !NEWER_TYPES.test(body));
      expect(await selected(known, async (request) => (await fetchStatus(mock.url, request)) !== 200)).toEqual([]);
    });

    it('by the description', () => {
      const faults = sent
        .filter(({ body }) => !NEWER_TYPES.test(body))
        .flatMap(({ body }) => description.findRequestFaults(body));
      expect(faults).toEqual([]);
    });

    it('but for types that are newer, and for nothing else of those requests', async () => {
      const newer = sent.filter(({ body }) => NEWER_TYPES.test(body));
      expect(await selected(newer, async (request) => (await fetchStatus(mock.url, request)) !== 400)).toEqual([]);
      const faults = newer.flatMap(({ body }) => description.findRequestFaults(body));
      expect(
        faults.filter((fault) => !/^\/allowed_payment_method_types\/\d+ must be equal to one/.test(fault)),
      ).toEqual([]);
    });
  });

  describe('would answer as the fake Stripe does', () => {
    it('with an intent to each good request, but for fields that are newer', async () => {
      for (const request of sent.filter(({ form }) => form)) {
        const { status, text } = await ask(fake.url, request);
        if (status !== 200) continue;
        expect(description.findResponseFaults(status, text)).toEqual(NEWER_FIELDS);
      }
    });

    it.each([...agreed, ...disputed].map((row) => [row.title, row] as const))('with its error: %s', async (_, row) => {
      const { status, text } = await ask(fake.url, row);
      const faults = description.findResponseFaults(status, text);
      expect(faults).toEqual(status === 200 ? NEWER_FIELDS : []);
    });
  });

  async function verdictsOn(request: StripeRequest): Promise<Verdicts> {
    const verdicts = {
      fake: await fetchStatus(fake.url, request),
      mock: await fetchStatus(mock.url, request),
    };
    // The description speaks of bodies only.
    return request.form
      ? { ...verdicts, description: description.findRequestFaults(request.body).length === 0 }
      : verdicts;
  }

  describe('and the fake agree', () => {
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
          const { fake: ours, ...theirs } = await verdictsOn(request);
          expect(theirs, request.body).toEqual({ mock: ours, description: ours === 200 });
          seen.add(ours);
        }),
        random,
      );
      expect(seen).toEqual(new Set([200, 400]));
    });
  });

  describe('and the fake differ, for a reason:', () => {
    it.each(disputed.map((row): [string, string, Dispute] => [row.title, row.reason, row]))(
      '%s: %s',
      async (_title, _reason, row) => {
        fake.reset();
        if (row.before) await Promise.all([fake.url, mock.url].map((url) => ask(url, row.before!)));
        expect(await verdictsOn(row)).toEqual(row.verdicts);
        expect(new Set(Object.values(row.verdicts).map((verdict) => verdict === true || verdict === 200)).size).toBe(2);
      },
    );
  });
});

/** What the live server sends to Stripe over the contract cases and some hundred good requests, each once. */
async function recorded(): Promise<StripeRequest[]> {
  const framed = cases.filter(({ bytes }) => bytes === undefined);
  const shared = await liveTarget();
  const good = fc.sample(goodRequest(shared.apiKey), random);
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
  const kept = new Set(['content-type', 'idempotency-key', 'stripe-version', 'user-agent']);
  const asSent = requests.map(({ method, path, headers, rawBody }) => ({
    title: rawBody,
    form: true,
    method,
    path,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => kept.has(name))) as Record<string, string>,
    body: rawBody,
  }));
  return [...new Map(asSent.map((request) => [request.body, request])).values()];
}

async function ask(
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

const fetchStatus = async (url: string, request: StripeRequest) => (await ask(url, request)).status;

/** The bodies of those that are chosen: the beginnings, lest a failure fill the screen. */
async function selected(
  requests: readonly StripeRequest[],
  choose: (request: StripeRequest) => Promise<boolean>,
): Promise<string[]> {
  const chosen: string[] = [];
  for (const request of requests) if (await choose(request)) chosen.push(request.body.slice(0, 200));
  return chosen;
}
