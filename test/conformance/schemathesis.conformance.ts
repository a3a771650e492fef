/**
 * Schemathesis makes requests out of the contract, good and bad ones, and judges the answers by it. It reads the contract with
 * code of its own and shares no mistake with ours.
 *
 * All its phases and checks run, and nothing is excluded. Its warnings fail too: they tell of tests that it left out.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { EXAMPLES, FOLDER, hasSchemathesis, SCHEMATHESIS, SEED } from './judges.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const CONTRACT = fileURLToPath(new URL('../../generated/openapi.json', import.meta.url));

interface Verdict {
  exitCode: number;
  output: string;
  /** How many requests it made up. */
  generated: number;
}

function judge({ baseUrl }: Target, more: readonly string[]): Promise<Verdict> {
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
    // From nothing but the seed: no memory of earlier failures.
    '--generation-database=none',
    ...more,
  ];
  const env = {
    ...process.env,
    SCHEMATHESIS_HOOKS: 'schemathesis_hooks',
    PYTHONPATH: HERE,
    PYTHONDONTWRITEBYTECODE: '1',
    // Whatever proxy the machine has, it is not asked for a server on the machine itself.
    NO_PROXY: '*',
  };
  return new Promise((resolve) => {
    // Where it leaves files, they are ignored by git.
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
  'Schemathesis (where there is python3) has nothing to say against %s',
  (name, start) => {
    let target: Target;
    beforeAll(async () => {
      target = await start();
    });
    afterAll(() => target.close());

    it(`with its key: seed ${SEED}, ${EXAMPLES} examples and more`, { timeout: EXAMPLES * 1000 }, async () => {
      const { exitCode, output, generated } = await judge(target, ['--header', `cv-api-key: ${target.apiKey}`]);
      expect(exitCode, output).toBe(0);
      expect(generated).toBeGreaterThanOrEqual(EXAMPLES);
      // It would be easy to please if all of it were refused.
      const created = target.stripe?.ledger.intentCount;
      expect(created ?? generated).toBeGreaterThan(generated / 10);
      console.log(`Schemathesis on ${name}: ${generated} requests, ${created ?? 'no'} intents made`);
    });

    it(`without a key: seed ${SEED}, ${EXAMPLES} examples and more`, { timeout: EXAMPLES * 1000 }, async () => {
      const before = target.stripe?.ledger.requestCount;
      // The only warning would be that nothing is let in, which is what is asked for.
      const { exitCode, output, generated } = await judge(target, ['--warnings', 'off']);
      expect(exitCode, output).toBe(0);
      expect(generated).toBeGreaterThanOrEqual(EXAMPLES);
      expect(target.stripe?.ledger.requestCount).toBe(before);
      console.log(`Schemathesis on ${name} without a key: ${generated} requests`);
    });
  },
);
