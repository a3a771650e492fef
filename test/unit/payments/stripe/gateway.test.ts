import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type * as Timers from 'node:timers/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startFakeStripe, type Fault, type StrayContent } from '../../../../src/fake-stripe/server.ts';
import { GatewayError, type CreatedIntent, type PaymentOrder } from '../../../../src/payments/gateway.ts';
import { stripeGateway, type Attempt, type StripeGatewayOptions } from '../../../../src/payments/stripe/gateway.ts';
import { isStripeSecretKey } from '../../../../src/payments/stripe/secretKey.ts';
import { allCreated, gatewayCalls, type GatewayCallName } from '../../../support/gatewayCalls.ts';
import { blackHole, httpResponse, intentFor, rawServer, type Server } from '../../../support/stripeServers.ts';

// Pauses take a tenth of their time: how long they are is stated in retries.test.ts. The delays of the fake Stripe,
// which hold up no process, take all of theirs.
vi.mock('node:timers/promises', async (importReal) => {
  const real = await importReal<typeof Timers>();
  const hurried = (ms: number, value: unknown, options: { signal: AbortSignal; ref?: false }) =>
    real.setTimeout(options.ref === false ? ms : ms / 10, value, options);
  return { ...real, setTimeout: hurried };
});

const secretKey = 'sk_test_51NeverInAnyError';
const order: PaymentOrder = {
  tenant: 'acme',
  cents: 1999,
  methodTypes: ['card', 'link'],
  metadata: { email: 'jane@example.com' },
  idempotencyKey: '9f86d081884c7d659a2feaa0c55ad015',
};

/** Time for two or three attempts when they end at once. */
const deadlineMs = 4_000;
/** What a busy machine may add to any time: only what never ends is slower. */
const SLACK_MS = 3_000;

// Closed at the end, not after each test: the tests run at the same time, most of them waiting between two attempts.
const closers: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(closers.map((close) => close())));

const strayRejections: unknown[] = [];
const onStray = (reason: unknown) => strayRejections.push(reason);
beforeAll(() => void process.on('unhandledRejection', onStray));
afterAll(() => void process.off('unhandledRejection', onStray));

function gatewayTo(url: URL, options: Partial<StripeGatewayOptions> = {}) {
  const attempts: Attempt[] = [];
  const onAttempt = (attempt: Attempt) => void attempts.push(attempt);
  const gateway = stripeGateway({ secretKey, baseUrl: url, deadlineMs, attemptTimeoutMs: 600, onAttempt, ...options });
  closers.push(() => gateway.close());
  return { gateway, attempts };
}

/** A gateway to a fake Stripe that begins with these faults. */
async function playing(...faults: Fault[]) {
  const stripe = await startFakeStripe();
  closers.push(() => stripe.close());
  stripe.play(...faults);
  return { stripe, ...gatewayTo(new URL(stripe.url)) };
}

/** The same for faults that end at once: no attempt runs timed out, however busy the machine is. */
async function playingPatiently(...faults: Fault[]) {
  const { stripe } = await playing(...faults);
  return { stripe, ...gatewayTo(new URL(stripe.url), PATIENT) };
}

const PATIENT = { deadlineMs: 40_000, attemptTimeoutMs: 20_000, connectTimeoutMs: 20_000 };

async function serving(server: Promise<Server>, options: Partial<StripeGatewayOptions> = {}) {
  const { url, close } = await server;
  closers.push(close);
  return gatewayTo(url, options);
}

async function readFailure(creation: Promise<CreatedIntent>): Promise<GatewayError> {
  const error: unknown = await creation.catch((thrown: unknown) => thrown);
  if (error instanceof GatewayError) return error;
  throw new Error(`expected a GatewayError, got ${String(error)}`);
}

function outcomes(attempts: readonly Attempt[]): string[] {
  return attempts.map(({ outcome }) => outcome);
}

function raw(body: string, status = 200): Fault {
  return { kind: 'raw', status, contentType: 'application/json', body, effect: 'kept' };
}

