import type Stripe from 'stripe';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startFakeStripe, type Effect, type Fault } from '../../../src/fake-stripe/server.ts';
import { post, postAndHangUp, sdk, Wire } from './clients.ts';

const fake = await startFakeStripe();
const mine = 'amount=1999&currency=usd&metadata[reference]=mine';
const keyed = { 'Idempotency-Key': 'k1' };

beforeEach(() => {
  fake.reset();
});
afterAll(async () => fake.close());

const readIntent = async (response: Response): Promise<Stripe.PaymentIntent> =>
  (await response.json()) as Stripe.PaymentIntent;

describe('the queue', () => {
  it('is played in order, once each, and then all is well', async () => {
    fake.play({ kind: 'status', status: 503, effect: 'none' }, { kind: 'status', status: 429, effect: 'none' });
    const statuses = [(await post(fake)).status, (await post(fake)).status, (await post(fake)).status];
    expect(statuses).toEqual([503, 429, 200]);
    expect(fake.ledger.requests.map(({ outcome }) => outcome.fault?.kind)).toEqual(['status', 'status', undefined]);
  });

  it('is not used up by other requests', async () => {
    fake.play({ kind: 'status', status: 503, effect: 'none' });
    await fetch(`${fake.url}/v1/payment_intents/pi_x`);
    expect((await post(fake)).status).toBe(503);
  });

  it('comes before the chooser, which stays until it is taken away', async () => {
    fake.playWith(() => ({ kind: 'status', status: 500, effect: 'none' }));
    fake.play({ kind: 'status', status: 503, effect: 'none' });
    expect([(await post(fake)).status, (await post(fake)).status, (await post(fake)).status]).toEqual([503, 500, 500]);
    fake.playWith(undefined);
    expect((await post(fake)).status).toBe(200);
  });

  it('is forgotten by a reset, with everything else', async () => {
    await post(fake, undefined, keyed);
    fake.play({ kind: 'hang', effect: 'none' });
    fake.playWith(() => ({ kind: 'hang', effect: 'none' }));
    fake.reset();
    expect(fake.ledger).toMatchObject({ intents: [], intentCount: 0, requests: [], requestCount: 0 });
    const again = await post(fake, undefined, keyed);
    expect(again.headers.get('idempotent-replayed')).toBeNull();
  });
});

