import { defineConfig } from 'vitest/config';

/** Tests that go through everything there is: too long for every run, short enough for each change that lands. */
export default defineConfig({
  test: { include: ['test/**/*.exhaustive.ts'], testTimeout: 600_000 },
});
