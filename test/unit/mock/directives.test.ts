import { afterEach, describe, expect, it, vi } from 'vitest';
import { readMockConfig } from '../../../src/config.ts';
import { readDirectives, chooseLatencyMs } from '../../../src/mock/directives.ts';

const nothing = {
  code: undefined,
  example: undefined,
  latencyMs: undefined,
  errorRate: undefined,
  dynamic: undefined,
  issues: [],
};

describe('readDirectives', () => {
  it.each<[string, Record<string, string | string[] | undefined>, object]>([
    ['no header of the mock', { accept: '*/*' }, {}],
    ['Prefer', { prefer: 'code=503, example=a' }, { code: '503', example: 'a' }],
    ['several Prefer', { prefer: ['code=503', 'example=a'] }, { code: '503', example: 'a' }],
    ['a scenario', { 'mock-scenario': ' a ' }, { example: 'a' }],
    ['a scenario beside Prefer', { 'mock-scenario': 'a', prefer: 'example=b' }, { example: 'a' }],
    ['a latency', { 'mock-latency': ' 300 ' }, { latencyMs: { min: 300, max: 300 } }],
    ['a latency between two', { 'mock-latency': '100-800' }, { latencyMs: { min: 100, max: 800 } }],
    ['an error rate', { 'mock-error-rate': '0.1' }, { errorRate: 0.1 }],
    ['an error rate of 0', { 'mock-error-rate': '0' }, { errorRate: 0 }],
    ['fresh data', { prefer: 'dynamic=true' }, { dynamic: true }],
    ['data of the examples', { prefer: 'dynamic=false' }, { dynamic: false }],
  ])('reads %s', (_what, headers, expected) => {
    expect(readDirectives(headers)).toEqual({ ...nothing, ...expected });
  });

  it('reports every invalid header', () => {
    expect(readDirectives({ 'mock-latency': '', 'mock-error-rate': '10%' })).toEqual({
      ...nothing,
      issues: [
        'Mock-Latency: expected milliseconds such as 300 or 100-800, at most 20000',
        'Mock-Error-Rate: expected a share from 0 to 1 such as 0.1',
      ],
    });
  });
});

describe('chooseLatencyMs', () => {
  afterEach(() => void vi.restoreAllMocks());

  const config = readMockConfig({ LATENCY_MS: '100-300' });

  it.each([
    [0, 100],
    [0.5, 200],
    [1, 300],
  ])('is in the configured range: at %d of it, %d', (share, ms) => {
    vi.spyOn(Math, 'random').mockReturnValue(share);
    expect(chooseLatencyMs(readDirectives({}), config)).toBe(ms);
  });

  it('is that of the request, where it has one', () => {
    expect(chooseLatencyMs(readDirectives({ 'mock-latency': '7' }), config)).toBe(7);
  });
});
