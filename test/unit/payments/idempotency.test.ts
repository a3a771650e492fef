import { describe, expect, it } from 'vitest';
import { intentReference, providerKey } from '../../../src/payments/idempotency.ts';

describe('providerKey', () => {
  it('never changes for a tenant, an operation and a key, because retries cross deploys', () => {
    // printf 'acme\0createPaymentIntent\0order-1' | sha256sum
    expect(providerKey('acme', 'createPaymentIntent', 'order-1')).toBe(
      '79d55287e07c6c3edc068af7bc16e2bd6f6aed75c4f9da4688e9b30ddbe2c7fb',
    );
  });

  it.each([
    ['tenant', providerKey('bmce', 'createPaymentIntent', 'order-1')],
    ['operation', providerKey('acme', 'createSetupIntent', 'order-1')],
    ['key', providerKey('acme', 'createPaymentIntent', 'order-2')],
    ['key, if only in case', providerKey('acme', 'createPaymentIntent', 'Order-1')],
    ['place of the boundary', providerKey('acm', 'ecreatePaymentIntent', 'order-1')],
  ])('differs with another %s', (_what, other) => {
    expect(other).not.toBe(providerKey('acme', 'createPaymentIntent', 'order-1'));
  });

  it('differs with a key that differs only in the last of 255 characters', () => {
    const [one, other] = ['1', '2'].map((end) => providerKey('acme', 'createPaymentIntent', 'k'.repeat(254) + end));
    expect(one).not.toBe(other);
  });

  it('does not contain the key of the client', () => {
    expect(providerKey('acme', 'createPaymentIntent', 'jane@example.com')).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is a new one for each request without a key', () => {
    const keys = Array.from({ length: 100 }, () => providerKey('acme', 'createPaymentIntent', undefined));
    expect(new Set(keys).size).toBe(100);
  });
});

describe('intentReference', () => {
  it('never changes for a provider key, because intents are searched for by it', () => {
    // printf key-1 | sha256sum | cut -c1-32
    expect(intentReference('key-1')).toBe('be2974546978e3739e6d6da85c4be9f3');
  });
});
