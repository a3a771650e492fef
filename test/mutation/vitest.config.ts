import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Of the files that could notice a mutant, the quick ones first: the first test that does ends the run. */
class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toReversed();
  }
}

/** The tests that judge the mutants of a part of src/: test/mutation/stryker.ts says which part, and which tests. */
export default defineConfig({
  test: {
    include: JSON.parse(process.env['MUTATION_TESTS'] ?? '["test/unit/**/*.test.ts"]') as string[],
    sequence: { sequencer: QuickestFirst },
    maxConcurrency: 20,
    testTimeout: 10_000,
    hookTimeout: 10_000,
  },
});
