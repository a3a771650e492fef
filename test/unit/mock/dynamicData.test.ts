import { describe, expect, it } from 'vitest';
import type { Schema } from '../../../src/contract/document.ts';
import { createDynamicData } from '../../../src/mock/dynamicData.ts';

const EXAMPLE = 'pi_3SG0o8CareValidate0Example_secret_CBrwShort0Example0Secret';
const schema = { pattern: String.raw`^pi_\w+_secret_\w+$` };
const FRESH = /^pi_3[A-Za-z0-9]{25}_secret_C[A-Za-z0-9]{23}$/;

const fresh = (example: unknown, given: Schema | undefined = schema) => createDynamicData(example, given);

describe('a text with a pattern', () => {
  it('is drawn anew, run by run, but for the first character of each', () => {
    const drawn = fresh(EXAMPLE);
    expect(EXAMPLE).toMatch(FRESH);
    expect(drawn).toMatch(FRESH);
    expect(drawn).not.toBe(EXAMPLE);
    expect(fresh(EXAMPLE)).not.toBe(drawn);
  });

  it('has no run that repeats another one', () => {
    const twice = `${'A'.repeat(20)}_${'A'.repeat(20)}`;
    const [one, other] = (fresh(twice, { pattern: '.' }) as string).split('_');
    expect(one).not.toBe(other);
  });

  it('keeps its short runs: 15 letters and digits are a word, 16 are a secret', () => {
    const [word, secret] = ['a'.repeat(15), 'a'.repeat(16)];
    expect(fresh(`${word}-${secret}`, { pattern: '.' })).toMatch(/^a{15}-a(?!a{15})[A-Za-z0-9]{15}$/);
  });

  it('stays the example’s where the pattern would break', () => {
    expect(fresh(EXAMPLE, { pattern: `^${EXAMPLE}$` })).toBe(EXAMPLE);
  });
});

describe('what has no pattern of its own', () => {
  it.each([EXAMPLE, 1, true, null, undefined])('stays: %s', (example) => {
    expect(fresh(example, {})).toBe(example);
    expect(createDynamicData(example, undefined)).toBe(example);
    expect(createDynamicData({ example }, undefined)).toEqual({ example });
    expect(createDynamicData({ example }, {})).toEqual({ example });
  });

  it('may be an object or a list of what has one, with others beside it', () => {
    const given = { properties: { data: { properties: { secret: schema } }, list: { items: schema } } };
    const example = {
      success: true,
      none: null,
      data: { secret: EXAMPLE, id: EXAMPLE },
      list: [EXAMPLE, 7],
      others: [EXAMPLE],
    };
    const drawn = fresh(example, given) as typeof example;
    expect(drawn).toEqual({
      ...example,
      data: { secret: expect.stringMatching(FRESH), id: EXAMPLE },
      list: [expect.stringMatching(FRESH), 7],
    });
    expect([drawn.data.secret, drawn.list[0]]).not.toContain(EXAMPLE);
  });
});
