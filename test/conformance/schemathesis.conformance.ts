/**
 * Schemathesis generates valid and invalid requests from the contract and validates the responses against it. It parses the
 * contract with its own code, so it does not share the defects of ours.
 *
 * All its phases and checks run, and nothing is excluded. Its warnings fail the run too: they report tests that it skipped.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allCreated } from '../support/gatewayCalls.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { CONTRACT, EXAMPLES, FOLDER, hasSchemathesis, SCHEMATHESIS, SEED } from './judges.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));

interface Run {
  exitCode: number;
  output: string;
  /** Number of generated requests. */
  generated: number;
}

function runSchemathesis({ baseUrl }: Target, extraArgs: readonly string[]): Promise<Run> {
  const args = [
    `--config-file=${HERE}schemathesis.toml`,
    'run',
    CONTRACT,
    `--url=${baseUrl}`,
    '--no-color',
    '--phases=examples,coverage,fuzzing,stateful',
    '--mode=all',
    '--checks=all',
    `--max-examples=${EXAMPLES}`,
    `--seed=${SEED}`,
    '--continue-on-failure',
    // Requests depend on the seed only, not on failures of earlier runs.
    '--generation-database=none',
    ...extraArgs,
  ];
  const env = {
    ...process.env,
    SCHEMATHESIS_HOOKS: 'schemathesis_hooks',
    PYTHONPATH: HERE,
    PYTHONDONTWRITEBYTECODE: '1',
    // Requests to a server on this machine bypass its proxy.
    NO_PROXY: '*',
  };
  return new Promise((resolve) => {
    // Files that it writes are ignored by git there.
    execFile(SCHEMATHESIS, args, { cwd: FOLDER, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const generated = Number(/(\d+) generated/.exec(stdout)?.[1] ?? 0);
      resolve({ exitCode: error ? Number(error.code) : 0, output: stdout + stderr, generated });
    });
  });
}

const targets: Record<string, () => Promise<Target>> = {
  'the live server': () => liveTarget(),
  'the mock': () => mockTarget(),
};

describe.skipIf(!hasSchemathesis).each(Object.entries(targets))(
  'Schemathesis (if python3 is installed) finds no violation in %s',
  (name, start) => {
    let target: Target;
    beforeAll(async () => {
      target = await start();
    });
    afterAll(() => target.close());

    it(`with its key: seed ${SEED}, ${EXAMPLES} examples and more`, { timeout: EXAMPLES * 1000 }, async () => {
      const { exitCode, output, generated } = await runSchemathesis(target, [
        '--header',
        `cv-api-key: ${target.apiKey}`,
      ]);
      expect(exitCode, output).toBe(0);
      expect(generated).toBeGreaterThanOrEqual(EXAMPLES);
      // A server that rejected every request would pass the checks above.
      const created = target.stripe && allCreated(target.stripe.ledger).length;
      expect(created ?? generated).toBeGreaterThan(generated / 10);
      console.log(`Schemathesis on ${name}: ${generated} requests, ${created ?? 'no'} intents created`);
    });

    it(`without a key: seed ${SEED}, ${EXAMPLES} examples and more`, { timeout: EXAMPLES * 1000 }, async () => {
      const before = target.stripe?.ledger.requestCount;
      // The only warning would be that every request is rejected, which is expected here.
      const { exitCode, output, generated } = await runSchemathesis(target, ['--warnings', 'off']);
      expect(exitCode, output).toBe(0);
      expect(generated).toBeGreaterThanOrEqual(EXAMPLES);
      expect(target.stripe?.ledger.requestCount).toBe(before);
      console.log(`Schemathesis on ${name} without a key: ${generated} requests`);
    });
  },
);
