import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Runs the quick test files first, because the first failing test ends the run of a mutant. */
class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toReversed();
  }
}

/** The tests that run against the mutants of one part of src/. test/mutation/stryker.ts selects the part and its tests. */
export default defineConfig({
  test: {
    include: JSON.parse(process.env['MUTATION_TESTS'] ?? '["test/unit/**/*.test.ts"]') as string[],
    sequence: { sequencer: QuickestFirst },
    maxConcurrency: 20,
    testTimeout: 10_000,
    hookTimeout: 10_000,
  },
});