/** What Stripe receives for an order. It refuses a retry with other bytes, and a retry may cross a deploy: a change needs a plan. */
const BYTES: Record<GatewayCallName, string> = {
  createPaymentIntent:
    'amount=1999&currency=usd&metadata[cv_reference]=67212462231402852f818d095bb0c2bf&metadata[cv_tenant]=acme' +
    '&metadata[email]=jane%2B1%40example.com&metadata[n%C3%A9e]=%C3%96%20%26%3D[]' +
    '&allowed_payment_method_types[0]=card&allowed_payment_method_types[1]=link',
  createSetupIntent:
    'metadata[cv_reference]=67212462231402852f818d095bb0c2bf&metadata[cv_tenant]=acme' +
    '&metadata[email]=jane%2B1%40example.com&metadata[n%C3%A9e]=%C3%96%20%26%3D[]',
};

/** What a call returns besides what all of them do. */
const OWN_RESULT: Record<GatewayCallName, object> = {
  createPaymentIntent: { droppedMethodTypes: [] },
  createSetupIntent: {},
};

/** Another customer's intent, and each error that would be the caller's own, or ours, if it were about this order. */
const STRAYS: readonly StrayContent[] = [
  { sameAmount: true },
  { error: { status: 400 } },
  { error: { status: 400, code: 'amount_too_small', param: 'amount' } },
  { error: { status: 400, param: 'allowed_payment_method_types' } },
  { error: { status: 400, param: 'metadata' } },
  { error: { status: 400, type: 'idempotency_error' } },
  { error: { status: 401 } },
  { error: { status: 402 } },
  { error: { status: 403 } },
  { error: { status: 404, code: 'resource_missing' } },
  { error: { status: 409, code: 'idempotency_key_in_use' } },
  { error: { status: 422 } },
  { error: { status: 429, code: 'lock_timeout' } },
  { error: { status: 500 } },
];

/** Failures that leave open whether there is an intent. Any other one says that there is none. */
const UNKNOWN = ['unavailable', 'broken'];

const strays = STRAYS.flatMap((stray) => (['none', 'another'] as const).map((echo) => [echo, stray] as const));

/** Where all values are empty, Stripe stores nothing that tells one order's intent from another's. */
const blank = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`key${index}`, '']));

