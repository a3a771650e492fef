import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { startFakeStripe } from '../../../src/fake-stripe/server.ts';
import { sdk } from './clients.ts';

const fake = await startFakeStripe();
const secret = sdk(fake, 'sk_test_one');
const restricted = sdk(fake, 'rk_test_one');
const publishable = sdk(fake, 'pk_test_one');

beforeEach(() => fake.reset());
afterAll(() => fake.close());

const create = () => secret.paymentIntents.create({ amount: 1999, currency: 'usd', metadata: { orderId: '1' } });

describe('an intent', () => {
  it('is read whole by a restricted key of its account', async () => {
    const { id } = await create();
    await expect(restricted.paymentIntents.retrieve(id)).resolves.toMatchObject({ id, metadata: { orderId: '1' } });
  });

  it('is read without its metadata by a publishable key that comes with the client secret', async () => {
    const { id, client_secret } = await create();
    const intent = await publishable.paymentIntents.retrieve(id, { client_secret: client_secret! });
    expect(intent).toMatchObject({ id, amount: 1999, currency: 'usd', status: 'requires_payment_method' });
    expect(intent).not.toHaveProperty('metadata');
  });

  it.each([{}, { client_secret: 'pi_1_secret_2' }])('is not read by a publishable key with %j', async (query) => {
    const { id } = await create();
    await expect(publishable.paymentIntents.retrieve(id, query)).rejects.toMatchObject({
      statusCode: 400,
      param: 'client_secret',
    });
  });

  it('is not found by the keys of another account', async () => {
    const { id, client_secret } = await create();
    const query = { client_secret: client_secret! };
    for (const key of ['rk_test_other', 'pk_test_other']) {
      await expect(sdk(fake, key).paymentIntents.retrieve(id, query)).rejects.toMatchObject({ statusCode: 404 });
    }
  });
});

const list = (from: number, to: number) => restricted.paymentIntents.list({ created: { gte: from, lte: to } });

describe('a list', () => {
  it('has the intents of the account and the collection, the newest first, page by page', async () => {
    const ids = [await create(), await create(), await create()].map(({ id }) => id);
    await secret.setupIntents.create();
    await sdk(fake, 'sk_test_other').paymentIntents.create({ amount: 50, currency: 'usd' });
    const first = await restricted.paymentIntents.list({ limit: 2 });
    expect(first).toMatchObject({ data: [{ id: ids[2] }, { id: ids[1] }], has_more: true });
    const second = await restricted.paymentIntents.list({ limit: 2, starting_after: ids[1]! });
    expect(second).toMatchObject({ data: [{ id: ids[0] }], has_more: false });
  });

  it('has only intents of the given time', async () => {
    const { created } = await create();
    expect((await list(created, created)).data).toHaveLength(1);
    expect((await list(created + 1, created + 9)).data).toHaveLength(0);
    expect((await list(created - 9, created - 1)).data).toHaveLength(0);
  });

  it('is not read by a publishable key', async () => {
    await expect(publishable.paymentIntents.list()).rejects.toMatchObject({ statusCode: 401 });
  });
});
