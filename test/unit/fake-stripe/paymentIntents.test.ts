import { readFileSync } from 'node:fs';
import type Stripe from 'stripe';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { PAYMENT_METHOD_TYPES } from '../../../src/fake-stripe/paymentMethodTypes.ts';
import { startFakeStripe } from '../../../src/fake-stripe/server.ts';
import { KEY, post, sdk } from './clients.ts';

const fake = await startFakeStripe();
const stripe = sdk(fake);
const valid = { amount: 1999, currency: 'usd' } satisfies Stripe.PaymentIntentCreateParams;

beforeEach(() => {
  fake.reset();
});
afterAll(async () => fake.close());

describe('creating a payment intent', () => {
  it('responds with an intent in Stripe’s shape that has the parameters of the request', async () => {
    const intent = await stripe.paymentIntents.create({ ...valid, metadata: { email: 'a+b@c.de', name: 'Zoë & 中' } });
    expect(intent).toMatchObject({
      object: 'payment_intent',
      amount: 1999,
      currency: 'usd',
      livemode: false,
      metadata: { email: 'a+b@c.de', name: 'Zoë & 中' },
      status: 'requires_payment_method',
    });
    expect(intent.id).toMatch(/^pi_3[A-Za-z0-9]{23}$/);
    expect(intent.client_secret).toMatch(new RegExp(`^${intent.id}_secret_[A-Za-z0-9]{25}$`));
  });

  it('responds with a request id and the requested API version', async () => {
    const { lastResponse } = await stripe.paymentIntents.create(valid);
    expect(lastResponse.requestId).toMatch(/^req_[A-Za-z0-9]{14}$/);
    expect(lastResponse.apiVersion).toBe('2026-10-28.endive');
    expect(lastResponse.headers['content-type']).toBe('application/json');
  });

  it.each([50, 99_999_999])('accepts the limit of %d cents', async (amount) => {
    await expect(stripe.paymentIntents.create({ ...valid, amount })).resolves.toMatchObject({ amount });
  });

  it('records the intent and its request in the ledger', async () => {
    const intent = await stripe.paymentIntents.create(
      { ...valid, allowed_payment_method_types: ['card', 'pix'], metadata: { reference: 'r1' } },
      { idempotencyKey: 'k1' },
    );
    expect(fake.ledger.intents).toEqual([
      {
        id: intent.id,
        clientSecret: intent.client_secret,
        amount: 1999,
        currency: 'usd',
        metadata: { reference: 'r1' },
        allowedPaymentMethodTypes: ['card', 'pix'],
        idempotencyKey: 'k1',
        requestId: intent.lastResponse.requestId,
      },
    ]);
    expect(fake.ledger.requests).toMatchObject([
      {
        requestId: intent.lastResponse.requestId,
        method: 'POST',
        path: '/v1/payment_intents',
        headers: { 'idempotency-key': 'k1', authorization: expect.stringMatching(/^Bearer sk_test_\*+0000$/) },
        rawBody:
          'amount=1999&currency=usd&allowed_payment_method_types[0]=card&allowed_payment_method_types[1]=pix&metadata[reference]=r1',
        form: { amount: '1999', allowed_payment_method_types: { 0: 'card', 1: 'pix' } },
        outcome: { status: 200, replayed: false },
      },
    ]);
  });

  it('does not store a metadata key with an empty value', async () => {
    const intent = await stripe.paymentIntents.create({ ...valid, metadata: { email: '', phone: '1' } });
    expect(intent.metadata).toEqual({ phone: '1' });
  });

  it('accepts metadata up to Stripe’s limits, counted in characters, not in UTF-16 units', async () => {
    const keys = Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(40, 'k'));
    const metadata = Object.fromEntries(keys.map((key) => [key, '🙂'.repeat(500)]));
    await expect(stripe.paymentIntents.create({ ...valid, metadata })).resolves.toMatchObject({ metadata });
  });

  it('accepts Basic authentication', async () => {
    const response = await post(fake, undefined, { Authorization: `Basic ${btoa(`${KEY}:`)}` });
    expect(response.status).toBe(200);
  });
});

