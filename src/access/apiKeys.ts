import { hash, timingSafeEqual } from 'node:crypto';

/** Returns the tenant of an API key; undefined for an unknown key. */
export type Authenticate = (apiKey: string) => string | undefined;

/** An API key of a tenant. A tenant may have several, so that keys can be rotated without downtime. */
export interface TenantKey {
  tenant: string;
  /** SHA-256 of the key, 32 bytes. The service does not know the key itself. */
  sha256: Buffer;
}

export const sha256 = (apiKey: string): Buffer =>
  // Node decodes headers as Latin-1, so this restores the bytes that were sent.
  hash('sha256', Buffer.from(apiKey, 'latin1'), 'buffer');

/**
 * Authenticates tenants by their API keys.
 *
 * Compares the digests of all keys, without an early exit, so that the duration reveals nothing about any key.
 */
export function keyring(keys: readonly TenantKey[]): Authenticate {
  return (apiKey) => {
    const digest = sha256(apiKey);
    let tenant: string | undefined;
    for (const key of keys) {
      if (timingSafeEqual(key.sha256, digest)) tenant = key.tenant;
    }
    return tenant;
  };
}
