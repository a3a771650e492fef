import type Stripe from 'stripe';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { startFakeStripe } from '../../../src/fake-stripe/server.ts';
import { sdk } from './clients.ts';

const fake = await startFakeStripe();
const stripe = sdk(fake);
const valid = { metadata: { reference: 'r1' } } satisfies Stripe.SetupIntentCreateParams;

beforeEach(() => {
  fake.reset();
});
afterAll(async () => fake.close());

describe('creating a setup intent', () => {
  it('responds with an intent in Stripe’s shape that has the metadata of the request', async () => {
    const intent = await stripe.setupIntents.create({ metadata: { email: 'a+b@c.de', name: 'Zoë & 中', phone: '' } });
    expect(intent).toMatchObject({
      object: 'setup_intent',
      livemode: false,
      metadata: { email: 'a+b@c.de', name: 'Zoë & 中' },
      status: 'requires_payment_method',
      usage: 'off_session',
    });
    expect(intent.metadata).not.toHaveProperty('phone');
    expect(intent.id).toMatch(/^seti_1[A-Za-z0-9]{23}$/);
    expect(intent.client_secret).toMatch(new RegExp(`^${intent.id}_secret_[A-Za-z0-9]{25}$`));
  });

  it('needs no parameters', async () => {
    await expect(stripe.setupIntents.create()).resolves.toMatchObject({ object: 'setup_intent', metadata: {} });
  });

  it('records the intent in its own list of the ledger', async () => {
    const intent = await stripe.setupIntents.create(valid, { idempotencyKey: 'k1' });
    expect(fake.ledger.setupIntents).toEqual([
      {
        id: intent.id,
        clientSecret: intent.client_secret,
        metadata: { reference: 'r1' },
        idempotencyKey: 'k1',
        requestId: intent.lastResponse.requestId,
      },
    ]);
    expect(fake.ledger).toMatchObject({ setupIntentCount: 1, intents: [], intentCount: 0, requestCount: 1 });
  });

  it.each([
    ['amount', { amount: 100 }, 'parameter_unknown'],
    ['usage', { usage: 'on_session' }, 'parameter_unknown'],
    ['payment_method_types', { payment_method_types: ['card'] }, 'payment_method_types_no_longer_supported'],
  ])('refuses the parameter %s', async (param, params, code) => {
    const refused = stripe.setupIntents.create(params as Stripe.SetupIntentCreateParams);
    await expect(refused).rejects.toMatchObject({ statusCode: 400, code, param });
    expect(fake.ledger.setupIntentCount).toBe(0);
  });
});

describe('an idempotency key', () => {
  it('of a payment intent is refused for a setup intent, and the other way round', async () => {
    await stripe.paymentIntents.create({ amount: 1999, currency: 'usd' }, { idempotencyKey: 'k1' });
    await stripe.setupIntents.create(valid, { idempotencyKey: 'k2' });
    const reused = { rawType: 'idempotency_error', statusCode: 400 };
    await expect(stripe.setupIntents.create(valid, { idempotencyKey: 'k1' })).rejects.toMatchObject(reused);
    const payment = stripe.paymentIntents.create({ amount: 1999, currency: 'usd' }, { idempotencyKey: 'k2' });
    await expect(payment).rejects.toMatchObject(reused);
    expect(fake.ledger).toMatchObject({ intentCount: 1, setupIntentCount: 1 });
  });

  it('is replayed', async () => {
    const first = await stripe.setupIntents.create(valid, { idempotencyKey: 'k1' });
    const second = await stripe.setupIntents.create(valid, { idempotencyKey: 'k1' });
    expect(second.id).toBe(first.id);
    expect(second.lastResponse.headers['idempotent-replayed']).toBe('true');
    expect(fake.ledger.setupIntentCount).toBe(1);
  });
});

describe('retrieving', () => {
  it('finds a setup intent', async () => {
    const { id, client_secret } = await stripe.setupIntents.create(valid);
    await expect(stripe.setupIntents.retrieve(id)).resolves.toMatchObject({ id, client_secret });
  });

  it('does not find an intent of the other kind', async () => {
    const payment = await stripe.paymentIntents.create({ amount: 1999, currency: 'usd' });
    await expect(stripe.setupIntents.retrieve(payment.id)).rejects.toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
      param: 'intent',
      message: `No such setupintent: '${payment.id}'`,
    });
  });
});
