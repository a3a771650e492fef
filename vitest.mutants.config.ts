import { defineConfig } from 'vitest/config';

/** Tests of the tests: the contract and Stripe's answers are changed in each way, and somebody has to notice. */
export default defineConfig({
  test: {
    include: ['test/mutation/**/*.mutants.ts', 'test/diff/*.test.ts'],
    maxConcurrency: 8,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
});
