/**
 * The contract tests on a deployment, `make contract`. Its settings: settings.ts.
 *
 * Exits with 0 where the deployment keeps the contract, 1 where it breaks it, and 2 where that can not be tested. Writes an HTML
 * report and JUnit XML to a folder; on GitHub, each failure is an annotation of the run.
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
const probe = { method: 'GET', path: '/', headers: [] };
await send(baseUrl, probe, AbortSignal.timeout(10_000)).catch(({ message, code }: NodeJS.ErrnoException) =>
  // Where a name has several addresses, the error of all of them has no message.
  giveUp(`${baseUrl} does not respond: ${message || code}`),
);
if (await isKeyRefused(baseUrl, apiKey)) {
  giveUp(`${baseUrl} refuses the API key: every request with it gets 401. Nothing else was tested.`);
}

const pageFile = join(folder, 'index.html');
const junitFile = join(folder, 'junit.xml');
const vitest = await startVitest('test', [], {
  // The project that installed the package may have a vitest configuration of its own.
  config: false,
  root: import.meta.dirname,
  include: ['deployment.{ts,js}'],
  // The package lies below node_modules, which vitest excludes by default.
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
// A failed test without a violation has not tested the deployment.
const ownErrors = [
  ...modules.flatMap((module) => module.errors()),
  ...tests
    .filter((test) => test.meta().exchange?.violation === undefined)
    .flatMap((test) => test.result().errors ?? []),
  ...(vitest.state.getUnhandledErrors() as Error[]),
];
await vitest.close();
if (ownErrors.length > 0 || tests.length === 0) {
  giveUp(`The tests themselves failed:\n${ownErrors.map(({ stack }) => stack).join('\n')}`);
}

const report = reportOn(
  baseUrl,
  tests.map((test) => test.meta().exchange!),
);
mkdirSync(folder, { recursive: true });
writeFileSync(pageFile, page(report));
console.log(summary(report));
console.log(`Report: ${pageFile}, JUnit: ${junitFile}`);
if (process.env['GITHUB_ACTIONS']) console.log(annotations(report));
process.exit(report.failures.length > 0 ? 1 : 0);