describe('the effect', () => {
  const body = { status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' };
  const kinds: ((effect: Effect) => Fault)[] = [
    (effect) => ({ kind: 'status', status: 500, effect }),
    (effect) => ({ kind: 'raw', ...body, effect }),
    (effect) => ({ kind: 'reset', effect }),
    (effect) => ({ kind: 'close', effect }),
  ];

  it.each(kinds)('none: nothing was made, and a retry is a first request (%#)', async (fault) => {
    fake.play(fault('none'));
    await post(fake, mine, keyed).catch(() => undefined);
    expect(fake.ledger.intentCount).toBe(0);
    const retry = await post(fake, mine, keyed);
    expect(retry.headers.get('idempotent-replayed')).toBeNull();
  });

  it.each(kinds)('kept: the intent was made, and a retry replays the good answer (%#)', async (fault) => {
    fake.play(fault('kept'));
    await post(fake, mine, keyed).catch(() => undefined);
    expect(fake.ledger.intentCount).toBe(1);
    const retry = await post(fake, mine, keyed);
    expect(retry.headers.get('idempotent-replayed')).toBe('true');
    expect(await readIntent(retry)).toMatchObject({ id: fake.ledger.intents[0]?.id });
    expect(fake.ledger.intentCount).toBe(1);
  });

  it('of a reset is mended by the SDK, which tries a closed connection again with the same key', async () => {
    fake.play({ kind: 'reset', effect: 'kept' });
    const intent = await sdk(fake).paymentIntents.create({ amount: 1999, currency: 'usd' });
    expect(fake.ledger).toMatchObject({ intentCount: 1, requestCount: 2, intents: [{ id: intent.id }] });
  });
});

describe('status', () => {
  it('has Stripe’s error shape, and the given headers', async () => {
    const headers = { 'Retry-After': '2', 'Stripe-Should-Retry': 'true' };
    fake.play({ kind: 'status', status: 429, code: 'lock_timeout', param: 'p', message: 'm', headers, effect: 'none' });
    const response = await post(fake);
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
  ])('%d reaches the SDK as %s', async (status, type) => {
    fake.play({ kind: 'status', status, effect: 'none' });
    const created = sdk(fake).paymentIntents.create({ amount: 1999, currency: 'usd' });
    await expect(created).rejects.toMatchObject({ statusCode: status, type });
  });

  it('can have any body', async () => {
    fake.play({ kind: 'status', status: 500, body: 'oops', effect: 'none' });
    expect(await (await post(fake)).text()).toBe('oops');
  });
});

describe('delay', () => {
  it('kept: the intent is there at once, and the answer only later', async () => {
    fake.play({ kind: 'delay', delayMs: 60_000, effect: 'kept' });
    await expect(postAndHangUp(fake, mine, keyed)).rejects.toThrow('aborted');
    const retry = await post(fake, mine, keyed);
    expect(retry.headers.get('idempotent-replayed')).toBe('true');
  });

  it('none: Stripe goes on after its client hung up', async () => {
    fake.play({ kind: 'delay', delayMs: 300, effect: 'none' });
    await expect(postAndHangUp(fake, mine, keyed)).rejects.toThrow('aborted');
    await vi.waitFor(() => {
      expect(fake.ledger.intentCount).toBe(1);
    });
  });

  it('answers in the end', async () => {
    fake.play({ kind: 'delay', delayMs: 10, effect: 'none' }, { kind: 'delay', delayMs: 10, effect: 'kept' });
    expect([(await post(fake)).status, (await post(fake)).status]).toEqual([200, 200]);
  });
});

it.each([
  ['none', 0],
  ['kept', 1],
] as const)('hang (%s) never answers, and has made %d intents', async (effect, intentCount) => {
  fake.play({ kind: 'hang', effect });
  await expect(postAndHangUp(fake, mine)).rejects.toThrow('aborted');
  expect(fake.ledger.intentCount).toBe(intentCount);
});

it('closing cuts what hangs and what waits', async () => {
  const own = await startFakeStripe();
  own.play({ kind: 'hang', effect: 'none' }, { kind: 'delay', delayMs: 60_000, effect: 'none' });
  const hanging = [post(own), post(own)];
  await vi.waitFor(() => {
    expect(own.ledger.requests.map(({ rawBody }) => rawBody)).toEqual([
      expect.stringMatching(/./),
      expect.stringMatching(/./),
    ]);
  });
  const [ends] = await Promise.all([Promise.allSettled(hanging), own.close()]);
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

describe('the connection', () => {
  it.each(['none', 'kept'] as const)('is reset (%s)', async (effect) => {
    fake.play({ kind: 'reset', effect });
    const wire = new Wire(fake).create();
    expect(await wire.ended).toMatchObject({ code: 'ECONNRESET' });
    expect(wire.received).toBe('');
  });

  it.each(['none', 'kept'] as const)('ends without an answer (%s)', async (effect) => {
    fake.play({ kind: 'close', effect });
    const wire = new Wire(fake).create();
    expect(await wire.ended).toBeUndefined();
    expect(wire.received).toBe('');
  });

  it('ends before the Content-Length does', async () => {
    fake.play({ kind: 'truncated' });
    const wire = new Wire(fake).create();
    expect(await wire.ended).toBeUndefined();
    const [head = '', body = ''] = wire.received.split('\r\n\r\n');
    expect(head).toContain(`Content-Length: ${body.length + 100}`);
    expect(JSON.parse(body)).toMatchObject({ id: fake.ledger.intents[0]?.id });
  });

  it('goes on with the rest of a body that is longer than its Content-Length', async () => {
    fake.play({ kind: 'wrongLength' });
    const wire = new Wire(fake).create();
    await wire.responses(1);
    wire.create();
    await wire.responses(2);
    const [first = ''] = wire.received.split(/(?<=\})HTTP/);
    const [head = '', body = ''] = first.split('\r\n\r\n');
    expect(head).toContain(`Content-Length: ${body.length - 100}`);
    wire.close();
  });

  it.each(['all', 'body'] as const)('drips (%s)', async (part) => {
    fake.play({ kind: 'drip', part, bytes: 200, everyMs: 5 });
    const response = await post(fake, mine);
    expect(await readIntent(response)).toMatchObject({ id: fake.ledger.intents[0]?.id });
  });

  it('drips on quietly after its client hung up', async () => {
    fake.play(
      { kind: 'drip', part: 'body', bytes: 1, everyMs: 1 },
      { kind: 'drip', part: 'all', bytes: 1, everyMs: 1 },
    );
    await expect(postAndHangUp(fake, mine)).rejects.toThrow('aborted');
    await expect(postAndHangUp(fake, mine)).rejects.toThrow('aborted');
    expect((await post(fake)).status).toBe(200);
  });

  it.each([true, false])('carries a stray second response, with the same amount: %s', async (sameAmount) => {
    fake.play({ kind: 'strayResponse', stray: { sameAmount, echo: 'none' }, when: 'with' });
    const wire = new Wire(fake).create();
    await wire.responses(2);
    const [, right = '', stray = ''] = wire.received.split('HTTP/1.1 200 OK').map((part) => part.split('\r\n\r\n')[1]);
    const intent = JSON.parse(right) as Stripe.PaymentIntent;
    const other = JSON.parse(stray) as Stripe.PaymentIntent;
    expect(intent).toMatchObject({ id: fake.ledger.intents[0]?.id, metadata: { reference: 'mine' } });
    expect(other.id).not.toBe(intent.id);
    expect(other.metadata['reference']).not.toBe('mine');
    expect(other.amount === 1999).toBe(sameAmount);
    wire.create();
    await wire.responses(3);
    wire.close();
  });

  it.each([
    ['before the good one', 'before', ['400 Bad Request', '200 OK']],
    ['after it, on the idle connection', { laterMs: 20 }, ['200 OK', '400 Bad Request']],
  ] as const)('carries a stray error %s, and is kept alive', async (_what, when, statuses) => {
    fake.play({ kind: 'strayResponse', stray: { error: { status: 400 }, echo: 'another' }, when });
    const wire = new Wire(fake).create();
    await vi.waitUntil(() => wire.received.split('HTTP/1.1 ').length === 3);
    expect([...wire.received.matchAll(/HTTP\/1\.1 (.*)\r\n/g)].map(([, status]) => status)).toEqual(statuses);
    expect(wire.received).toContain('Idempotency-Key: of-someone-else');
    wire.create();
    await wire.responses(2);
    wire.close();
  });
});

describe('the idempotency key', () => {
  const refused: Fault = { kind: 'status', status: 400, effect: 'none' };

  it.each<[string, Fault]>([
    ['an intent', { kind: 'delay', delayMs: 1, effect: 'none' }],
    ['a refusal', refused],
    ['a wrong key', { ...refused, status: 401 }],
    ['a failure', { ...refused, status: 500 }],
  ])('is named by each response of Stripe: %s', async (_what, fault) => {
    fake.play(fault);
    expect((await post(fake, mine, keyed)).headers.get('idempotency-key')).toBe(keyed['Idempotency-Key']);
  });

  it.each<[string, Fault, string | null]>([
    ['nobody', { ...refused, echo: 'none' }, null],
    ['another', { ...refused, echo: 'another' }, 'of-someone-else'],
    ['another', { kind: 'anotherIntent', sameAmount: true, echo: 'another' }, 'of-someone-else'],
  ])("may be %s's", async (_what, fault, echo) => {
    fake.play(fault);
    expect((await post(fake, mine, keyed)).headers.get('idempotency-key')).toBe(echo);
  });
});

describe('the body', () => {
  it.each(['<html>', '42', '"ok"', 'true', '{}', '[]', 'null', '', '{"id":'])('is %j', async (body) => {
    fake.play({ kind: 'raw', status: 200, contentType: 'application/json', body, effect: 'none' });
    const response = await post(fake);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.text()).toBe(body);
  });

  it.each([true, false])('is another customer’s intent, with the same amount: %s', async (sameAmount) => {
    fake.play({ kind: 'anotherIntent', sameAmount });
    const other = await readIntent(await post(fake, mine, keyed));
    expect(other.client_secret).toMatch(new RegExp(`^${other.id}_secret_`));
    expect(other.id).not.toBe(fake.ledger.intents[0]?.id);
    expect(other.metadata['reference']).not.toBe('mine');
    expect(other.amount === 1999).toBe(sameAmount);
    expect(await readIntent(await post(fake, mine, keyed))).toMatchObject({ id: fake.ledger.intents[0]?.id });
  });

  it('is huge', async () => {
    fake.play({ kind: 'huge', mebibytes: 3 });
    const text = await (await post(fake)).text();
    expect(text.length).toBeGreaterThan(3 * 1024 * 1024);
    expect(JSON.parse(text)).toMatchObject({ id: fake.ledger.intents[0]?.id });
  });
});

it('redirects', async () => {
  fake.play({ kind: 'redirect', status: 307, location: 'http://elsewhere.example/' });
  const response = await post(fake, mine, {}, { redirect: 'manual' });
  expect([response.status, response.headers.get('location')]).toEqual([307, 'http://elsewhere.example/']);
});

it('floods with headers, more than a client takes', async () => {
  fake.play({ kind: 'headersFlood', kibibytes: 2 }, { kind: 'headersFlood', kibibytes: 64 });
  expect((await post(fake)).headers.get('x-flood-1')).toHaveLength(1024);
  await expect(post(fake)).rejects.toMatchObject({ cause: { code: 'UND_ERR_HEADERS_OVERFLOW' } });
});
