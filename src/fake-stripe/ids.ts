import { randomBytes } from 'node:crypto';

const ALPHANUMERICS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `pi_3` and 23 more, as in pi_3MtwBwLkdIwHu7ix28a3tqPa of Stripe's API reference. */
export const newIntentId = (): string => `pi_3${alphanumerics(23)}`;

/** `<id>_secret_` and 25 more. */
export const newClientSecret = (intentId: string): string => `${intentId}_secret_${alphanumerics(25)}`;

export const newRequestId = (): string => `req_${alphanumerics(14)}`;

function alphanumerics(length: number): string {
  return Array.from(randomBytes(length), (byte) => ALPHANUMERICS.charAt(byte % ALPHANUMERICS.length)).join('');
}
