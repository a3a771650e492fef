import type Stripe from 'stripe';
import { afterAll, beforeEach, expect, it, vi } from 'vitest';
import { startFakeStripe } from '../../../src/fake-stripe/server.ts';
import { post, sdk } from './clients.ts';

const fake = await startFakeStripe();
const stripe = sdk(fake);
const valid = { amount: 1999, currency: 'usd' } satisfies Stripe.PaymentIntentCreateParams;
const keyed = { 'Idempotency-Key': 'k1' };

beforeEach(() => {
  fake.reset();
});
afterAll(async () => fake.close());

it('replays the same bytes for the same key, with a new request id', async () => {
  const first = await post(fake, undefined, keyed);
  const second = await post(fake, undefined, keyed);
  expect(await second.text()).toBe(await first.text());
  expect(first.headers.get('idempotent-replayed')).toBeNull();
  expect(second.headers.get('idempotent-replayed')).toBe('true');
  expect(second.headers.get('original-request')).toBe(first.headers.get('request-id'));
  expect(second.headers.get('request-id')).not.toBe(first.headers.get('request-id'));
  expect(second.headers.get('idempotency-key')).toBe('k1');
  expect(fake.ledger).toMatchObject({ intentCount: 1, requestCount: 2 });
  expect(fake.ledger.requests[1]?.outcome).toEqual({ status: 200, replayed: true });
});

it('replays the response for the same parameters in another order', async () => {
  await post(fake, 'amount=1999&currency=usd&metadata[a]=1&metadata[b]=2', keyed);
  const second = await post(fake, 'metadata[b]=2&currency=usd&metadata[a]=1&amount=1999', keyed);
  expect(second.headers.get('idempotent-replayed')).toBe('true');
});

it('creates an intent for each key, and for each request without a key', async () => {
  await post(fake, undefined, { 'Idempotency-Key': 'k1' });
  await post(fake, undefined, { 'Idempotency-Key': 'k2' });
  await post(fake);
  await post(fake);
  expect(new Set(fake.ledger.intents.map(({ id }) => id)).size).toBe(4);
});

it('keeps the idempotency keys of two accounts separate', async () => {
  await stripe.paymentIntents.create(valid, { idempotencyKey: 'k1' });
  await sdk(fake, 'sk_test_other').paymentIntents.create({ ...valid, amount: 50 }, { idempotencyKey: 'k1' });
  expect(fake.ledger.intents.map(({ amount }) => amount)).toEqual([1999, 50]);
});

it('rejects a key that is reused with other parameters', async () => {
  await stripe.paymentIntents.create(valid, { idempotencyKey: 'k1' });
  const reused = stripe.paymentIntents.create({ ...valid, amount: 2000 }, { idempotencyKey: 'k1' });
  await expect(reused).rejects.toMatchObject({
    type: 'StripeIdempotencyError',
    rawType: 'idempotency_error',
    statusCode: 400,
  });
  expect(fake.ledger.intentCount).toBe(1);
});

it('responds with 409 while the first request is in progress', async () => {
  const own = await startFakeStripe();
  own.play({ kind: 'delay', delayMs: 60_000, effect: 'none' });
  const first = post(own, undefined, keyed);
  await vi.waitFor(() => {
    expect(own.ledger.requests[0]?.rawBody).not.toBe('');
  });
  await expect(sdk(own).paymentIntents.create(valid, { idempotencyKey: 'k1' })).rejects.toMatchObject({
    statusCode: 409,
    code: 'idempotency_key_in_use',
    headers: { 'stripe-should-retry': 'true' },
  });
  await Promise.all([expect(first).rejects.toThrow('fetch failed'), own.close()]);
});

it('does not store the key of a request that failed validation', async () => {
  expect((await post(fake, 'amount=49&currency=usd', keyed)).status).toBe(400);
  const corrected = await post(fake, undefined, keyed);
  expect(corrected.status).toBe(200);
  expect(corrected.headers.get('idempotent-replayed')).toBeNull();
});

it('does not store the idempotency key of a request without a valid API key', async () => {
  expect((await post(fake, undefined, { ...keyed, Authorization: 'Bearer sk_live_x' })).status).toBe(401);
  expect((await post(fake, 'amount=50&currency=usd', keyed)).status).toBe(200);
});

it('replays an error that occurred after execution began', async () => {
  fake.play({ kind: 'status', status: 500, effect: 'failed' });
  const first = await post(fake, undefined, keyed);
  const second = await post(fake, undefined, keyed);
  expect([first.status, second.status]).toEqual([500, 500]);
  expect(second.headers.get('idempotent-replayed')).toBe('true');
  expect(second.headers.get('stripe-should-retry')).toBe('false');
  expect(await second.text()).toBe(await first.text());
  expect(fake.ledger.intentCount).toBe(0);
});

it('accepts a key of 255 characters and rejects one of 256', async () => {
  expect((await post(fake, undefined, { 'Idempotency-Key': 'k'.repeat(255) })).status).toBe(200);
  expect((await post(fake, undefined, { 'Idempotency-Key': 'k'.repeat(256) })).status).toBe(400);
});
