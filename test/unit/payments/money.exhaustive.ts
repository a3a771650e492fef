import { expect, it } from 'vitest';
import { dollarsToCents, isWholeCents } from '../../../src/payments/money.ts';

const MAX_CENTS = 99_999_999;

/** The double next to a positive one. */
const bits = new BigInt64Array(1);
const double = new Float64Array(bits.buffer);
function next(value: number): number {
  double[0] = value;
  bits[0] = (bits[0] ?? 0n) + 1n;
  return double[0];
}

it('reads each of the 99,999,999 amounts exactly', { timeout: 120_000 }, () => {
  let wrong = 0;
  for (let cents = 1; cents <= MAX_CENTS; cents++) {
    if (dollarsToCents(cents / 100) !== cents) wrong++;
  }
  expect(wrong).toBe(0);
});

// JSON.parse rounds correctly and so does a division; seen here, because money.ts rests on it. One in 97, and both ends.
it('divides to the very number that the decimal text is read as', { timeout: 120_000 }, () => {
  let wrong = 0;
  for (let cents = 1; cents <= MAX_CENTS; cents += cents < 100_000 ? 1 : 97) {
    if (Number(`${Math.trunc(cents / 100)}.${String(cents % 100).padStart(2, '0')}`) !== cents / 100) wrong++;
  }
  expect(wrong).toBe(0);
});

it('refuses the double next to an amount', { timeout: 120_000 }, () => {
  let wrong = 0;
  for (let cents = 1; cents <= MAX_CENTS; cents += 7) {
    if (isWholeCents(next(cents / 100))) wrong++;
  }
  expect(wrong).toBe(0);
});
