import { describe, expect, it } from 'vitest';
import { parseClientKey } from '../../../src/contract/idempotencyKey.ts';

describe('parseClientKey', () => {
  it.each([
    ['order-1', 'order-1'],
    ['"order-1"', 'order-1'],
    [String.raw`"or\"der"`, 'or"der'],
    [String.raw`"or\\der"`, String.raw`or\der`],
    [String.raw`or\"der`, String.raw`or\"der`],
    ['order"', 'order"'],
  ])('reads %s as %s', (header, key) => {
    expect(parseClientKey(header)).toBe(key);
  });
});