describe('payment method types', () => {
  it('match the list of the SDK', () => {
    const url = new URL('../../../node_modules/stripe/esm/resources/PaymentIntents.d.ts', import.meta.url);
    const declarations = readFileSync(url, 'utf8').split('namespace PaymentIntentCreateParams {')[1] ?? '';
    const union = /type AllowedPaymentMethodType = (.*) \| OtherString;/.exec(declarations)?.[1] ?? '';
    expect(PAYMENT_METHOD_TYPES).toEqual(Array.from(union.matchAll(/'(\w+)'/g), ([, type]) => type));
  });

  it('are silently filtered to those that the account accepts in dollars', async () => {
    const requested = [
      'pix',
      'klarna',
      'card',
    ] satisfies Stripe.PaymentIntentCreateParams['allowed_payment_method_types'];
    const intent = await stripe.paymentIntents.create({ ...valid, allowed_payment_method_types: requested });
    expect(intent.allowed_payment_method_types).toEqual(requested);
    expect(intent.payment_method_types).toEqual(['klarna', 'card']);
    expect(intent.automatic_payment_methods).toBeNull();
  });

  it('default to those of the dashboard', async () => {
    const intent = await stripe.paymentIntents.create(valid);
    expect(intent.payment_method_types).toEqual(expect.arrayContaining(['card', 'klarna', 'affirm', 'link']));
    expect(intent.allowed_payment_method_types).toBeNull();
    expect(intent.automatic_payment_methods).toMatchObject({ enabled: true });
  });
});

