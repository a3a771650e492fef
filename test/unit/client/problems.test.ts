import { describe, expect, it } from 'vitest';
import { problems } from '../../../generated/problems.ts';
import { findProblem } from '../../support/contractDocument.ts';
import { isRetriable, readProblem } from '../../../src/client/problems.ts';

const { status, body } = findProblem('amountTooSmall');

describe('problemOf', () => {
  it.each(problems)('knows $name by its status and its body', ({ name, ...problem }) => {
    expect(readProblem(problem.status, JSON.stringify(problem.body))).toEqual({
      name,
      status: problem.status,
      body: problem.body,
    });
  });

  it.each([
    ['another status', 422, JSON.stringify(body)],
    ['other words', status, JSON.stringify({ ...body, message: 'No' })],
    ['a field more', status, JSON.stringify({ ...body, code: 7 })],
    ['a field less', status, JSON.stringify({ success: false })],
    ['a list', status, JSON.stringify([body])],
    ['a text', status, JSON.stringify('no')],
    ['null', status, 'null'],
    ['no JSON', status, '<html>'],
    ['nothing', status, ''],
  ])('knows nothing of %s, and hands it on as it came', (_what, other, text) => {
    expect(readProblem(other, text)).toEqual({ name: 'unknownAnswer', status: other, body: text });
  });
});

describe('isRetriable', () => {
  it.each(problems)('says of $name what the contract says', (problem) => {
    expect(isRetriable(readProblem(problem.status, JSON.stringify(problem.body)))).toBe(problem.retry);
  });

  it.each([
    [404, false],
    [499, false],
    [500, true],
    [502, true],
  ])('takes an unknown %d for one of its kind: %s', (unknown, isAskedAgain) => {
    expect(isRetriable(readProblem(unknown, '<html>'))).toBe(isAskedAgain);
  });
});
