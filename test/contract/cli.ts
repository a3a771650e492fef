/**
 * The contract tests on a deployment, `make contract`: settings.ts says what it is told, and how.
 *
 * Ends with 0 where the contract is kept, 1 where it is not, and 2 where that can't be found out. Leaves a page and JUnit in
 * a folder; on GitHub, each failure is an annotation of the run.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startVitest } from 'vitest/node';
import { send } from '../support/exchange.ts';
import { isKeyRefused } from './keyRefused.ts';
import { annotations, page, reportOn, summary } from './report.ts';
import { readSettings, type Settings } from './settings.ts';

function giveUp(reason: string): never {
  console.error(reason);
  process.exit(2);
}

function parseSettings(): Settings {
  try {
    return readSettings(process.argv.slice(2), process.env);
  } catch (error) {
    return giveUp((error as Error).message);
  }
}

const { baseUrl, apiKey, creates, folder } = parseSettings();
const anything = { method: 'GET', path: '/', headers: [] };
await send(baseUrl, anything, AbortSignal.timeout(10_000)).catch(({ message, code }: NodeJS.ErrnoException) =>
  // Where a name has several addresses, the error of all of them has no message.
  giveUp(`${baseUrl} does not answer: ${message || code}`),
);
if (await isKeyRefused(baseUrl, apiKey)) {
  giveUp(`${baseUrl} refuses the API key: every request with it is answered with 401. Nothing else was tested.`);
}

const pageFile = join(folder, 'index.html');
const junitFile = join(folder, 'junit.xml');
const vitest = await startVitest('test', [], {
  // Whoever runs this from a package may have a configuration of vitest's, which is for other tests.
  config: false,
  root: import.meta.dirname,
  include: ['deployment.{ts,js}'],
  // A package lies below node_modules, which are left out unless somebody says otherwise.
  exclude: [],
  watch: false,
  cache: false,
  fsModuleCache: false,
  testTimeout: 60_000,
  provide: { deployment: { baseUrl, apiKey, creates } },
  reporters: ['junit'],
  outputFile: { junit: resolve(junitFile) },
});
const modules = vitest.state.getTestModules();
const tests = modules.flatMap((module) => [...module.children.allTests()]);
// What failed without saying what the contract wants has not judged anything.
const ownFaults = [
  ...modules.flatMap((module) => module.errors()),
  ...tests.filter((test) => test.meta().exchange?.fault === undefined).flatMap((test) => test.result().errors ?? []),
  ...(vitest.state.getUnhandledErrors() as Error[]),
];
await vitest.close();
if (ownFaults.length > 0 || tests.length === 0) {
  giveUp(`The tests themselves failed:\n${ownFaults.map(({ stack }) => stack).join('\n')}`);
}

const report = reportOn(
  baseUrl,
  tests.map((test) => test.meta().exchange!),
);
mkdirSync(folder, { recursive: true });
writeFileSync(pageFile, page(report));
console.log(summary(report));
console.log(`The page: ${pageFile}, and for machines: ${junitFile}`);
if (process.env['GITHUB_ACTIONS']) console.log(annotations(report));
process.exit(report.failures.length > 0 ? 1 : 0);