describe.each(Object.entries(gatewayCalls))('%s', (id, { method, path, object, idPrefix, create, created }) => {
  describe.concurrent('an order', () => {
    it('creates an intent, and returns its secret', async () => {
      const { stripe, gateway, attempts } = await playing();
      const result = await create(gateway, order);

      const [intent] = created(stripe.ledger);
      expect(result).toEqual({
        clientSecret: intent?.clientSecret,
        replayed: false,
        requestId: intent?.requestId,
        ...OWN_RESULT[id as GatewayCallName],
      });
      expect(allCreated(stripe.ledger)).toEqual([intent]);
      expect(attempts).toEqual([
        {
          call: method,
          outcome: 'created',
          statusCode: 200,
          requestId: intent?.requestId,
          durationMs: expect.any(Number),
        },
      ]);
      expect(attempts[0]?.durationMs).toBeLessThan(deadlineMs);
    });

    it('is sent to Stripe in exactly these bytes', async () => {
      const { stripe, gateway } = await playing();
      await create(gateway, { ...order, metadata: { née: 'Ö &=[]', email: 'jane+1@example.com' } });

      expect(stripe.ledger.requests).toMatchObject([
        {
          method: 'POST',
          path,
          headers: {
            'content-type': 'application/x-www-form-urlencoded',
            'idempotency-key': order.idempotencyKey,
            'stripe-version': '2026-10-28.endive',
          },
          rawBody: BYTES[id as GatewayCallName],
        },
      ]);
    });

    it('may have a metadata key named __proto__', async () => {
      const { stripe, gateway } = await playing();
      const metadata = JSON.parse('{"__proto__": "x"}') as Record<string, string>;
      await create(gateway, { ...order, metadata });
      expect(stripe.ledger.requests[0]?.rawBody).toContain('metadata[__proto__]=x&');
    });

    it('is replayed where Stripe knows its key', async () => {
      const { stripe, gateway } = await playing();
      const first = await create(gateway, order);
      const second = await create(gateway, order);
      expect(second).toMatchObject({ replayed: true, clientSecret: first.clientSecret });
      expect(created(stripe.ledger)).toHaveLength(1);
    });

    it.each(['', 'a\nb', 'ключ', 'ключ1', '1ключ', 'x'.repeat(256)])(
      'with the idempotency key %j is a fault of ours, and not sent',
      async (key) => {
        const { stripe, gateway } = await playing();
        await expect(readFailure(create(gateway, { ...order, idempotencyKey: key }))).resolves.toMatchObject({
          fault: 'broken',
          message: 'idempotency key: expected 1 to 255 visible ASCII characters',
        });
        expect(stripe.ledger.requests).toEqual([]);
      },
    );

    it('with half a surrogate pair is a fault of ours, and not sent', async () => {
      const { stripe, gateway, attempts } = await playing();
      await expect(readFailure(create(gateway, { ...order, metadata: { a: '\ud800' } }))).resolves.toMatchObject({
        fault: 'broken',
        message: 'unsent: the request could not be written',
      });
      expect(outcomes(attempts)).toEqual(['unsent']);
      expect(stripe.ledger.requests).toEqual([]);
    });
  });

  describe.concurrent('one order makes one intent, with the same request again, after', () => {
    it.each<[string, Fault]>([
      ['no response', { kind: 'hang', effect: 'none' }],
      ['no response, but the effect', { kind: 'hang', effect: 'kept' }],
      ['a reset', { kind: 'reset', effect: 'none' }],
      ['a reset after the effect', { kind: 'reset', effect: 'kept' }],
      ['a closed connection', { kind: 'close', effect: 'kept' }],
      ['a dripping response', { kind: 'drip', part: 'all', bytes: 1, everyMs: 20 }],
      ['a dripping body', { kind: 'drip', part: 'body', bytes: 1, everyMs: 20 }],
      ['a cut body', { kind: 'truncated' }],
      ['a body longer than announced', { kind: 'wrongLength' }],
      ['a number', raw('42')],
      ['a string', raw('"ok"')],
      ['true', raw('true')],
      ['null', raw('null')],
      ['{}', raw('{}')],
      ['[]', raw('[]')],
      ['an empty body', raw('')],
      ['half a JSON', raw('{"id": "pi_')],
      ['an error with status 200', raw('{"error": {"type": "api_error"}}')],
      ['an error that is a string', raw('{"error": "invalid_request"}')],
      ['an intent with status 500', raw(`{"object": "${object}"}`, 500)],
      ['HTML', { kind: 'raw', status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>', effect: 'none' }],
      ["another customer's intent", { kind: 'anotherIntent', sameAmount: false }],
      ["another customer's intent of the same amount", { kind: 'anotherIntent', sameAmount: true }],
      ['3 MiB', { kind: 'huge', mebibytes: 3 }],
      ['40 KiB of headers', { kind: 'headersFlood', kibibytes: 40 }],
      ['500', { kind: 'status', status: 500, effect: 'none' }],
      ['500 after the effect', { kind: 'status', status: 500, effect: 'kept' }],
      ['503', { kind: 'status', status: 503, effect: 'none' }],
      ['a lock', { kind: 'status', status: 429, code: 'lock_timeout', effect: 'none' }],
      [
        '429 with Stripe-Should-Retry',
        { kind: 'status', status: 429, effect: 'none', headers: { 'Stripe-Should-Retry': 'true' } },
      ],
    ])('%s', async (_what, fault) => {
      const isSlow = fault.kind === 'hang' || fault.kind === 'drip';
      const { stripe, gateway, attempts } = await (isSlow ? playing : playingPatiently)(fault);
      const { clientSecret } = await create(gateway, order);

      expect(allCreated(stripe.ledger)).toEqual(created(stripe.ledger));
      expect(created(stripe.ledger).map((intent) => intent.clientSecret)).toEqual([clientSecret]);
      expect(attempts).toHaveLength(2);
      const sent = stripe.ledger.requests.filter(({ rawBody }) => rawBody !== '');
      expect(new Set(sent.map(({ headers }) => headers['idempotency-key']))).toEqual(new Set([order.idempotencyKey]));
      expect(new Set(sent.map(({ rawBody }) => rawBody)).size).toBe(1);
    });

    it('a slow first attempt of our own, which still holds the key', async () => {
      const { stripe, gateway, attempts } = await playing({ kind: 'delay', delayMs: 1_400, effect: 'none' });
      await expect(create(gateway, order)).resolves.toMatchObject({ replayed: true });
      expect([attempts.at(0)?.outcome, attempts.at(-1)?.outcome]).toEqual(['timeout', 'created']);
      expect(outcomes(attempts)).toContain('refused');
      expect(created(stripe.ledger)).toHaveLength(1);
    });
  });

  describe.concurrent('a failure', () => {
    it.each<[string, Fault, string, object]>([
      ['400', { kind: 'status', status: 400, effect: 'none' }, 'broken', { statusCode: 400 }],
      [
        '400 on a type',
        { kind: 'status', status: 400, param: 'allowed_payment_method_types[1]', effect: 'none' },
        'methodTypesRefused',
        { param: 'allowed_payment_method_types' },
      ],
      [
        '400 on metadata',
        { kind: 'status', status: 400, param: 'metadata[jane@example.com]', effect: 'none' },
        'metadataRefused',
        { type: 'invalid_request_error', param: 'metadata' },
      ],
      // Whatever the call sends: what a fault means is for the operation to say.
      [
        '400 on an amount that is too small',
        { kind: 'status', status: 400, code: 'amount_too_small', param: 'amount', effect: 'none' },
        'amountTooSmall',
        { code: 'amount_too_small', param: 'amount' },
      ],
      [
        '400 on an amount that is too large',
        { kind: 'status', status: 400, code: 'amount_too_large', param: 'amount', effect: 'none' },
        'amountTooLarge',
        { code: 'amount_too_large', param: 'amount' },
      ],
      [
        '400 on a type that the account does not have',
        { kind: 'status', status: 400, code: 'payment_method_unactivated', effect: 'none' },
        'methodTypesRefused',
        { code: 'payment_method_unactivated' },
      ],
      ['401', { kind: 'status', status: 401, effect: 'none' }, 'broken', { statusCode: 401 }],
      ['402', { kind: 'status', status: 402, effect: 'none' }, 'broken', { type: 'card_error' }],
      ['404', { kind: 'status', status: 404, effect: 'none' }, 'broken', { statusCode: 404 }],
      ['429', { kind: 'status', status: 429, effect: 'none' }, 'unavailable', { statusCode: 429 }],
      [
        '500 that forbids a retry',
        { kind: 'status', status: 500, effect: 'none', headers: { 'Stripe-Should-Retry': 'false' } },
        'unavailable',
        { statusCode: 500 },
      ],
      [
        '503 with a Retry-After beyond the deadline',
        { kind: 'status', status: 503, effect: 'none', headers: { 'Retry-After': '60' } },
        'unavailable',
        { statusCode: 503 },
      ],
      ['a redirect', { kind: 'redirect', status: 307, location: 'http://127.0.0.1:1/' }, 'broken', { statusCode: 307 }],
    ])('is final at once: %s', async (_what, fault, expected, details) => {
      const { stripe, gateway } = await playing(fault);
      const error = await readFailure(create(gateway, order));
      expect(error).toMatchObject({ fault: expected, details });
      expect(stripe.ledger.requests).toHaveLength(1);
    });

    it.each<[string, Fault, string]>([
      ['500', { kind: 'status', status: 500, effect: 'none' }, 'unavailable'],
      ['a reset', { kind: 'reset', effect: 'none' }, 'unavailable'],
      ["another customer's intent", { kind: 'anotherIntent', sameAmount: true }, 'broken'],
      ['42', raw('42'), 'broken'],
      ['409', { kind: 'status', status: 409, effect: 'none' }, 'keyInUse'],
    ])('is final after three attempts: %s', async (_what, fault, expected) => {
      const { stripe, gateway } = await playing(fault, fault, fault);
      await expect(readFailure(create(gateway, order))).resolves.toMatchObject({ fault: expected });
      expect(stripe.ledger.requests).toHaveLength(3);
    });

    it('is keyReused for another order under the same key, and creates nothing', async () => {
      const { stripe, gateway } = await playing();
      await create(gateway, order);
      const other = { ...order, metadata: { email: 'joe@example.com' } };
      await expect(readFailure(create(gateway, other))).resolves.toMatchObject({ fault: 'keyReused' });
      expect(created(stripe.ledger)).toHaveLength(1);
    });

    it('is unavailable, not keyInUse, where an earlier attempt of our own holds the key', async () => {
      const { gateway, attempts } = await playing({ kind: 'delay', delayMs: 60_000, effect: 'none' });
      await expect(readFailure(create(gateway, order))).resolves.toMatchObject({ fault: 'unavailable' });
      expect(outcomes(attempts)[0]).toBe('timeout');
      expect(outcomes(attempts)).toContain('refused');
    });

    it("contains no message of Stripe's, no key and no data of the customer", async () => {
      const message = `Invalid API Key provided: ${secretKey}. Sent for ${order.metadata['email']}`;
      const { gateway } = await playing({ kind: 'status', status: 401, message, effect: 'none' });
      const error = await readFailure(create(gateway, order));

      const everything = JSON.stringify([error, error.message, error.stack, error.cause, Object.entries(error)]);
      expect(everything).not.toMatch(/51Never|Invalid|jane|_secret_|9f86d08/);
      expect(error.message).toBe('refused: a Stripe API error');
    });

    it('contains no secret of the customer whose intent came instead', async () => {
      const fault: Fault = { kind: 'anotherIntent', sameAmount: true };
      const { gateway } = await playing(fault, fault, fault);
      const error = await readFailure(create(gateway, order));
      expect(JSON.stringify([error, error.message, error.stack, error.cause])).not.toContain('_secret_');
      expect(error.message).toBe('mismatched: another reference');
    });

    it('to connect has the error code', async () => {
      const server = await rawServer(() => {});
      await server.close();
      const { gateway, attempts } = gatewayTo(server.url);
      const error = await readFailure(create(gateway, order));
      expect(error).toMatchObject({ fault: 'unavailable', message: 'unreachable: ECONNREFUSED' });
      expect(outcomes(attempts)).toEqual(['unreachable', 'unreachable', 'unreachable']);
    });
  });

  describe.concurrent('a connection one response behind', () => {
    it("does not return the previous customer's secret where the stray response is early", async () => {
      const { stripe, gateway } = await playing({
        kind: 'strayResponse',
        stray: { sameAmount: true, echo: 'another' },
        when: 'with',
      });
      await create(gateway, order);
      const second = await create(gateway, { ...order, idempotencyKey: 'second' });
      expect(second.clientSecret).toBe(created(stripe.ledger)[1]?.clientSecret);
    });

    it.each(Object.entries(gatewayCalls))(
      "does not return the previous customer's secret, of %s, and is not used again",
      async (_previous, { create: createPrevious }) => {
        let previous = '';
        const { gateway, attempts } = await serving(
          rawServer((request, socket) => {
            const own = httpResponse(intentFor(request, request.before));
            socket.write(request.beforeOnSocket === 0 ? own : previous);
            previous = own;
          }),
        );
        await createPrevious(gateway, { ...order, idempotencyKey: 'first' });
        // By then the connection is free again; sooner, the next call would open another.
        await nextTurn();
        const second = await create(gateway, { ...order, idempotencyKey: 'second' });

        expect(outcomes(attempts)).toEqual(['created', 'mismatched', 'created']);
        // Only the first request on a connection gets its own response: on the old one this would be the intent 1.
        expect(second.clientSecret).toBe(`${idPrefix}2_secret_x`);
      },
    );

    it.each<[string, string]>([
      [
        "another customer's intent",
        httpResponse(intentFor({ head: `POST ${path} HTTP/1.1`, body: 'amount=1999&currency=usd' }, 9)),
      ],
      ['a refusal that names no key', httpResponse({ error: { code: 'amount_too_small' } }, 400)],
    ])('is closed where %s arrives while it is idle, and the next order uses a new one', async (_what, stray) => {
      const idle = Promise.withResolvers<Socket>();
      const { gateway, attempts } = await serving(
        rawServer((request, socket) => {
          socket.write(httpResponse(intentFor(request, request.before)));
          idle.resolve(socket);
        }),
      );
      await create(gateway, order);
      const socket = await idle.promise;
      socket.write(stray);
      await once(socket, 'close');

      const second = await create(gateway, { ...order, idempotencyKey: 'second' });
      expect(second.clientSecret).toBe(`${idPrefix}1_secret_x`);
      expect(outcomes(attempts)).toEqual(['created', 'created']);
    });
  });

  describe.concurrent('a stray response, while our intent comes to exist,', () => {
    it.each(strays)('with the idempotency key %s, is not taken for ours: %j', async (echo, content) => {
      const stray: Fault = { kind: 'strayResponse', stray: { ...content, echo }, when: 'before' };
      const { stripe, gateway } = await playingPatiently(stray);
      const { clientSecret } = await create(gateway, order);
      expect(created(stripe.ledger).map((intent) => intent.clientSecret)).toEqual([clientSecret]);
    });

    it.each(strays)('each time, with the idempotency key %s, is never a refusal: %j', async (echo, content) => {
      const stray: Fault = { kind: 'strayResponse', stray: { ...content, echo }, when: 'before' };
      const { stripe, gateway } = await playingPatiently(stray, stray, stray);
      const { fault } = await readFailure(create(gateway, order));
      expect(UNKNOWN).toContain(fault);
      const { clientSecret } = await create(gateway, order);
      expect(created(stripe.ledger).map((intent) => intent.clientSecret)).toEqual([clientSecret]);
    });

    it('is final at once where it is a rate limit, and is no refusal', async () => {
      const limit: StrayContent = { error: { status: 429 } };
      const { stripe, gateway } = await playingPatiently({
        kind: 'strayResponse',
        stray: { ...limit, echo: 'none' },
        when: 'before',
      });
      await expect(readFailure(create(gateway, order))).resolves.toMatchObject({ fault: 'unavailable' });
      expect(stripe.ledger.requests).toHaveLength(1);
    });
  });

  describe.concurrent('an error that does not echo our idempotency key', () => {
    it.each([
      ['unavailable', [400, 402, 404, 409, 422, 500]],
      ['broken', [401, 403]],
    ] as const)('is %s after three attempts, with status %j', async (expected, statuses) => {
      const failures = statuses.map(async (status) => {
        const fault: Fault = { kind: 'status', status, effect: 'kept', echo: 'none' };
        const { gateway, attempts } = await playingPatiently(fault, fault, fault);
        const { fault: found, message } = await readFailure(create(gateway, order));
        return { found, message, outcomes: outcomes(attempts) };
      });
      const failure = {
        found: expected,
        message: 'unattributed: an error that does not echo our idempotency key',
        outcomes: ['unattributed', 'unattributed', 'unattributed'],
      };
      expect(await Promise.all(failures)).toEqual(statuses.map(() => failure));
    });

    it.each<[string, Fault, number]>([
      ['on a new connection where it is a refusal', { kind: 'status', status: 400, effect: 'none', echo: 'none' }, 2],
      ['on the same connection where Stripe is down', { kind: 'status', status: 503, effect: 'none', echo: 'none' }, 1],
    ])('is followed by another attempt %s', async (_what, fault, expected) => {
      const { stripe, gateway } = await playingPatiently(fault);
      const { port } = new URL(stripe.url);
      let connections = 0;
      const onConnected = (message: unknown) => {
        connections += Number((message as { connectParams: { port: string } }).connectParams.port === port);
      };
      subscribe('undici:client:connected', onConnected);
      await create(gateway, order);
      unsubscribe('undici:client:connected', onConnected);
      expect(connections).toBe(expected);
    });

    it('can not forbid a retry', async () => {
      const forbids = { kind: 'status', effect: 'kept', headers: { 'Stripe-Should-Retry': 'false' } } as const;
      const { gateway, attempts } = await playingPatiently({ ...forbids, status: 500, echo: 'none' });
      await expect(create(gateway, order)).resolves.toMatchObject({ replayed: true });
      expect(outcomes(attempts)).toEqual(['unattributed', 'created']);
    });
  });

  describe.concurrent('the deadline holds', () => {
    const hangs: Fault = { kind: 'hang', effect: 'none' };
    const drips: Fault = { kind: 'drip', part: 'body', bytes: 1, everyMs: 30 };

    it.each<[string, () => Promise<{ url: URL; close: () => Promise<void> }>]>([
      ['the connection is not accepted', blackHole],
      ['no response comes', () => faked(hangs, hangs, hangs)],
      ['the response drips', () => faked(drips, drips, drips)],
      ['headers never end', () => rawServer((_request, socket) => dripHeaders(socket))],
      ['every connection is reset', () => rawServer((_request, socket) => void socket.resetAndDestroy())],
      ['only 1xx come', () => rawServer((_request, socket) => void socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'))],
    ])('when %s', async (_what, start) => {
      const { gateway } = await serving(start(), { deadlineMs: 800, attemptTimeoutMs: 500, connectTimeoutMs: 300 });
      const startedAt = performance.now();
      await expect(readFailure(create(gateway, order))).resolves.toMatchObject({ fault: 'unavailable' });
      expect(performance.now() - startedAt).toBeLessThan(800 + 50 + SLACK_MS);
    });

    it('for connecting, with TLS as part of it', async () => {
      const silent = await rawServer(() => {});
      closers.push(silent.close);
      const { gateway, attempts } = gatewayTo(new URL(silent.url.href.replace('http:', 'https:')), {
        deadlineMs: 500,
        attemptTimeoutMs: 400,
        connectTimeoutMs: 200,
      });
      await expect(readFailure(create(gateway, order))).resolves.toMatchObject({ fault: 'unavailable' });
      expect(attempts[0]).toMatchObject({ outcome: 'unreachable' });
      expect(attempts[0]?.durationMs).toBeLessThan(200 + SLACK_MS);
    });
  });

  describe.concurrent('close', () => {
    it('cuts a call in flight, which then fails without a retry', async () => {
      const received = Promise.withResolvers<void>();
      const { gateway, attempts } = await serving(
        rawServer(() => received.resolve()),
        { attemptTimeoutMs: 2_000 },
      );
      const failure = readFailure(create(gateway, order));
      await received.promise;
      await gateway.close();
      await expect(failure).resolves.toMatchObject({ fault: 'unavailable' });
      expect(outcomes(attempts)).toEqual(['cut']);
    });

    it('ends the pause before a retry, and may be called twice', async () => {
      const { url, close } = await rawServer((_request, socket) => void socket.resetAndDestroy());
      closers.push(close);
      const paused = Promise.withResolvers<void>();
      const { gateway } = gatewayTo(url, { deadlineMs: 60_000, onAttempt: () => paused.resolve() });
      const failure = readFailure(create(gateway, order));
      await paused.promise;
      await nextTurn();
      await gateway.close();
      await gateway.close();
      await expect(failure).resolves.toMatchObject({ fault: 'unavailable', message: 'unreachable: closed' });
    });
  });

  it.concurrent.each([
    ['our name for the reference', { cv_reference: '' }],
    ['both names for the reference', { cv_reference: '', cv_reference_2: '' }],
    ['all 50 keys, with empty values', blank],
  ])("never returns another customer's secret where the caller uses %s", async (_what, metadata) => {
    const fault: Fault = { kind: 'anotherIntent', sameAmount: true, echo: 'another' };
    const { stripe, gateway } = await playing(fault);
    const { clientSecret } = await create(gateway, { ...order, metadata });
    expect(created(stripe.ledger).map((intent) => intent.clientSecret)).toEqual([clientSecret]);
  });

  it.concurrent('refuses an intent where neither its metadata nor a header identifies the order', async () => {
    const { gateway } = await serving(
      rawServer((request, socket) => socket.write(httpResponse(intentFor(request, 1)))),
    );
    // All 50 keys are the caller's: there is no place for a reference of ours.
    const metadata = Object.fromEntries(Object.keys(blank).map((name) => [name, 'x']));
    await expect(readFailure(create(gateway, { ...order, metadata }))).resolves.toMatchObject({
      fault: 'broken',
      message: expect.stringMatching(/^mismatched: /),
    });
  });

  it.concurrent('waits for its own earlier attempt until the deadline', async () => {
    const { stripe } = await playing({ kind: 'delay', delayMs: 2_500, effect: 'none' });
    const { gateway } = gatewayTo(new URL(stripe.url), { deadlineMs: 10_000 });
    const { clientSecret } = await create(gateway, order);
    expect(created(stripe.ledger).map((intent) => intent.clientSecret)).toEqual([clientSecret]);
  });
});

describe.concurrent('an order of a payment', () => {
  it('without payment method types leaves the choice to Stripe', async () => {
    const { stripe, gateway } = await playing();
    const created = await gateway.createPaymentIntent({
      tenant: 'acme',
      cents: 50,
      metadata: {},
      idempotencyKey: 'key',
    });
    expect(created).toMatchObject({ droppedMethodTypes: [] });
    expect(stripe.ledger.requests[0]?.rawBody).toMatch(
      /^amount=50&currency=usd&metadata\[cv_reference\]=[0-9a-f]{32}&metadata\[cv_tenant\]=acme$/,
    );
  });

  it('returns the payment method types that Stripe dropped', async () => {
    const { gateway } = await serving(
      rawServer((request, socket) => socket.write(httpResponse(intentFor(request, 1)))),
    );
    await expect(gateway.createPaymentIntent(order)).resolves.toMatchObject({ droppedMethodTypes: ['link'] });
  });

  it('returns all types as dropped where Stripe does not list those it offers', async () => {
    const { gateway } = await serving(
      rawServer((request, socket) =>
        socket.write(httpResponse({ ...intentFor(request, 1), payment_method_types: undefined })),
      ),
    );
    await expect(gateway.createPaymentIntent(order)).resolves.toMatchObject({ droppedMethodTypes: order.methodTypes });
  });

  it('with an empty list of types is refused, because Stripe would offer all', async () => {
    const { stripe, gateway } = await playing();
    await expect(readFailure(gateway.createPaymentIntent({ ...order, methodTypes: [] }))).resolves.toMatchObject({
      fault: 'methodTypesRefused',
      message: 'payment method types: expected at least one',
    });
    expect(stripe.ledger.requests).toEqual([]);
  });
});

describe.concurrent('the gateway', () => {
  it('sends our name to Stripe, and no telemetry of earlier calls', async () => {
    const { stripe, gateway } = await playing();
    await gateway.createPaymentIntent(order);
    await gateway.createPaymentIntent(order);
    const { headers } = stripe.ledger.requests[1]!;
    expect(headers['user-agent']).toContain('payments-service');
    expect(JSON.parse(String(headers['x-stripe-client-user-agent']))).toMatchObject({ httplib: 'undici' });
    expect(Object.keys(headers)).not.toContain('x-stripe-client-telemetry');
  });

  it('does not change the stack traces of other errors', async () => {
    const { stackTraceLimit } = Error;
    const { gateway } = await playing();
    await gateway.createPaymentIntent(order);
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  });
});

describe('isStripeSecretKey', () => {
  it.each(['sk_test_4eC39HqLyjWDarjtT1zdp7dc', 'sk_live_a1', 'rk_test_a1', 'rk_live_a1'])('accepts %s', (key) => {
    expect(isStripeSecretKey(key)).toBe(true);
  });

  it.each(['', 'sk_test_', 'pk_test_a1', 'sk_a1', 'sk_test_a1\n', ' sk_test_a1', 'sk_test_ключ', 'sk_test_a b'])(
    'refuses %j',
    (key) => {
      expect(isStripeSecretKey(key)).toBe(false);
    },
  );
});

// Last, because it covers all tests above. An SDK that fails on an unexpected response can end the process.
it('leaves no rejection unhandled, whatever the response of Stripe', () => {
  expect(strayRejections).toEqual([]);
});

async function faked(...faults: Fault[]): Promise<Server> {
  const stripe = await startFakeStripe();
  stripe.play(...faults);
  return { url: new URL(stripe.url), close: () => stripe.close() };
}

/** A head that grows for ever, slowly. */
function dripHeaders(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nX-Drip: ');
  const dripping = setInterval(() => socket.write('x'), 30);
  socket.on('close', () => clearInterval(dripping));
}
