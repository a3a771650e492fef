import type Stripe from 'stripe';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startFakeStripe, type Effect, type Fault } from '../../../src/fake-stripe/server.ts';
import { gatewayCalls, type GatewayCallName } from '../../support/gatewayCalls.ts';
import { postAndDisconnect, postTo, sdk, Wire } from './clients.ts';

const fake = await startFakeStripe();
const keyed = { 'Idempotency-Key': 'k1' };

beforeEach(() => {
  fake.reset();
});
afterAll(async () => fake.close());

type Intent = Pick<Stripe.PaymentIntent, 'id' | 'client_secret' | 'metadata'> & { amount?: number };

const readIntent = async (response: Response): Promise<Intent> => (await response.json()) as Intent;

/** A valid creation, as a form and by the SDK, and the amounts of its intent and of another customer's, if it is about one. */
interface Creation {
  form: string;
  bySdk: (stripe: Stripe) => Promise<{ id: string }>;
  amount?: number;
  otherAmount?: number;
}

const CREATIONS: Record<GatewayCallName, Creation> = {
  createPaymentIntent: {
    form: 'amount=1999&currency=usd&',
    bySdk: ({ paymentIntents }) => paymentIntents.create({ amount: 1999, currency: 'usd' }),
    amount: 1999,
    otherAmount: 5000,
  },
  createSetupIntent: { form: 'metadata[kind]=setup&', bySdk: ({ setupIntents }) => setupIntents.create() },
};

