/** Changes each field, header and status of Stripe's responses in turn: the gateway detects the change and rejects the response. */
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeStripe, type FakeStripe, type Fault } from '../../src/fake-stripe/server.ts';
import { GatewayError, type PaymentOrder } from '../../src/payments/gateway.ts';
import { stripeGateway } from '../../src/payments/stripe/gateway.ts';
import { gatewayCalls, type GatewayCall, type GatewayCallName } from '../support/gatewayCalls.ts';
import { printTable, verdictOn, type Explanation, type Detector } from './table.ts';

/** Fields of an intent that the gateway reads. */
const READ: Record<GatewayCallName, string> = {
  createPaymentIntent: 'id|object|client_secret|amount|currency|metadata|payment_method_types',
  createSetupIntent: 'id|object|client_secret|metadata',
};

const explanations: Explanation[] = [
  ...Object.entries(READ).map(([name, fields]) => ({
    mutants: new RegExp(String.raw`^${name} (created|replayed): (?!status \d|header |(${fields})( |:|/))`),
    reason: 'not read: callers are promised nothing about it',
  })),
  {
    mutants: /^\w+ (created|replayed): metadata\/(?!cv_reference)\w+/,
    reason: 'our reference identifies the intent, if the metadata has room for it',
  },
  { mutants: /^\w+ \w+: error\/(message|doc_url|request_log_url)/, reason: "not read: Stripe's message is never used" },
  {
    mutants: /^\w+ \w+: header (content-type|stripe-version)/,
    reason: 'not read: the body is parsed regardless, and the request sets the version',
  },
  {
    mutants: /^\w+ (created|replayed): header idempotency-key removed/,
    reason: 'the reference in the metadata identifies the intent',
  },
  {
    mutants: /^\w+ (limited|broken): header idempotency-key removed/,
    reason: 'the outcome is unknown whichever request the response belongs to',
  },
  {
    mutants: /^\w+ (created|replayed): header (original-request|stripe-should-retry)/,
    reason: 'not read in a success',
  },
  {
    mutants: /^\w+ (created|replayed): status 200 → 201/,
    reason: 'any success status is accepted with the right intent in the body',
  },
];

interface StripeResponse {
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

interface Change {
  name: string;
  apply: (reply: StripeResponse) => void;
}

const ORDER: PaymentOrder = {
  tenant: 'acme',
  cents: 1999,
  methodTypes: ['card', 'klarna'],
  metadata: { email: 'jane@example.com' },
  idempotencyKey: 'key-of-this-order',
};

/** A response of Stripe that the gateway handles in its own way, and how to produce it. */
interface Scene {
  order: PaymentOrder;
  fault?: Fault;
  twice?: true;
}

/** The same for every call. */
const SHARED_SCENES: Record<string, Scene> = {
  created: { order: ORDER },
  replayed: { order: ORDER, twice: true },
  metadata: { order: { ...ORDER, metadata: { note: 'x'.repeat(501) } } },
  keyInUse: {
    order: ORDER,
    fault: { kind: 'status', status: 409, code: 'idempotency_key_in_use', type: 'idempotency_error', effect: 'none' },
  },
  keyReused: { order: ORDER, fault: { kind: 'status', status: 400, type: 'idempotency_error', effect: 'none' } },
  limited: { order: ORDER, fault: { kind: 'status', status: 429, code: 'rate_limit', effect: 'none' } },
  broken: { order: ORDER, fault: { kind: 'status', status: 500, effect: 'none' } },
};

const OWN_SCENES: Record<GatewayCallName, Record<string, Scene>> = {
  createPaymentIntent: {
    tooSmall: { order: { ...ORDER, cents: 1 + 48 } },
    tooLarge: { order: { ...ORDER, cents: 100_000_000 } },
    methodTypes: { order: { ...ORDER, methodTypes: ['nonsense'] } },
  },
  createSetupIntent: {},
};

const scenes: ReadonlyMap<string, Scene & Pick<GatewayCall, 'create'>> = new Map(
  Object.entries(gatewayCalls).flatMap(([name, { create }]) =>
    Object.entries({ ...SHARED_SCENES, ...OWN_SCENES[name as GatewayCallName] }).map(
      ([title, scene]) => [`${name} ${title}`, { ...scene, create }] as const,
    ),
  ),
);

let stripe: FakeStripe;
beforeAll(async () => {
  stripe = await startFakeStripe();
});
afterAll(() => stripe.close());

let keys = 0;

/** The outcome that the gateway reports for a response changed in transit: everything its callers can observe. */
async function readOutcome(scene: string, change: Change | undefined): Promise<object> {
  const { order, fault, twice, create } = scenes.get(scene)!;
  const proxy = await changingProxy(change, fault);
  const gateway = stripeGateway({ secretKey: 'sk_test_mutants', baseUrl: new URL(proxy.url), deadlineMs: 1_500 });
  const own = { ...order, idempotencyKey: `key-${(keys += 1)}` };
  try {
    if (twice) {
      const direct = stripeGateway({ secretKey: 'sk_test_mutants', baseUrl: new URL(stripe.url) });
      await create(direct, own);
      await direct.close();
    }
    const { clientSecret, requestId, ...intent } = await create(gateway, own);
    const secret = clientSecret.replace(/^[a-z]+_[A-Za-z0-9]+_secret_[A-Za-z0-9]+$/, '<secret>');
    return { ...intent, secret, requestId: typeof requestId };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { fault: error.fault, ...error.details, requestId: typeof error.details.requestId };
  } finally {
    await gateway.close();
    await proxy.close();
  }
}

/** Forwards requests to the fake Stripe and changes its responses. */
async function changingProxy(change: Change | undefined, fault: Fault | undefined) {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      if (fault) stripe.play(fault);
      const original = await fetch(stripe.url + request.url!, {
        method: 'POST',
        headers: Object.entries(request.headers).filter(([name]) => !NOT_FORWARDED.has(name)) as [string, string][],
        body: Buffer.concat(chunks),
      });
      const headers = Object.fromEntries([...original.headers].filter(([name]) => !NOT_FORWARDED.has(name)));
      const reply: StripeResponse = {
        status: original.status,
        headers,
        body: (await original.json()) as StripeResponse['body'],
      };
      change?.apply(reply);
      response.writeHead(reply.status, reply.headers).end(JSON.stringify(reply.body));
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const NOT_FORWARDED = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'date']);

