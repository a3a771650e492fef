import { describe, expect, it } from 'vitest';
import { problems } from '../../../generated/problems.ts';
import { findProblem } from '../../support/contractDocument.ts';
import { isRetriable, readProblem } from '../../../src/client/problems.ts';

const { status, body } = findProblem('amountTooSmall');

describe('readProblem', () => {
  it.each(problems)('recognizes $name by its status and its body', ({ name, ...problem }) => {
    expect(readProblem(problem.status, JSON.stringify(problem.body))).toEqual({
      name,
      status: problem.status,
      body: problem.body,
    });
  });

  it.each([
    ['another status', 422, JSON.stringify(body)],
    ['another message', status, JSON.stringify({ ...body, message: 'No' })],
    ['a field more', status, JSON.stringify({ ...body, code: 7 })],
    ['a field less', status, JSON.stringify({ success: false })],
    ['a list', status, JSON.stringify([body])],
    ['a text', status, JSON.stringify('no')],
    ['null', status, 'null'],
    ['no JSON', status, '<html>'],
    ['nothing', status, ''],
  ])('returns %s as unknownAnswer, unchanged', (_what, other, text) => {
    expect(readProblem(other, text)).toEqual({ name: 'unknownAnswer', status: other, body: text });
  });
});

describe('isRetriable', () => {
  it.each(problems)('follows the contract for $name', (problem) => {
    expect(isRetriable(readProblem(problem.status, JSON.stringify(problem.body)))).toBe(problem.retry);
  });

  it.each([
    [404, false],
    [499, false],
    [500, true],
    [502, true],
  ])('treats an unknown %d by its class: %s', (unknown, isRetried) => {
    expect(isRetriable(readProblem(unknown, '<html>'))).toBe(isRetried);
  });
});
