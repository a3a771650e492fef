import { describe, expect, it } from 'vitest';
import { Problem } from '../../../src/contract/problems.ts';

describe('a problem', () => {
  it('is the name of an example of the contract, and nothing more', () => {
    expect(new Problem('notFound')).toMatchObject({
      name: 'Problem',
      message: 'notFound',
      example: 'notFound',
      headers: {},
      cause: undefined,
      reference: undefined,
      detail: undefined,
    });
  });

  it('keeps its cause, its headers, and the reference of an intent that may exist', () => {
    const cause = new Error('ours');
    const problem = new Problem('tooManyRequests', { cause, headers: { 'Retry-After': '3' }, reference: 'be29' });
    expect(problem).toMatchObject({ cause, headers: { 'Retry-After': '3' }, reference: 'be29' });
  });

  it('captures no stack, and leaves other errors theirs', () => {
    expect(new Problem('notFound').stack).not.toContain('    at ');
    expect(new Error('another').stack).toContain('    at ');
  });

  it('computes its detail on demand', () => {
    const problem = Problem.named('invalidAmount', { detail: () => 'body/amount must be > 0' });
    expect(problem.example).toBe('invalidAmount');
    expect(problem.detail?.()).toBe('body/amount must be > 0');
  });
});
