import { describe, expect, it } from 'vitest';
import { intentParams, mismatchIn } from '../../../../src/payments/stripe/intents.ts';

const order = { tenant: 'acme', cents: 1999, metadata: { email: 'jane@example.com' }, idempotencyKey: 'key-1' };

/** Stripe's answer to an order, as far as it is looked at. */
function respondTo(params: ReturnType<typeof intentParams>) {
  const metadata = Object.fromEntries(Object.entries(params.metadata).filter(([, value]) => value !== ''));
  return {
    object: 'payment_intent',
    id: 'pi_1',
    client_secret: 'pi_1_secret_2',
    amount: 1999,
    currency: 'usd',
    metadata,
  };
}

function readMetadata(keys: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: keys }, (_, i) => [`key${i}`, `value${i}`]));
}

describe('intentParams', () => {
  it('has the cents in US dollars, and leaves the payment method types to Stripe', () => {
    const { metadata, ...rest } = intentParams(order);
    expect(rest).toEqual({ amount: 1999, currency: 'usd' });
    expect(metadata).toMatchObject(order.metadata);
  });

  it('allows only these payment method types, where there are some', () => {
    const { metadata: _metadata, ...rest } = intentParams({ ...order, methodTypes: ['card', 'klarna'] });
    expect(rest).toEqual({ amount: 1999, currency: 'usd', allowed_payment_method_types: ['card', 'klarna'] });
  });

  it('adds a reference that never changes for an idempotency key', () => {
    // printf key-1 | sha256sum | cut -c1-32
    expect(intentParams(order).metadata['cv_reference']).toBe('be2974546978e3739e6d6da85c4be9f3');
  });

  it('adds the tenant', () => {
    expect(intentParams(order).metadata['cv_tenant']).toBe('acme');
  });

  it('adds the reference as the 50th key rather than the tenant, and never a 51st', () => {
    const sent = [48, 49, 50].map((keys) => intentParams({ ...order, metadata: readMetadata(keys) }).metadata);
    expect(sent.map((metadata) => Object.keys(metadata).length)).toEqual([50, 50, 50]);
    const ours = sent.map((metadata) => Object.keys(metadata).filter((key) => key.startsWith('cv_')));
    expect(ours).toEqual([['cv_reference', 'cv_tenant'], ['cv_reference'], []]);
  });

  it("keeps the caller's own cv_reference, and adds ours under another name", () => {
    const metadata = { cv_reference: 'mine' };
    const { cv_reference_2: reference, cv_tenant: _tenant, ...theirs } = intentParams({ ...order, metadata }).metadata;
    expect(theirs).toEqual(metadata);
    expect(reference).toMatch(/^[0-9a-f]{32}$/);
  });

  it("keeps the caller's own cv_tenant", () => {
    expect(intentParams({ ...order, metadata: { cv_tenant: 'mine' } }).metadata['cv_tenant']).toBe('mine');
  });

  it('has the metadata in one order, whatever the order of the caller', () => {
    const entries = Object.entries({
      é: '1',
      b: '2',
      Z: '3',
      cv_s: '4',
      a: '5',
      10: '6',
      '\u{1f600}': '7',
      '\uffff': '8',
    });
    const orders = [entries, entries.toReversed()].map((some) => {
      const { metadata } = intentParams({ ...order, metadata: Object.fromEntries(some) });
      return Object.keys(metadata);
    });
    // By code unit: no locale, and no version of Unicode, may change it.
    const sorted = ['10', 'Z', 'a', 'b', 'cv_reference', 'cv_s', 'cv_tenant', 'é', '\u{1f600}', '\uffff'];
    expect(orders).toEqual([sorted, sorted]);
  });

  it('keeps a metadata key named __proto__', () => {
    const metadata = JSON.parse('{"__proto__": "x"}') as Record<string, string>;
    expect(Object.entries(intentParams({ ...order, metadata }).metadata)).toContainEqual(['__proto__', 'x']);
  });
});

describe('mismatchIn', () => {
  const params = intentParams(order);

  it('accepts an intent with our reference, whatever the rest of its metadata', () => {
    const { cv_reference } = params.metadata;
    const response = { ...respondTo(params), metadata: { cv_reference, added: 'by Stripe' } };
    expect(mismatchIn(response, params, order.idempotencyKey, false)).toBeUndefined();
  });

  it('accepts the response to the order', () => {
    expect(mismatchIn(respondTo(params), params, order.idempotencyKey, false)).toBeUndefined();
  });

  it.each([
    ['no payment intent', { object: 'setup_intent' }],
    ['no id', { id: '' }],
    ['no id', { id: 1 }],
    ['no id', { id: 'pi_1"<' }],
    ['no secret of its own', { client_secret: null }],
    ['no secret of its own', { client_secret: 'pi_2_secret_2' }],
    ['another amount', { amount: 2000 }],
    ['another amount', { amount: '1999' }],
    ['another currency', { currency: 'eur' }],
    ['another reference', { metadata: undefined }],
    ['another reference', { metadata: null }],
    ['another reference', { metadata: 'be2974546978e3739e6d6da85c4be9f3' }],
    ['another reference', { metadata: {} }],
    ['another reference', { metadata: { ...params.metadata, cv_reference: 'other' } }],
  ])('finds %s in %o', (mismatch, wrong) => {
    expect(mismatchIn({ ...respondTo(params), ...wrong }, params, order.idempotencyKey, false)).toBe(mismatch);
  });

  it.each([{}, { error: null }, { metadata: { toString: 'x' } }])('survives %o', (response) => {
    expect(mismatchIn(response, params, order.idempotencyKey, false)).toBe('no payment intent');
  });

  it.each([
    ['both names', { cv_reference: 'mine', cv_reference_2: 'mine' }],
    ['both names and the tenant', { cv_reference: 'mine', cv_reference_2: 'mine', cv_tenant: 'mine' }],
  ])('compares all of the metadata where the caller uses %s', (_what, metadata) => {
    const taken = { ...order, metadata };
    const takenParams = intentParams(taken);
    const stored = respondTo(takenParams);
    expect(mismatchIn(stored, takenParams, taken.idempotencyKey, true)).toBeUndefined();
    const other = { ...stored, metadata: { ...stored.metadata, cv_tenant: 'other' } };
    expect(mismatchIn(other, takenParams, taken.idempotencyKey, true)).toBe('another reference');
  });

  describe('with no room for a reference', () => {
    const full = { ...order, metadata: { ...readMetadata(49), empty: '' } };
    const fullParams = intentParams(full);
    const stored = respondTo(fullParams).metadata;

    it('accepts all of the metadata, without the empty values that Stripe does not store', () => {
      expect(mismatchIn(respondTo(fullParams), fullParams, full.idempotencyKey, true)).toBeUndefined();
    });

    it('refuses a response without our idempotency key, even with the same metadata', () => {
      expect(mismatchIn(respondTo(fullParams), fullParams, full.idempotencyKey, false)).toBe('another reference');
    });

    it.each([
      ['a value differs', { ...stored, key7: 'other' }],
      ['a key is missing', { ...readMetadata(48) }],
      ['a key is too many', { ...stored, more: 'x' }],
    ])('finds another reference when %s', (_what, metadata) => {
      const response = { ...respondTo(fullParams), metadata };
      expect(mismatchIn(response, fullParams, full.idempotencyKey, true)).toBe('another reference');
    });
  });
});
