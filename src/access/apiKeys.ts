import { hash, timingSafeEqual } from 'node:crypto';

/** Whose key this is; undefined for a stranger's. */
export type Authenticate = (apiKey: string) => string | undefined;

/** A key that a tenant may use. Several may belong to one tenant, so that a key can be replaced without a break. */
export interface TenantKey {
  tenant: string;
  /** SHA-256 of the key: 32 bytes. The key itself is nowhere in the service. */
  sha256: Buffer;
}

export const sha256 = (apiKey: string): Buffer =>
  // Node reads header bytes as Latin-1: written back as such, they are the bytes that were sent.
  hash('sha256', Buffer.from(apiKey, 'latin1'), 'buffer');

/**
 * Knows the tenants by their keys.
 *
 * All keys are compared, and digests rather than keys, so that the time taken tells nothing about any of them.
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
