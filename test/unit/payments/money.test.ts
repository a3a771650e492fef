import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AmountError, dollarsToCents, isWholeCents } from '../../../src/payments/money.ts';

const MAX_CENTS = 99_999_999;

/** The same by text: the shortest decimal that reads back as the number has at most two decimals. */
function centsByText(dollars: number): number | undefined {
  const [, whole, decimals = ''] = /^(\d+)(?:\.(\d{1,2}))?$/.exec(String(dollars)) ?? [];
  const cents = whole === undefined ? 0 : Number(whole + decimals.padEnd(2, '0'));
  return cents >= 1 && cents <= MAX_CENTS ? cents : undefined;
}

function centsOrRefusal(dollars: number): number | undefined {
  try {
    return dollarsToCents(dollars);
  } catch (error) {
    if (error instanceof AmountError) return undefined;
    throw error;
  }
}

describe('dollarsToCents', () => {
  it.each([
    [0.01, 1],
    [0.5, 50],
    [0.57, 57],
    [1.1, 110],
    [1.15, 115],
    [4.35, 435],
    [19.99, 1999],
    [1e2, 10_000],
    [115e-2, 115],
    [999_999.99, 99_999_999],
  ])('reads %d dollars as %d cents', (dollars, cents) => {
    expect(dollarsToCents(dollars)).toBe(cents);
  });

  it.each([1.155, 0.005, 0.001, 1e-7, 0, -0, -1, -1.15, 1_000_000, 1e21, Infinity, -Infinity, NaN])(
    'refuses %d dollars',
    (dollars) => {
      expect(() => dollarsToCents(dollars)).toThrow(AmountError);
    },
  );

  it('names the refused amount and what was expected', () => {
    expect(() => dollarsToCents(1.155)).toThrow('expected whole US cents, from 0.01 to 999999.99 dollars, got 1.155');
  });

  it('reads every amount of cents back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_CENTS }), (cents) => {
        expect(dollarsToCents(cents / 100)).toBe(cents);
      }),
    );
  });

  it('refuses more than two decimals', () => {
    const tooPrecise = fc
      .tuple(fc.nat(999_999), fc.nat(99), fc.integer({ min: 1, max: 9 }))
      .map(([dollars, cents, more]) => Number(`${dollars}.${String(cents).padStart(2, '0')}${more}`));
    fc.assert(
      fc.property(tooPrecise, (dollars) => {
        expect(() => dollarsToCents(dollars)).toThrow(AmountError);
      }),
    );
  });

  it.each([
    ['number', fc.double()],
    ['number near the range', fc.double({ min: 0, max: 1_000_001 })],
    ['amount near the range', fc.nat(MAX_CENTS + 1000).map((cents) => cents / 100)],
  ])('agrees with the decimal text of any %s, and so does isWholeCents', (_what, numbers) => {
    fc.assert(
      fc.property(numbers, (dollars) => {
        expect(centsOrRefusal(dollars)).toBe(centsByText(dollars));
        expect(isWholeCents(dollars)).toBe(centsByText(dollars) !== undefined);
      }),
    );
  });
});
