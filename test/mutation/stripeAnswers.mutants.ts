/** Each field, header and status of Stripe's answers changed in turn: the gateway notices, and does not trust them. */
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeStripe, type FakeStripe, type Fault } from '../../src/fake-stripe/server.ts';
import { GatewayError, type IntentOrder } from '../../src/payments/gateway.ts';
import { stripeGateway } from '../../src/payments/stripe/gateway.ts';
import { printTable, verdictOn, type Explanation, type Noticer } from './table.ts';

/** What is read of an intent: whose it is, and what is passed on. */
const READ = 'id|object|client_secret|amount|currency|metadata|payment_method_types';

const explanations: Explanation[] = [
  {
    mutants: new RegExp(String.raw`^(created|replayed): (?!status \d|header |(${READ})( |:|/))`),
    reason: 'not read: nothing of it is promised to a caller',
  },
  {
    mutants: /^(created|replayed): metadata\/(?!cv_reference)\w+/,
    reason: 'our reference settles whose intent it is, where there is room for it',
  },
  { mutants: /^\w+: error\/(message|doc_url|request_log_url)/, reason: "Stripe's words are read by nobody" },
  {
    mutants: /^\w+: header (content-type|stripe-version)/,
    reason: 'not read: the body is taken for what it is, and the version is ours to ask for',
  },
  {
    mutants: /^(created|replayed): header idempotency-key removed/,
    reason: 'the reference in the metadata says whose intent it is',
  },
  {
    mutants: /^(limited|broken): header idempotency-key removed/,
    reason: 'whoever it was for, the outcome is as unknown as before',
  },
  {
    mutants: /^(created|replayed): header (original-request|stripe-should-retry)/,
    reason: 'not read of a success',
  },
  { mutants: /^(created|replayed): status 200 → 201/, reason: 'any success will do with the right intent in it' },
];

interface Reply {
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

interface Change {
  name: string;
  apply: (reply: Reply) => void;
}

const ORDER: IntentOrder = {
  tenant: 'acme',
  cents: 1999,
  methodTypes: ['card', 'klarna'],
  metadata: { email: 'jane@example.com' },
  idempotencyKey: 'key-of-this-order',
};

/** Answers of Stripe's that decisions are made on, and how they come about. */
const scenes: Record<string, { order: IntentOrder; fault?: Fault; twice?: true }> = {
  created: { order: ORDER },
  replayed: { order: ORDER, twice: true },
  tooSmall: { order: { ...ORDER, cents: 1 + 48 } },
  tooLarge: { order: { ...ORDER, cents: 100_000_000 } },
  methodTypes: { order: { ...ORDER, methodTypes: ['nonsense'] } },
  metadata: { order: { ...ORDER, metadata: { note: 'x'.repeat(501) } } },
  keyInUse: {
    order: ORDER,
    fault: { kind: 'status', status: 409, code: 'idempotency_key_in_use', type: 'idempotency_error', effect: 'none' },
  },
  keyReused: { order: ORDER, fault: { kind: 'status', status: 400, type: 'idempotency_error', effect: 'none' } },
  limited: { order: ORDER, fault: { kind: 'status', status: 429, code: 'rate_limit', effect: 'none' } },
  broken: { order: ORDER, fault: { kind: 'status', status: 500, effect: 'none' } },
};

let stripe: FakeStripe;
beforeAll(async () => {
  stripe = await startFakeStripe();
});
afterAll(() => stripe.close());

let keys = 0;

/** What the gateway makes of an answer that was changed on its way: all that anybody behind it can see. */
async function readOutcome(scene: string, change: Change | undefined): Promise<object> {
  const { order, fault, twice } = scenes[scene]!;
  const proxy = await changingProxy(change, fault);
  const gateway = stripeGateway({ secretKey: 'sk_test_mutants', baseUrl: new URL(proxy.url), deadlineMs: 1_500 });
  const own = { ...order, idempotencyKey: `key-${(keys += 1)}` };
  try {
    if (twice) {
      const direct = stripeGateway({ secretKey: 'sk_test_mutants', baseUrl: new URL(stripe.url) });
      await direct.createIntent(own);
      await direct.close();
    }
    const { clientSecret, requestId, ...intent } = await gateway.createIntent(own);
    const secret = clientSecret.replace(/pi_[A-Za-z0-9]+_secret_[A-Za-z0-9]+$/, '<secret>');
    return { ...intent, secret, requestId: typeof requestId };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { fault: error.fault, ...error.details, requestId: typeof error.details.requestId };
  } finally {
    await gateway.close();
    await proxy.close();
  }
}

/** Passes requests on to the fake Stripe, and changes what comes back. */
async function changingProxy(change: Change | undefined, fault: Fault | undefined) {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      if (fault) stripe.play(fault);
      const answer = await fetch(stripe.url + request.url!, {
        method: 'POST',
        headers: Object.entries(request.headers).filter(([name]) => !NOT_SENT_ON.has(name)) as [string, string][],
        body: Buffer.concat(chunks),
      });
      const headers = Object.fromEntries([...answer.headers].filter(([name]) => !NOT_SENT_ON.has(name)));
      const reply: Reply = { status: answer.status, headers, body: (await answer.json()) as Reply['body'] };
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

const NOT_SENT_ON = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'date']);

