/**
 * The contract tests on a deployment: CONTRACT_BASE_URL, CONTRACT_API_KEY, and CONTRACT_CREATE=1 to create intents, too.
 *
 * Ends with 0 when the contract is kept, 1 when it is not, and 2 when that could not be found out. Leaves a page and JUnit in
 * reports/contract/ (CONTRACT_REPORT chooses another folder); on GitHub, failures are shown beside the code.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const { CONTRACT_BASE_URL, CONTRACT_REPORT = 'reports/contract', GITHUB_ACTIONS } = process.env;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function giveUp(reason: string): never {
  console.error(reason);
  process.exit(2);
}

if (!CONTRACT_BASE_URL || !URL.canParse(CONTRACT_BASE_URL))
  giveUp('CONTRACT_BASE_URL: expected an address such as https://…');
await fetch(CONTRACT_BASE_URL, { signal: AbortSignal.timeout(10_000) }).catch(() =>
  giveUp(`${CONTRACT_BASE_URL} does not answer`),
);

const child = spawn(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    'test/contract/contract.test.ts',
    '--reporter=./test/contract/report.ts',
    '--reporter=junit',
    `--outputFile.junit=${CONTRACT_REPORT}/junit.xml`,
    ...(GITHUB_ACTIONS ? ['--reporter=github-actions'] : []),
  ],
  { cwd: ROOT, stdio: 'inherit' },
);
const [exitCode] = (await once(child, 'exit')) as [number | null];
process.exit(exitCode ?? 2);
