/** What each operation needs, and each file in src/: what was forgotten is named. Types hold the other lists (`make types`). */
import { existsSync, globSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paymentsClient } from '../../src/client/index.ts';
import { cases } from '../contract/cases.ts';
import { validRequest } from '../contract/randomRequests.ts';
import { parts, unchanged } from '../mutation/parts.ts';
import { operations } from '../support/contractDocument.ts';
import { orders } from '../system/chaos/orders.ts';
import { makeCorpus } from '../system/fuzz/corpus.ts';

const ROOT = new URL('../../', import.meta.url);
const API_KEY = 'cv_test_key';

const randomPaths = new Set(
  fc.sample(validRequest(API_KEY), { numRuns: 50 * operations.length, seed: 1 }).map(({ path }) => path),
);
const fuzzed = makeCorpus(API_KEY).map((bytes) => bytes.toString('latin1'));

describe.each(operations.map((operation) => [operation.operationId, operation] as const))('%s has', (id, operation) => {
  it.each([
    `src/operations/${id}.ts`,
    `test/unit/operations/${id}.test.ts`,
    `test/contract/${id}.cases.ts`,
    `test/samples/${id}.sh`,
    `test/samples/${id}.mjs`,
    `test/samples/${id}.py`,
  ])('%s', (file) => {
    expect(existsSync(new URL(file, ROOT))).toBe(true);
  });

  it('a method of the client', () => {
    expect(paymentsClient({ baseUrl: 'http://127.0.0.1:1', apiKey: API_KEY })).toHaveProperty(id);
  });

  it('cases that create what it is for', () => {
    expect(cases.some((known) => known.operation === operation && known.creates)).toBe(true);
  });

  it('random requests, for parity and for what Stripe receives', () => {
    expect(randomPaths).toContain(operation.path);
  });

  it('orders in chaos', () => {
    expect(orders).toHaveProperty(id);
  });

  it('requests that are fuzzed', () => {
    expect(fuzzed.some((text) => text.startsWith(`${operation.method} ${operation.path} HTTP/1.1\r\n`))).toBe(true);
  });
});

const matching = (patterns: readonly string[]) => globSync([...patterns], { cwd: ROOT });

/** As Stryker reads them: `!` leaves out. */
function findFiles(patterns: readonly string[]): string[] {
  const [left, taken] = [true, false].map((isLeft) => patterns.filter((one) => one.startsWith('!') === isLeft));
  const excluded = matching(left!.map((pattern) => pattern.slice(1)));
  return matching(taken!).filter((file) => !excluded.includes(file));
}

describe('make stryker', () => {
  it('changes each file in src/ in one part, or leaves it out for a reason', () => {
    const changed = [...Object.values(parts).map(({ mutate }) => mutate), ...unchanged.map(({ files }) => files)];
    expect(changed.flatMap(findFiles).toSorted()).toEqual(matching(['src/**/*.ts']).toSorted());
  });

  it.each(Object.entries(parts))('finds the tests of %s', (_part, { tests }) => {
    expect(tests.filter((pattern) => matching([pattern]).length === 0)).toEqual([]);
  });
});
