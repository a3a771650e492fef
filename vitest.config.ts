import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

type Settings = NonNullable<TestProjectInlineConfiguration['test']>;

/** Tests of one kind, by the files that hold them. Real servers on a machine with two cores: only a hang takes this long. */
const project = (name: string, include: string[], settings: Settings = {}): TestProjectInlineConfiguration => ({
  test: { name, include, maxWorkers: 2, maxConcurrency: 20, testTimeout: 60_000, hookTimeout: 60_000, ...settings },
});

/** The scripts of package.json say which verb runs which. */
export default defineConfig({
  test: {
    projects: [
      project('unit', ['test/unit/**/*.test.ts']),
      project('contract', ['test/{contract,samples}/**/*.test.ts']),
      // As a part of `contract` it sends 1,000 requests; alone, more.
      project('parity', ['test/contract/parity.test.ts'], { env: { RUNS: process.env['RUNS'] || '10000' } }),
      project('client', ['test/system/client/**/*.test.ts']),
      project('docs', ['test/system/docs/**/*.test.ts']),
      project('reliability', ['test/system/{reliability,chaos,fuzz,production}/**/*.test.ts']),
      project('packages', ['test/system/packages/**/*.test.ts']),
      // Each test has a server here, and the command of the contract tests as a process beside it.
      project('wrong', ['test/contract/wrong/**/*.slow.ts'], { maxConcurrency: 6, testTimeout: 600_000 }),
      // Each file has processes of its own beside it.
      project('conformance', ['test/conformance/**/*.conformance.ts'], { maxWorkers: 1, sequence: { groupOrder: 1 } }),
      project('browser', ['test/browser/**/*.slow.ts'], {
        // A busy machine draws a page slowly: only what never comes fails.
        expect: { poll: { timeout: 15_000 } },
        testTimeout: 120_000,
        fileParallelism: false,
        sequence: { groupOrder: 2 },
      }),
      // Tests of the tests: the contract and Stripe's answers are changed in each way, and somebody has to notice.
      project('mutants', ['test/mutation/**/*.mutants.ts', 'test/compatibility/**/*.test.ts'], {
        maxConcurrency: 8,
        disableConsoleIntercept: true,
      }),
      // What goes through everything there is: too long for every run, short enough for each change that lands.
      project('exhaustive', ['test/**/*.exhaustive.ts'], { testTimeout: 600_000 }),
    ],
  },
});
