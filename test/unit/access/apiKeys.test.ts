import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keyring, sha256 } from '../../../src/access/apiKeys.ts';

const authenticate = keyring([
  { tenant: 'acme', sha256: sha256('cv_acme_old') },
  { tenant: 'acme', sha256: sha256('cv_acme_new') },
  { tenant: 'other', sha256: sha256('cv_other') },
]);

describe('keyring', () => {
  it.each([
    ['cv_acme_old', 'acme'],
    ['cv_acme_new', 'acme'],
    ['cv_other', 'other'],
  ])('accepts %s as a key of %s', (apiKey, tenant) => {
    expect(authenticate(apiKey)).toBe(tenant);
  });

  it.each([
    ['an unknown key', 'cv_third'],
    ['an empty one', ''],
    ['the beginning of a key', 'cv_acme'],
    ['a key with more behind it', 'cv_acme_old '],
    ['a key in capitals', 'CV_ACME_OLD'],
    ['the digest of a key', sha256('cv_acme_old').toString('hex')],
    ['a very long one', 'k'.repeat(16_000)],
  ])('refuses %s', (_what, apiKey) => {
    expect(authenticate(apiKey)).toBeUndefined();
  });

  it('refuses every key where none are configured', () => {
    expect(keyring([])('cv_acme_old')).toBeUndefined();
  });
});

describe('sha256', () => {
  it('digests a key as `printf cv_key | sha256sum` does', () => {
    expect(sha256('cv_key')).toEqual(createHash('sha256').update(Buffer.from('cv_key')).digest());
  });

  it('digests the bytes that were sent, which Node reads as Latin-1', () => {
    const sent = Buffer.from('cv_schlüssel', 'utf8');
    expect(sha256(sent.toString('latin1'))).toEqual(createHash('sha256').update(sent).digest());
  });
});
