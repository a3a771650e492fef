import { randomBytes } from 'node:crypto';

const ALPHANUMERICS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The prefix of its kind and 23 more: `pi_3` makes IDs as pi_3MtwBwLkdIwHu7ix28a3tqPa of Stripe's API reference. */
export const newIntentId = (prefix: string): string => `${prefix}${alphanumerics(23)}`;

/** `<id>_secret_` and 25 more. */
export const newClientSecret = (intentId: string): string => `${intentId}_secret_${alphanumerics(25)}`;

export const newRequestId = (): string => `req_${alphanumerics(14)}`;

function alphanumerics(length: number): string {
  return Array.from(randomBytes(length), (byte) => ALPHANUMERICS.charAt(byte % ALPHANUMERICS.length)).join('');
}
