/** Eight digits: Stripe's limit on PaymentIntent.amount. A safety net: the contract has its own limit. */
const MAX_CENTS = 99_999_999;

/** Not a chargeable amount. */
export class AmountError extends Error {
  constructor(dollars: number) {
    super(`expected whole US cents, from 0.01 to 999999.99 dollars, got ${dollars}`);
    this.name = 'AmountError';
  }
}

/**
 * Reads dollars as whole cents: 19.99 → 1999. Exact: it refuses, it never rounds.
 *
 * Throws AmountError when the number is not finite, not positive, too large, or no whole cent.
 */
export function dollarsToCents(dollars: number): number {
  if (!isWholeCents(dollars)) throw new AmountError(dollars);
  return nearestCents(dollars);
}

/**
 * Whether the number is a whole amount of cents from 0.01 to 999999.99 dollars.
 *
 * `dollars * 100` often misses the whole number (1.15 * 100 = 114.99999999999999), so its nearest one is only a
 * candidate. The division settles it: IEEE 754 rounds it correctly, so 115 / 100 is exactly the number that "1.15" parses
 * to. test/unit/payments/money.exhaustive.ts checks every amount.
 */
export function isWholeCents(dollars: number): boolean {
  const cents = nearestCents(dollars);
  return cents / 100 === dollars && cents >= 1 && cents <= MAX_CENTS;
}

const nearestCents = (dollars: number): number => Math.round(dollars * 100);
