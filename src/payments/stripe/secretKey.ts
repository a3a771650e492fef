/** Whether it is shaped like a secret or restricted key. Another character would look like a failed connection. */
export function isStripeSecretKey(key: string): boolean {
  return /^[sr]k_(live|test)_\w{1,250}$/.test(key);
}
