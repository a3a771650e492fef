import { describe, expect, it } from 'vitest';
import type { Order } from '../../../../src/payments/gateway.ts';
import type { StripeCall } from '../../../../src/payments/stripe/call.ts';
import { storedMetadata } from '../../../../src/payments/stripe/intents.ts';
import { paymentIntentCall } from '../../../../src/payments/stripe/paymentIntents.ts';
import { setupIntentCall } from '../../../../src/payments/stripe/setupIntents.ts';
import { gatewayCalls, type GatewayCallName } from '../../../support/gatewayCalls.ts';

const order = { tenant: 'acme', metadata: { email: 'jane@example.com' }, idempotencyKey: 'key-1' };

function readMetadata(keys: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: keys }, (_, i) => [`key${i}`, `value${i}`]));
}

describe('the stored metadata', () => {
  it('adds a reference that never changes for an idempotency key', () => {
    // printf key-1 | sha256sum | cut -c1-32
    expect(storedMetadata(order)['cv_reference']).toBe('be2974546978e3739e6d6da85c4be9f3');
  });

  it('adds the tenant', () => {
    expect(storedMetadata(order)['cv_tenant']).toBe('acme');
  });

  it('adds the reference as the 50th key rather than the tenant, and never a 51st', () => {
    const sent = [48, 49, 50].map((keys) => storedMetadata({ ...order, metadata: readMetadata(keys) }));
    expect(sent.map((metadata) => Object.keys(metadata).length)).toEqual([50, 50, 50]);
    const ours = sent.map((metadata) => Object.keys(metadata).filter((key) => key.startsWith('cv_')));
    expect(ours).toEqual([['cv_reference', 'cv_tenant'], ['cv_reference'], []]);
  });

  it("keeps the caller's own cv_reference, and adds ours under another name", () => {
    const metadata = { cv_reference: 'mine' };
    const { cv_reference_2: reference, cv_tenant: _tenant, ...theirs } = storedMetadata({ ...order, metadata });
    expect(theirs).toEqual(metadata);
    expect(reference).toMatch(/^[0-9a-f]{32}$/);
  });

  it("keeps the caller's own cv_tenant", () => {
    expect(storedMetadata({ ...order, metadata: { cv_tenant: 'mine' } })['cv_tenant']).toBe('mine');
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
      return Object.keys(storedMetadata({ ...order, metadata: Object.fromEntries(some) }));
    });
    // By code unit: no locale, and no version of Unicode, may change it.
    const sorted = ['10', 'Z', 'a', 'b', 'cv_reference', 'cv_s', 'cv_tenant', 'é', '\u{1f600}', '\uffff'];
    expect(orders).toEqual([sorted, sorted]);
  });

  it('keeps a metadata key named __proto__', () => {
    const metadata = JSON.parse('{"__proto__": "x"}') as Record<string, string>;
    expect(Object.entries(storedMetadata({ ...order, metadata }))).toContainEqual(['__proto__', 'x']);
  });
});

/** What each call makes of an order. */
const CALLS: Record<GatewayCallName, (one: Order) => Pick<StripeCall<unknown, unknown>, 'mismatchIn'>> = {
  createPaymentIntent: (one) => paymentIntentCall({ ...one, cents: 1999 }),
  createSetupIntent: setupIntentCall,
};

describe.each(Object.entries(gatewayCalls))('a response to %s', (name, { object, idPrefix, ownFields }) => {
  const callFor = CALLS[name as GatewayCallName];
  const call = callFor(order);
  const own = ownFields(new URLSearchParams({ amount: '1999', currency: 'usd' }));
  const id = `${idPrefix}1`;
  const another = Object.values(gatewayCalls).find((one) => one.object !== object)!;

  /** As far as it is looked at. */
  function respondTo(one: Order) {
    const metadata = Object.fromEntries(Object.entries(storedMetadata(one)).filter(([, value]) => value !== ''));
    return { object, id, client_secret: `${id}_secret_2`, metadata, ...own };
  }

  const right = respondTo(order);
  const NONE = `no ${object}`;

  it('is accepted', () => {
    expect(call.mismatchIn(right, false)).toBeUndefined();
  });

  it('is accepted with our reference, whatever the rest of its metadata', () => {
    const { cv_reference } = right.metadata;
    expect(call.mismatchIn({ ...right, metadata: { cv_reference, added: 'by Stripe' } }, false)).toBeUndefined();
  });

  it.each([
    [NONE, { object: another.object }],
    ['no id', { id: '' }],
    ['no id', { id: 1 }],
    ['no id', { id: `${id}"<` }],
    ['no id', { id: `${another.idPrefix}1`, client_secret: `${another.idPrefix}1_secret_2` }],
    ['no secret of its own', { client_secret: null }],
    ['no secret of its own', { client_secret: `${idPrefix}2_secret_2` }],
    ['no secret of its own', { client_secret: `${id}_secret_` }],
    ['no secret of its own', { client_secret: `${id}_secret_2"<` }],
    ['another reference', { metadata: undefined }],
    ['another reference', { metadata: null }],
    ['another reference', { metadata: 'be2974546978e3739e6d6da85c4be9f3' }],
    ['another reference', { metadata: {} }],
    ['another reference', { metadata: { ...right.metadata, cv_reference: 'other' } }],
  ])('is refused, because it has %s: %o', (mismatch, wrong) => {
    expect(call.mismatchIn({ ...right, ...wrong }, false)).toBe(mismatch);
  });

  it.each([{}, { error: null }, { metadata: { toString: 'x' } }])('may be %o', (response) => {
    expect(call.mismatchIn(response, false)).toBe(NONE);
  });

  it.each([
    ['both names', { cv_reference: 'mine', cv_reference_2: 'mine' }],
    ['both names and the tenant', { cv_reference: 'mine', cv_reference_2: 'mine', cv_tenant: 'mine' }],
  ])('needs all of the metadata where the caller uses %s', (_what, metadata) => {
    const taken = { ...order, metadata };
    const response = respondTo(taken);
    expect(callFor(taken).mismatchIn(response, true)).toBeUndefined();
    const changed = { ...response, metadata: { ...response.metadata, cv_tenant: 'other' } };
    expect(callFor(taken).mismatchIn(changed, true)).toBe('another reference');
  });

  describe('with no room for a reference', () => {
    const full = { ...order, metadata: { ...readMetadata(49), empty: '' } };
    const fullCall = callFor(full);
    const response = respondTo(full);

    it('is accepted with all of the metadata, without the empty values that Stripe does not store', () => {
      expect(fullCall.mismatchIn(response, true)).toBeUndefined();
    });

    it('is refused without our idempotency key, even with the same metadata', () => {
      expect(fullCall.mismatchIn(response, false)).toBe('another reference');
    });

    it.each([
      ['a value differs', { ...response.metadata, key7: 'other' }],
      ['a key is missing', { ...readMetadata(48) }],
      ['a key is too many', { ...response.metadata, more: 'x' }],
    ])('is refused when %s', (_what, metadata) => {
      expect(fullCall.mismatchIn({ ...response, metadata }, true)).toBe('another reference');
    });
  });
});
