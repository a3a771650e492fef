import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real servers on a machine with two cores: generous, so that only a hang fails.
    maxWorkers: 2,
    maxConcurrency: 20,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