describe.each(Object.entries(gatewayCalls))('for %s,', (name, { path, created }) => {
  const { form, bySdk, amount, otherAmount } = CREATIONS[name as GatewayCallName];
  const mine = `${form}metadata[reference]=mine`;
  const post = (body = form, headers: Record<string, string> = {}, init: RequestInit = {}, to = fake) =>
    postTo(to, path, body, headers, init);
  const wireWithOrder = () => new Wire(fake).create(path, mine);
  const intents = () => created(fake.ledger);

  describe('the fault queue', () => {
    it('plays each fault once, in order, and then responds normally', async () => {
      fake.play({ kind: 'status', status: 503, effect: 'none' }, { kind: 'status', status: 429, effect: 'none' });
      const statuses = [(await post()).status, (await post()).status, (await post()).status];
      expect(statuses).toEqual([503, 429, 200]);
      expect(fake.ledger.requests.map(({ outcome }) => outcome.fault?.kind)).toEqual(['status', 'status', undefined]);
    });

    it('plays no fault for a request that creates no intent', async () => {
      fake.play({ kind: 'status', status: 503, effect: 'none' });
      await fetch(`${fake.url}${path}/x`);
      expect((await post()).status).toBe(503);
    });

    it('takes precedence over the fault chooser, which applies until it is removed', async () => {
      fake.playWith(() => ({ kind: 'status', status: 500, effect: 'none' }));
      fake.play({ kind: 'status', status: 503, effect: 'none' });
      expect([(await post()).status, (await post()).status, (await post()).status]).toEqual([503, 500, 500]);
      fake.playWith(undefined);
      expect((await post()).status).toBe(200);
    });

    it('is cleared by a reset, like the chooser, the ledger and the idempotency keys', async () => {
      await post(undefined, keyed);
      fake.play({ kind: 'hang', effect: 'none' });
      fake.playWith(() => ({ kind: 'hang', effect: 'none' }));
      fake.reset();
      expect(intents()).toEqual([]);
      expect(fake.ledger).toMatchObject({ intentCount: 0, setupIntentCount: 0, requests: [], requestCount: 0 });
      const again = await post(undefined, keyed);
      expect(again.headers.get('idempotent-replayed')).toBeNull();
    });
  });

  describe('the effect of a fault', () => {
    const body = { status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' };
    const kinds: ((effect: Effect) => Fault)[] = [
      (effect) => ({ kind: 'status', status: 500, effect }),
      (effect) => ({ kind: 'raw', ...body, effect }),
      (effect) => ({ kind: 'reset', effect }),
      (effect) => ({ kind: 'close', effect }),
    ];

    it.each(kinds)('none: no intent is created, and a retry counts as the first request (%#)', async (fault) => {
      fake.play(fault('none'));
      await post(mine, keyed).catch(() => undefined);
      expect(intents()).toHaveLength(0);
      const retry = await post(mine, keyed);
      expect(retry.headers.get('idempotent-replayed')).toBeNull();
    });

    it.each(kinds)('kept: the intent is created, and a retry replays the successful response (%#)', async (fault) => {
      fake.play(fault('kept'));
      await post(mine, keyed).catch(() => undefined);
      expect(intents()).toHaveLength(1);
      const retry = await post(mine, keyed);
      expect(retry.headers.get('idempotent-replayed')).toBe('true');
      expect(await readIntent(retry)).toMatchObject({ id: intents()[0]?.id });
      expect(intents()).toHaveLength(1);
    });

    it('kept: after a reset, the SDK retries with the same key and gets the one intent', async () => {
      fake.play({ kind: 'reset', effect: 'kept' });
      const intent = await bySdk(sdk(fake));
      expect(intents()).toMatchObject([{ id: intent.id }]);
      expect(fake.ledger.requestCount).toBe(2);
    });
  });

  describe('the status fault', () => {
    it('responds with Stripe’s error object and the configured headers', async () => {
      const headers = { 'Retry-After': '2', 'Stripe-Should-Retry': 'true' };
      fake.play({
        kind: 'status',
        status: 429,
        code: 'lock_timeout',
        param: 'p',
        message: 'm',
        headers,
        effect: 'none',
      });
      const response = await post();
      expect(response.status).toBe(429);
      expect(response.headers.get('retry-after')).toBe('2');
      expect(response.headers.get('stripe-should-retry')).toBe('true');
      expect(response.headers.get('request-id')).toMatch(/^req_/);
      expect(await response.json()).toMatchObject({
        error: { type: 'invalid_request_error', code: 'lock_timeout', param: 'p', message: 'm' },
      });
    });

    it.each([
      [402, 'StripeCardError'],
      [403, 'StripePermissionError'],
      [429, 'StripeRateLimitError'],
      [500, 'StripeAPIError'],
    ])('reports status %d to the SDK as %s', async (status, type) => {
      fake.play({ kind: 'status', status, effect: 'none' });
      const creation = bySdk(sdk(fake));
      await expect(creation).rejects.toMatchObject({ statusCode: status, type });
    });

    it('responds with the configured body', async () => {
      fake.play({ kind: 'status', status: 500, body: 'oops', effect: 'none' });
      expect(await (await post()).text()).toBe('oops');
    });
  });

  describe('the delay fault', () => {
    it('kept: creates the intent at once, and responds after the delay', async () => {
      fake.play({ kind: 'delay', delayMs: 60_000, effect: 'kept' });
      await expect(postAndDisconnect(fake, path, mine, keyed)).rejects.toThrow('aborted');
      const retry = await post(mine, keyed);
      expect(retry.headers.get('idempotent-replayed')).toBe('true');
    });

    it('none: creates the intent although the client has disconnected', async () => {
      fake.play({ kind: 'delay', delayMs: 300, effect: 'none' });
      await expect(postAndDisconnect(fake, path, mine, keyed)).rejects.toThrow('aborted');
      await vi.waitFor(() => {
        expect(intents()).toHaveLength(1);
      });
    });

    it('responds after the delay', async () => {
      fake.play({ kind: 'delay', delayMs: 10, effect: 'none' }, { kind: 'delay', delayMs: 10, effect: 'kept' });
      expect([(await post()).status, (await post()).status]).toEqual([200, 200]);
    });
  });

  it.each([
    ['none', 0],
    ['kept', 1],
  ] as const)('the hang fault (%s) never responds, and creates %d intents', async (effect, count) => {
    fake.play({ kind: 'hang', effect });
    await expect(postAndDisconnect(fake, path, mine)).rejects.toThrow('aborted');
    expect(intents()).toHaveLength(count);
  });

  it('closing the server aborts requests that hang or are delayed', async () => {
    const own = await startFakeStripe();
    own.play({ kind: 'hang', effect: 'none' }, { kind: 'delay', delayMs: 60_000, effect: 'none' });
    const pending = [post(form, {}, {}, own), post(form, {}, {}, own)];
    await vi.waitFor(() => {
      expect(own.ledger.requests.map(({ rawBody }) => rawBody)).toEqual([
        expect.stringMatching(/./),
        expect.stringMatching(/./),
      ]);
    });
    const [results] = await Promise.all([Promise.allSettled(pending), own.close()]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  describe('the connection', () => {
    it.each(['none', 'kept'] as const)('is reset by the reset fault (%s)', async (effect) => {
      fake.play({ kind: 'reset', effect });
      const wire = wireWithOrder();
      expect(await wire.ended).toMatchObject({ code: 'ECONNRESET' });
      expect(wire.received).toBe('');
    });

    it.each(['none', 'kept'] as const)('is closed without a response by the close fault (%s)', async (effect) => {
      fake.play({ kind: 'close', effect });
      const wire = wireWithOrder();
      expect(await wire.ended).toBeUndefined();
      expect(wire.received).toBe('');
    });

    it('is closed before the whole Content-Length is sent by the truncated fault', async () => {
      fake.play({ kind: 'truncated' });
      const wire = wireWithOrder();
      expect(await wire.ended).toBeUndefined();
      const [head = '', body = ''] = wire.received.split('\r\n\r\n');
      expect(head).toContain(`Content-Length: ${body.length + 100}`);
      expect(JSON.parse(body)).toMatchObject({ id: intents()[0]?.id });
    });

    it('stays open after a body that is longer than its Content-Length', async () => {
      fake.play({ kind: 'wrongLength' });
      const wire = wireWithOrder();
      await wire.responses(1);
      wire.create(path, mine);
      await wire.responses(2);
      const [first = ''] = wire.received.split(/(?<=\})HTTP/);
      const [head = '', body = ''] = first.split('\r\n\r\n');
      expect(head).toContain(`Content-Length: ${body.length - 100}`);
      wire.close();
    });

    it.each(['all', 'body'] as const)('delivers a complete response slowly (drip, %s)', async (part) => {
      fake.play({ kind: 'drip', part, bytes: 200, everyMs: 5 });
      const response = await post(mine);
      expect(await readIntent(response)).toMatchObject({ id: intents()[0]?.id });
    });

    it('does not fail when the client disconnects during a drip', async () => {
      fake.play(
        { kind: 'drip', part: 'body', bytes: 1, everyMs: 1 },
        { kind: 'drip', part: 'all', bytes: 1, everyMs: 1 },
      );
      await expect(postAndDisconnect(fake, path, mine)).rejects.toThrow('aborted');
      await expect(postAndDisconnect(fake, path, mine)).rejects.toThrow('aborted');
      expect((await post()).status).toBe(200);
    });

    it.each([true, false])('carries a stray second response, and stays open (same amount: %s)', async (sameAmount) => {
      fake.play({ kind: 'strayResponse', stray: { sameAmount, echo: 'none' }, when: 'with' });
      const wire = wireWithOrder();
      await wire.responses(2);
      const [, expected = '', stray = ''] = wire.received
        .split('HTTP/1.1 200 OK')
        .map((part) => part.split('\r\n\r\n')[1]);
      const intent = JSON.parse(expected) as Intent;
      const other = JSON.parse(stray) as Intent;
      expect(intent).toMatchObject({ id: intents()[0]?.id, metadata: { reference: 'mine' } });
      expect(other.id).not.toBe(intent.id);
      expect(other.metadata['reference']).not.toBe('mine');
      expect(other.amount).toBe(sameAmount ? amount : otherAmount);
      wire.create(path, mine);
      await wire.responses(3);
      wire.close();
    });

    it.each([
      ['before the expected response', 'before', ['400 Bad Request', '200 OK']],
      ['after the expected response, on the idle connection', { laterMs: 20 }, ['200 OK', '400 Bad Request']],
    ] as const)('carries a stray error %s, and stays open', async (_what, when, statuses) => {
      fake.play({ kind: 'strayResponse', stray: { error: { status: 400 }, echo: 'another' }, when });
      const wire = wireWithOrder();
      await vi.waitUntil(() => wire.received.split('HTTP/1.1 ').length === 3);
      expect([...wire.received.matchAll(/HTTP\/1\.1 (.*)\r\n/g)].map(([, status]) => status)).toEqual(statuses);
      expect(wire.received).toContain('Idempotency-Key: of-someone-else');
      wire.create(path, mine);
      await wire.responses(2);
      wire.close();
    });
  });

  describe('the idempotency key', () => {
    const rejected: Fault = { kind: 'status', status: 400, effect: 'none' };

    it.each<[string, Fault]>([
      ['an intent', { kind: 'delay', delayMs: 1, effect: 'none' }],
      ['a rejection', rejected],
      ['an invalid API key', { ...rejected, status: 401 }],
      ['a server error', { ...rejected, status: 500 }],
    ])('is echoed by every response: %s', async (_what, fault) => {
      fake.play(fault);
      expect((await post(mine, keyed)).headers.get('idempotency-key')).toBe(keyed['Idempotency-Key']);
    });

    it.each<[string, Fault, string | null]>([
      ['omitted', { ...rejected, echo: 'none' }, null],
      ['the key of another request', { ...rejected, echo: 'another' }, 'of-someone-else'],
      ['the key of another request', { kind: 'anotherIntent', sameAmount: true, echo: 'another' }, 'of-someone-else'],
    ])('can be %s', async (_what, fault, echo) => {
      fake.play(fault);
      expect((await post(mine, keyed)).headers.get('idempotency-key')).toBe(echo);
    });
  });

  describe('the response body', () => {
    it.each(['<html>', '42', '"ok"', 'true', '{}', '[]', 'null', '', '{"id":'])('can be %j', async (body) => {
      fake.play({ kind: 'raw', status: 200, contentType: 'application/json', body, effect: 'none' });
      const response = await post();
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(await response.text()).toBe(body);
    });

    it.each([true, false])('can be another customer’s intent (same amount: %s)', async (sameAmount) => {
      fake.play({ kind: 'anotherIntent', sameAmount });
      const other = await readIntent(await post(mine, keyed));
      expect(other.client_secret).toMatch(new RegExp(`^${other.id}_secret_`));
      expect(other.id).not.toBe(intents()[0]?.id);
      expect(other.metadata['reference']).not.toBe('mine');
      expect(other.amount).toBe(sameAmount ? amount : otherAmount);
      expect(await readIntent(await post(mine, keyed))).toMatchObject({ id: intents()[0]?.id });
    });

    it('has at least the configured size (huge)', async () => {
      fake.play({ kind: 'huge', mebibytes: 3 });
      const text = await (await post()).text();
      expect(text.length).toBeGreaterThan(3 * 1024 * 1024);
      expect(JSON.parse(text)).toMatchObject({ id: intents()[0]?.id });
    });
  });

  it('the redirect fault redirects to the configured location', async () => {
    fake.play({ kind: 'redirect', status: 307, location: 'http://elsewhere.example/' });
    const response = await post(mine, {}, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([307, 'http://elsewhere.example/']);
  });

  it('the headersFlood fault can exceed the header limit of the client', async () => {
    fake.play({ kind: 'headersFlood', kibibytes: 2 }, { kind: 'headersFlood', kibibytes: 64 });
    expect((await post()).headers.get('x-flood-1')).toHaveLength(1024);
    await expect(post()).rejects.toMatchObject({ cause: { code: 'UND_ERR_HEADERS_OVERFLOW' } });
  });
});