describe('an invalid request', () => {
  const usd = 'amount=50&currency=usd';
  const types = 'allowed_payment_method_types';
  const retired = 'payment_method_types';
  const automatic = 'automatic_payment_methods';
  const key41 = 'k'.repeat(41);
  const metadata51 = Array.from({ length: 51 }, (_, i) => `&metadata[k${i}]=v`).join('');

  it.each([
    ['a missing amount', 'currency=usd', 'parameter_missing', 'amount'],
    ['an empty amount', 'amount=&currency=usd', 'parameter_invalid_empty', 'amount'],
    ['a fraction of a cent', 'amount=114.99999999999999&currency=usd', 'parameter_invalid_integer', 'amount'],
    ['NaN', 'amount=NaN&currency=usd', 'parameter_invalid_integer', 'amount'],
    ['a list of amounts', 'amount[0]=50&currency=usd', 'parameter_invalid_integer', 'amount'],
    ['zero', 'amount=0&currency=usd', 'parameter_invalid_integer', 'amount'],
    ['a negative amount', 'amount=-50&currency=usd', 'parameter_invalid_integer', 'amount'],
    ['49 cents', 'amount=49&currency=usd', 'amount_too_small', 'amount'],
    ['nine digits', 'amount=100000000&currency=usd', 'amount_too_large', 'amount'],
    ['a missing currency', 'amount=50', 'parameter_missing', 'currency'],
    ['an unknown currency', 'amount=50&currency=xxx', undefined, 'currency'],
    ['the retired parameter', `${usd}&${retired}[0]=card`, 'payment_method_types_no_longer_supported', retired],
    ['an unknown type', `${usd}&${types}[0]=card&${types}[1]=cheque`, undefined, `${types}[1]`],
    ['an empty type', `${usd}&${types}[]=`, 'parameter_invalid_empty', `${types}[0]`],
    ['an empty list of types', `${usd}&${types}=`, 'parameter_invalid_empty', types],
    ['types that are not a list', `${usd}&${types}=card`, undefined, types],
    ['types without a usable one', `${usd}&${types}[0]=pix`, undefined, types],
    [
      'types together with automatic methods',
      `${usd}&${types}[0]=card&${automatic}[enabled]=true`,
      'parameters_exclusive',
      automatic,
    ],
    ['metadata that is not an object', `${usd}&metadata=x`, undefined, 'metadata'],
    ['metadata that is a list', `${usd}&metadata[]=x`, undefined, 'metadata'],
    ['a description of 1001 characters', `${usd}&description=${'x'.repeat(1001)}`, undefined, 'description'],
    ['automatic methods that are not an object', `${usd}&${automatic}=true`, undefined, automatic],
    ['automatic methods with an unknown parameter', `${usd}&${automatic}[a]=1`, 'parameter_unknown', `${automatic}[a]`],
    [
      'automatic methods without enabled',
      `${usd}&${automatic}[allow_redirects]=never`,
      'parameter_missing',
      `${automatic}[enabled]`,
    ],
    [
      'unknown redirects',
      `${usd}&${automatic}[enabled]=true&${automatic}[allow_redirects]=no`,
      undefined,
      `${automatic}[allow_redirects]`,
    ],
    ['51 metadata keys', usd + metadata51, undefined, 'metadata'],
    ['a metadata key of 41 characters', `${usd}&metadata[${key41}]=v`, undefined, `metadata[${key41}]`],
    ['a metadata value of 501 characters', `${usd}&metadata[k]=${'v'.repeat(501)}`, undefined, 'metadata[k]'],
    ['a metadata value that is an object', `${usd}&metadata[k][l]=v`, undefined, 'metadata[k]'],
    ['brackets in a metadata key', `${usd}&metadata[a[b]]=v`, undefined, 'metadata'],
    ['an unknown parameter', `${usd}&amuont=1`, 'parameter_unknown', 'amuont'],
    ['__proto__', `${usd}&__proto__[a]=1`, 'parameter_unknown', '__proto__'],
  ])('responds with 400 to %s', async (_, body, code, param) => {
    const response = await post(fake, body);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: Record<string, unknown> };
    expect(error).toMatchObject({ type: 'invalid_request_error', param, message: expect.any(String) });
    expect(error['code']).toBe(code);
    expect(error['request_log_url']).toContain(response.headers.get('request-id'));
    expect(fake.ledger.intentCount).toBe(0);
  });

  it('links the documentation of the error code', async () => {
    await expect(stripe.paymentIntents.create({ ...valid, amount: 49 })).rejects.toMatchObject({
      type: 'StripeInvalidRequestError',
      rawType: 'invalid_request_error',
      statusCode: 400,
      doc_url: 'https://stripe.com/docs/error-codes/amount-too-small',
    });
  });

  it('responds with 400 to a body that is not a form', async () => {
    const response = await post(fake, '{"amount":1999}', { 'Content-Type': 'application/json' });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('check that your POST content type');
  });

  it('closes the connection of a client whose body is too large', async () => {
    await expect(post(fake, 'a'.repeat(2 * 1024 * 1024))).rejects.toThrow('fetch failed');
  });

  it('responds with 401 without an API key', async () => {
    const response = await post(fake, undefined, { Authorization: '' });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Basic realm="Stripe"');
  });

  it.each(['sk_live_51FakeStripe1234', 'pk_test_51FakeStripe1234', 'nonsense'])(
    'responds with 401 to %s, with only a part of the key in the message',
    async (key) => {
      const rejected = sdk(fake, key).paymentIntents.create(valid);
      await expect(rejected).rejects.toMatchObject({
        type: 'StripeAuthenticationError',
        statusCode: 401,
        message: expect.stringContaining(`Invalid API Key provided: ${key.slice(0, 4)}`),
      });
      await expect(rejected).rejects.not.toMatchObject({ message: expect.stringContaining(key) });
    },
  );
});

describe('other requests', () => {
  it('retrieve an intent', async () => {
    const { id, client_secret } = await stripe.paymentIntents.create(valid);
    await expect(stripe.paymentIntents.retrieve(id)).resolves.toMatchObject({ id, client_secret });
  });

  it('do not find an intent of another account', async () => {
    const { id } = await stripe.paymentIntents.create(valid);
    const retrieved = sdk(fake, 'rk_test_other').paymentIntents.retrieve(id);
    await expect(retrieved).rejects.toMatchObject({ statusCode: 404, code: 'resource_missing', param: 'intent' });
  });

  it('get 404 for an unknown path, with method and path in the message', async () => {
    await expect(stripe.customers.create({})).rejects.toMatchObject({
      statusCode: 404,
      rawType: 'invalid_request_error',
      message: expect.stringContaining('Unrecognized request URL (POST: /v1/customers)'),
    });
    expect(fake.ledger.requests).toMatchObject([{ path: '/v1/customers', outcome: { status: 404 } }]);
  });
});
