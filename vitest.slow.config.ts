import { defineConfig } from 'vitest/config';

/** Tests that need a browser, other languages or all the processes: one after another, and not in every run. */
export default defineConfig({
  test: {
    // A busy machine draws a page slowly: only what never comes fails.
    expect: { poll: { timeout: 15_000 } },
    include: ['test/**/*.slow.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
