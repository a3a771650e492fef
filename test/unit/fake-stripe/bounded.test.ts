import { expect, it } from 'vitest';
import { append, MAX_REMEMBERED, remember } from '../../../src/fake-stripe/bounded.ts';

it('keeps only the latest items of a list', () => {
  const list: number[] = [];
  for (let i = 0; i <= MAX_REMEMBERED; i += 1) append(list, i);
  expect(list).toHaveLength(MAX_REMEMBERED);
  expect(list.at(0)).toBe(1);
  expect(list.at(-1)).toBe(MAX_REMEMBERED);
});

it('keeps only the latest entries of a map', () => {
  const map = new Map<string, number>();
  for (let i = 0; i <= MAX_REMEMBERED; i += 1) remember(map, String(i), i);
  expect(map.size).toBe(MAX_REMEMBERED);
  expect(map.has('0')).toBe(false);
  expect(map.has(String(MAX_REMEMBERED))).toBe(true);
});