/** The unchanged response of a scene, to derive the changes from. */
async function readOriginalResponse(scene: string): Promise<StripeResponse> {
  let seen: StripeResponse | undefined;
  await readOutcome(scene, { name: 'look', apply: (reply) => (seen ??= structuredClone(reply)) });
  return seen!;
}

const STATUSES = [200, 201, 302, 400, 401, 402, 404, 409, 429, 500, 503];

function listChanges({ status, headers, body }: StripeResponse): Change[] {
  return [
    ...STATUSES.filter((other) => other !== status).map((other) => ({
      name: `status ${status} → ${other}`,
      apply: (reply: StripeResponse) => void (reply.status = other),
    })),
    ...Object.keys(headers).flatMap((name) => [
      { name: `header ${name} removed`, apply: (reply: StripeResponse) => void delete reply.headers[name] },
      { name: `header ${name}: another`, apply: (reply: StripeResponse) => void (reply.headers[name] = 'another one') },
    ]),
    ...changesIn(body, []),
  ];
}

function changesIn(node: object, place: readonly string[]): Change[] {
  return Object.entries(node).flatMap(([key, value]) => {
    const name = [...place, key].join('/');
    const parentIn = (reply: StripeResponse) =>
      place.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], reply.body) as Record<string, unknown>;
    const removal = {
      name: `${name} removed`,
      apply: (reply: StripeResponse) => {
        const parent: unknown = parentIn(reply);
        if (Array.isArray(parent)) parent.splice(Number(key), 1);
        else delete (parent as Record<string, unknown>)[key];
      },
    };
    const other = {
      name: `${name}: another`,
      apply: (reply: StripeResponse) => void (parentIn(reply)[key] = otherThan(value)),
    };
    const inner = typeof value === 'object' && value !== null ? changesIn(value as object, [...place, key]) : [];
    return [removal, other, ...inner];
  });
}

function otherThan(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') return `another_${value}`;
  return value === null ? 'another' : null;
}

const results = new Map<string, Detector>();
afterAll(() => printTable("Mutants of Stripe's responses", results, explanations));

describe.each([...scenes.keys()])('a response of Stripe, %s,', (scene) => {
  it('is handled differently after any single change', async () => {
    const expected = await readOutcome(scene, undefined);
    expect(await readOutcome(scene, undefined), 'an unchanged response').toEqual(expected);
    const changes = listChanges(await readOriginalResponse(scene));
    const verdicts = await inParallel(changes, async (change) => {
      const outcome: { fault?: string } = await readOutcome(scene, change);
      const isSame = JSON.stringify(outcome) === JSON.stringify(expected);
      const effect = outcome.fault === undefined ? 'visible in the reported intent' : `rejected as ${outcome.fault}`;
      const detector = isSame ? undefined : `the gateway: ${effect}`;
      const name = `${scene}: ${change.name}`;
      results.set(name, detector);
      return [name, verdictOn(explanations, name, detector)] as const;
    });
    expect(verdicts.filter(([, verdict]) => verdict !== 'as it should be')).toEqual([]);
  });
});

async function inParallel<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const done: Result[] = [];
  // The fake plays its faults in turn. All faults of a scene are alike, so their order does not matter.
  for (let at = 0; at < items.length; at += 16) done.push(...(await Promise.all(items.slice(at, at + 16).map(work))));
  return done;
}
