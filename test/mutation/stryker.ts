/**
 * `make stryker PART=contract`: changes src/ in small ways, one at a time, and runs the tests of each part against each change.
 * Exits with 1 if they detect fewer than 90 of 100 mutants.
 *
 * Runs part by part, so that the tests of a file check its mutants in milliseconds instead of through hundreds of requests.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parts, type Part } from './parts.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const THRESHOLD = 90;

/** The status of each mutant of a part: `Killed`, `Survived`, `NoCoverage`, … */
function runPart({ mutate, tests }: Part): string[] {
  const run = spawnSync('stryker', ['run', 'test/mutation/stryker.config.json', '--mutate', mutate.join(',')], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, MUTATION_TESTS: JSON.stringify(tests) },
  });
  if (run.status !== 0) throw new Error(`Stryker exited with ${run.status}.`);
  const report = JSON.parse(readFileSync(`${root}/reports/mutation/report.json`, 'utf8')) as {
    files: Record<string, { mutants: { status: string }[] }>;
  };
  return Object.values(report.files).flatMap(({ mutants }) => mutants.map(({ status }) => status));
}

const chosenPart = process.env['PART'];
if (chosenPart && !parts[chosenPart])
  throw new Error(`PART: expected one of ${Object.keys(parts).join(', ')}, got ${chosenPart}`);
const statuses = (chosenPart ? [parts[chosenPart]!] : Object.values(parts)).flatMap(runPart);
const count = (...selected: string[]) => statuses.filter((status) => selected.includes(status)).length;
const [detected, undetected] = [count('Killed', 'Timeout'), count('Survived', 'NoCoverage')];
const score = (100 * detected) / (detected + undetected);
console.log(
  `${detected} of ${detected + undetected} mutants detected: ${score.toFixed(1)}, required: at least ${THRESHOLD}.`,
);
process.exitCode = score >= THRESHOLD ? 0 : 1;
