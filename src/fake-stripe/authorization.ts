import { Refusal } from './errors.ts';

/**
 * Reads the account of a secret or restricted key in a Bearer or Basic `Authorization`: here, what follows the key's prefix.
 *
 * Throws a 401 that contains a part of the key, as Stripe's does. Rejects live keys, which must never be sent here.
 */
export const readAccount = (authorization: string | undefined): string => readKey(authorization, /^[sr]k_test_(\w+)$/);

/** The same for a publishable key, which reads an intent whose client secret is known; undefined for other keys. */
export const readPublishableAccount = (authorization: string | undefined): string | undefined =>
  readCredentials(authorization)?.startsWith('pk_') ? readKey(authorization, /^pk_test_(\w+)$/) : undefined;

function readKey(authorization: string | undefined, pattern: RegExp): string {
  const key = readCredentials(authorization);
  if (key === undefined) throw new Refusal(401, NO_KEY, {}, CHALLENGE);
  const [, account] = pattern.exec(key) ?? [];
  if (account === undefined) throw new Refusal(401, `Invalid API Key provided: ${maskKey(key)}`, {}, CHALLENGE);
  return account;
}

/** For the ledger: masks the key, but not the scheme and the key's prefix. */
export function maskedAuthorization(authorization: string): string {
  const key = readCredentials(authorization);
  return key === undefined ? '****' : `${authorization.split(' ', 1)[0]} ${maskKey(key)}`;
}

const NO_KEY =
  'You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth ' +
  "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we " +
  'can help at https://support.stripe.com/.';

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="Stripe"' };

function readCredentials(authorization = ''): string | undefined {
  const [, scheme = '', credentials = ''] = /^(\w+) +(\S+)$/.exec(authorization) ?? [];
  if (/^bearer$/i.test(scheme)) return credentials;
  if (!/^basic$/i.test(scheme)) return undefined;
  // The key is the user name; the password is empty.
  return Buffer.from(credentials, 'base64').toString('utf8').split(':', 1)[0] || undefined;
}

/** `sk_live_****************abcd`, as in Stripe's own messages. */
function maskKey(key: string): string {
  const shown = Math.min(8, Math.floor(key.length / 2));
  const suffix = key.length > 16 ? key.slice(-4) : '';
  return key.slice(0, shown) + '*'.repeat(key.length - shown - suffix.length) + suffix;
}
