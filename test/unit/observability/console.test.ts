import { describe, expect, it } from 'vitest';
import { consoleLog, requestLine, type Paint } from '../../../src/observability/console.ts';

const plain: Paint = (_format, text) => text;
const named: Paint = (format, text) => `<${[format].flat().join(' ')}>${text}</>`;

describe('a request, for people', () => {
  const request = {
    status: 400,
    method: 'POST',
    target: '/x',
    response: 'amountTooSmall',
    durationMs: 2.6,
    detail: 'why',
  };

  it('is one line, without what is unknown', () => {
    expect(requestLine(request, plain)).toBe('400 POST /x amountTooSmall 3 ms why');
    expect(requestLine({ status: 200 }, plain)).toBe('200');
  });

  it.each([
    [200, 'green'],
    [299, 'green'],
    [300, 'yellow'],
    [499, 'yellow'],
    [500, 'red'],
  ])('with status %d is %s', (status, colour) => {
    expect(requestLine({ ...request, status }, named)).toBe(
      `<${colour}>${status}</> POST /x <bold>amountTooSmall</> <dim>3 ms</> why`,
    );
  });
});

const printed = (lines: readonly object[], paint = plain) => {
  const output: string[] = [];
  const log = consoleLog((line) => output.push(line), paint);
  for (const line of lines) log.write(JSON.stringify(line));
  return output;
};

describe('the log, for people', () => {
  it('is its messages, errors in red', () => {
    const lines = [
      { level: 30, msg: 'listening', url: 'http://a' },
      { level: 40, msg: 'odd' },
      { level: 50, msg: 'wrong' },
      { level: 60, msg: 'broken' },
    ];
    expect(printed(lines, named)).toEqual(['listening', 'odd', '<red>wrong</>', '<red>broken</>']);
  });

  it('has a line per request, with the operation and the cause of a failure', () => {
    const request = { level: 30, msg: 'request', method: 'POST', operation: 'createPaymentIntent', durationMs: 12.3 };
    expect(
      printed([
        { ...request, status: 200, tenant: 'dev', cv_reference: '0' },
        { ...request, status: 503, problem: 'providerUnavailable', cause: { reason: 'timeout: no response' } },
        { ...request, status: 200, msg: 'request: payment method types were dropped' },
        { level: 30, msg: 'request', method: 'GET', status: 404, problem: 'notFound', durationMs: 1 },
        { level: 30, msg: 'rejected before routing', status: 400, problem: 'invalidRequest' },
        {
          level: 30,
          msg: 'more rejections of this kind within one second',
          status: 401,
          problem: 'invalidApiKey',
          suppressed: 7,
        },
      ]),
    ).toEqual([
      '200 POST createPaymentIntent 12 ms',
      '503 POST createPaymentIntent providerUnavailable 12 ms timeout: no response',
      '200 POST createPaymentIntent 12 ms request: payment method types were dropped',
      '404 GET notFound 1 ms',
      '400 invalidRequest rejected before routing',
      '401 invalidApiKey 7 more rejections of this kind within one second',
    ]);
  });

  it('has the stack of an error that is not ours', () => {
    const cause = { name: 'TypeError', stack: ['at a (b.ts:1:2)', 'at c (d.ts:3:4)'] };
    const request = { level: 50, msg: 'request', method: 'POST', status: 500, problem: 'internalError', durationMs: 1 };
    expect(
      printed([
        { ...request, cause },
        { level: 60, msg: 'fatal error', ...cause },
      ]),
    ).toEqual([
      '500 POST internalError 1 ms TypeError\n    at a (b.ts:1:2)\n    at c (d.ts:3:4)',
      'fatal error TypeError\n    at a (b.ts:1:2)\n    at c (d.ts:3:4)',
    ]);
  });

  it('leaves the requests to whoever prints them', () => {
    const output: string[] = [];
    const log = consoleLog(
      (line) => output.push(line),
      plain,
      ({ status }) => output.push(`seen ${status}`),
    );
    log.write('{"level":30,"msg":"request","method":"POST","status":200,"durationMs":1}');
    log.write('{"level":30,"msg":"serving"}');
    expect(output).toEqual(['seen 200', 'serving']);
  });
});
