/** Whether the text has the form of a secret or restricted key. Other characters would look like a failed connection. */
export function isStripeSecretKey(key: string): boolean {
  return /^[sr]k_(live|test)_\w{1,250}$/.test(key);
}
