import { defineConfig } from 'vitest/config';

/** Judges that are not ours, in other languages: `make conformance` installs them. */
export default defineConfig({
  test: {
    include: ['test/conformance/**/*.conformance.ts'],
    // Each file has processes of its own beside it, on a machine with two cores.
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
