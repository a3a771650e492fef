import { describe, expect, it } from 'vitest';
import { didYouMean, editDistance } from '../../src/nearest.ts';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['abc', 'abc', 0],
    ['abc', 'abd', 1],
    ['abc', 'abcd', 1],
    ['abc', 'bc', 1],
    ['port', 'prot', 1],
    ['ab', 'ba', 1],
    ['abcd', 'badc', 2],
    ['ca', 'abc', 3],
    ['kitten', 'sitting', 3],
  ])('from %j to %j is %d', (one, other, edits) => {
    expect(editDistance(one, other)).toBe(edits);
    expect(editDistance(other, one)).toBe(edits);
  });
});

describe('didYouMean', () => {
  const names = ['created', 'amountTooSmall', 'amountTooSmart', 'amountTooLarge', 'providerUnavailable'];
  it.each([
    ['amountTooLage', '; did you mean amountTooLarge?'],
    ['AMOUNTTOOSMALL', '; did you mean amountTooSmall?'],
    ['amountTooBig', '; did you mean amountTooLarge?'],
    ['amountTooSmaXX', '; did you mean amountTooSmall or amountTooSmart?'],
    ['unavailable', '; did you mean providerUnavailable?'],
    ['somethingElse', ''],
    ['', ''],
  ])('of %s names the nearest', (text, hint) => {
    expect(didYouMean(text, names)).toBe(hint);
  });

  it('has nothing to name without names', () => {
    expect(didYouMean('created', [])).toBe('');
  });
});
