import { describe, expect, it } from 'vitest';
import { problems } from '../../../generated/problems.ts';
import { findProblem } from '../../support/contractDocument.ts';
import { isRetriable, readProblem } from '../../../src/client/problems.ts';

const { status, body } = findProblem('amountTooSmall');

const read = (statusCode: number, text: string, headers: Record<string, string> = {}) =>
  readProblem(new Response(null, { status: statusCode, headers }), text);

describe('readProblem', () => {
  it.each(problems)('recognizes $name by its status and its code', ({ name, ...problem }) => {
    const headers = { 'X-Error-Code': name };
    const expected = { name, status: problem.status, body: problem.body };
    expect(read(problem.status, '{"success":false,"message":"Other words"}', headers)).toEqual(expected);
  });

  it.each(problems)('recognizes $name by its status and its body, from a service without codes', (problem) => {
    const { name, status: known, body: words } = problem;
    expect(read(known, JSON.stringify(words))).toEqual({ name, status: known, body: words });
  });

  it('recognizes a problem by its body if the code is unknown', () => {
    const { name } = read(status, JSON.stringify(body), { 'X-Error-Code': 'tooSmall' });
    expect(name).toBe('amountTooSmall');
  });

  it('does not take the code of another status', () => {
    const text = 'a gateway says so';
    expect(read(502, text, { 'X-Error-Code': 'amountTooSmall' })).toEqual({
      name: 'unknownResponse',
      status: 502,
      body: text,
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
  ])('returns %s as unknownResponse, unchanged', (_what, other, text) => {
    expect(read(other, text)).toEqual({ name: 'unknownResponse', status: other, body: text });
  });
});

describe('isRetriable', () => {
  it.each(problems)('follows the contract for $name', (problem) => {
    expect(isRetriable(read(problem.status, JSON.stringify(problem.body)))).toBe(problem.retry);
  });

  it.each([
    [404, false],
    [408, true],
    [409, false],
    [429, true],
    [499, false],
    [500, true],
    [502, true],
    [503, true],
  ])('treats an unknown %d by its status: %s', (unknown, isRetried) => {
    expect(isRetriable(read(unknown, '<html>'))).toBe(isRetried);
  });
});