/** The answer of a scene as it comes, to derive the changes from. */
async function createReply(scene: string): Promise<Reply> {
  let seen: Reply | undefined;
  await readOutcome(scene, { name: 'look', apply: (reply) => (seen ??= structuredClone(reply)) });
  return seen!;
}

const STATUSES = [200, 201, 302, 400, 401, 402, 404, 409, 429, 500, 503];

function listChanges({ status, headers, body }: Reply): Change[] {
  return [
    ...STATUSES.filter((other) => other !== status).map((other) => ({
      name: `status ${status} → ${other}`,
      apply: (reply: Reply) => void (reply.status = other),
    })),
    ...Object.keys(headers).flatMap((name) => [
      { name: `header ${name} removed`, apply: (reply: Reply) => void delete reply.headers[name] },
      { name: `header ${name}: another`, apply: (reply: Reply) => void (reply.headers[name] = 'another one') },
    ]),
    ...changesIn(body, []),
  ];
}

function changesIn(node: object, place: readonly string[]): Change[] {
  return Object.entries(node).flatMap(([key, value]) => {
    const name = [...place, key].join('/');
    const parentIn = (reply: Reply) =>
      place.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], reply.body) as Record<string, unknown>;
    const removal = {
      name: `${name} removed`,
      apply: (reply: Reply) => {
        const parent: unknown = parentIn(reply);
        if (Array.isArray(parent)) parent.splice(Number(key), 1);
        else delete (parent as Record<string, unknown>)[key];
      },
    };
    const other = { name: `${name}: another`, apply: (reply: Reply) => void (parentIn(reply)[key] = otherThan(value)) };
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

const results = new Map<string, Noticer>();
afterAll(() => printTable("Mutants of Stripe's answers", results, explanations));

describe.each(Object.keys(scenes))('an answer of Stripe, %s,', (scene) => {
  it('that is changed in one thing is noticed', async () => {
    const expected = await readOutcome(scene, undefined);
    expect(await readOutcome(scene, undefined), 'an unchanged answer').toEqual(expected);
    const changes = listChanges(await createReply(scene));
    const verdicts = await inParallel(changes, async (change) => {
      const outcome: { fault?: string } = await readOutcome(scene, change);
      const isSame = JSON.stringify(outcome) === JSON.stringify(expected);
      const refused = outcome.fault === undefined ? 'shown in what it reports' : `answered as ${outcome.fault}`;
      const noticer = isSame ? undefined : `the gateway: ${refused}`;
      const name = `${scene}: ${change.name}`;
      results.set(name, noticer);
      return [name, verdictOn(explanations, name, noticer)] as const;
    });
    expect(verdicts.filter(([, verdict]) => verdict !== 'as it should be')).toEqual([]);
  });
});

async function inParallel<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const done: Result[] = [];
  // The faults of a scene are played in turn, but all of a scene are alike: who takes which does not matter.
  for (let at = 0; at < items.length; at += 16) done.push(...(await Promise.all(items.slice(at, at + 16).map(work))));
  return done;
}
