import { hash, randomUUID } from 'node:crypto';

/**
 * The idempotency key for the provider: 64 hex digits made of the client's key, or a random UUID when there is none.
 *
 * Tenant and operation are part of it, so that two tenants with the same key never collide. The API key is not, so that a
 * retry after a key rotation still matches. The client's key itself never leaves the service. Neither the tenant nor the
 * operation may contain a NUL character, which separates the three.
 */
export function providerKey(tenant: string, operationId: string, clientKey: string | undefined): string {
  if (clientKey === undefined) return randomUUID();
  return hash('sha256', `${tenant}\0${operationId}\0${clientKey}`, 'hex');
}

/**
 * The reference in an intent's metadata: 32 hex digits derived from the provider's key. It ties a response to its order, and
 * operators find the intent by it. It is not secret: neither the key nor the tenant can be derived from it.
 */
export function intentReference(idempotencyKey: string): string {
  return hash('sha256', idempotencyKey, 'hex').slice(0, 32);
}
