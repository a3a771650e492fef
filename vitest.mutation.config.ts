import { defineConfig } from 'vitest/config';

/** The tests that judge the mutants of a part of src/: test/mutation/stryker.ts says which part, and which tests. */
export default defineConfig({
  test: {
    include: JSON.parse(process.env['MUTATION_TESTS'] ?? '["test/unit/**/*.test.ts"]') as string[],
    maxConcurrency: 20,
    testTimeout: 10_000,
    hookTimeout: 10_000,
  },
});
