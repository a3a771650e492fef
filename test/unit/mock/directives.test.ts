import { afterEach, describe, expect, it, vi } from 'vitest';
import { readDirectives, chooseLatencyMs } from '../../../src/mock/directives.ts';

const nothing = {
  choice: undefined,
  latencyMs: undefined,
  errorRate: undefined,
  dynamic: undefined,
  issues: [],
};

describe('readDirectives', () => {
  it.each<[string, Record<string, string | string[] | undefined>, object]>([
    ['no header of the mock', { accept: '*/*' }, {}],
    [
      'Prefer',
      { prefer: 'code=503, example=a' },
      { choice: { source: 'Prefer: code=503, example=a', code: '503', example: 'a' } },
    ],
    [
      'several Prefer',
      { prefer: ['example=a', 'code=503'] },
      { choice: { source: 'Prefer: code=503, example=a', code: '503', example: 'a' } },
    ],
    ['Prefer with a code alone', { prefer: 'code=503' }, { choice: { source: 'Prefer: code=503', code: '503' } }],
    ['a scenario', { 'mock-scenario': ' a ' }, { choice: { source: 'Mock-Scenario: a', example: 'a' } }],
    [
      'a scenario before Prefer',
      { 'mock-scenario': 'a', prefer: 'code=400, example=b' },
      { choice: { source: 'Mock-Scenario: a', example: 'a' } },
    ],
    ['a latency', { 'mock-latency': ' 300 ' }, { latencyMs: { min: 300, max: 300 } }],
    ['a latency between two', { 'mock-latency': '100-800' }, { latencyMs: { min: 100, max: 800 } }],
    ['an error rate', { 'mock-error-rate': '0.1' }, { errorRate: 0.1 }],
    ['an error rate of 0', { 'mock-error-rate': '0' }, { errorRate: 0 }],
    ['fresh data', { prefer: 'dynamic=true' }, { dynamic: true }],
    ['data of the examples', { prefer: 'dynamic=false' }, { dynamic: false }],
  ])('reads %s', (_what, headers, expected) => {
    expect(readDirectives(headers)).toEqual({ ...nothing, ...expected });
  });

  it('reads a scenario in the metadata of the body, after those of the headers', () => {
    const body = { metadata: { mock_scenario: 'b' } };
    expect(readDirectives({}, body).choice).toEqual({ source: 'metadata.mock_scenario: b', example: 'b' });
    expect(readDirectives({ prefer: 'example=a' }, body).choice).toMatchObject({ example: 'a' });
    expect(readDirectives({}, { metadata: { email: 'a@b.c' } }).choice).toBeUndefined();
    expect(readDirectives({}, {}).choice).toBeUndefined();
  });

  it('reports every invalid header, and every unknown one with the nearest name', () => {
    const headers = { 'mock-latency': '', 'mock-error-rate': '10%', 'mock-scenarios': 'a', 'mock-reason-of-mine': 'b' };
    expect(readDirectives(headers)).toEqual({
      ...nothing,
      issues: [
        'Mock-Latency: expected milliseconds such as 300 or 100-800, at most 20000, got ""',
        'Mock-Error-Rate: expected a share from 0 to 1 such as 0.1, got "10%"',
        'mock-scenarios: unknown header; did you mean Mock-Scenario?',
        'mock-reason-of-mine: unknown header',
      ],
    });
  });
});

describe('chooseLatencyMs', () => {
  afterEach(() => void vi.restoreAllMocks());

  const defaults = { latencyMs: { min: 100, max: 300 } };

  it.each([
    [0, 100],
    [0.5, 200],
    [1, 300],
  ])('is in the configured range: at %d of it, %d', (share, ms) => {
    vi.spyOn(Math, 'random').mockReturnValue(share);
    expect(chooseLatencyMs(readDirectives({}), defaults)).toBe(ms);
  });

  it('is that of the request, where it has one', () => {
    expect(chooseLatencyMs(readDirectives({ 'mock-latency': '7' }), defaults)).toBe(7);
  });
});
