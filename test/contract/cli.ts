/**
 * The contract tests on a deployment, `make contract`. Its settings: settings.ts.
 *
 * Exits with 0 where the deployment keeps the contract, 1 where it breaks it, and 2 where that is not found out. Writes the report
 * as HTML, JUnit XML and JSON to a folder; on GitHub, each cause is an annotation of the run.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cases } from './cases.ts';
import { openDeployment } from './deployment.ts';
import { findObstacle } from './probes.ts';
import { createReport, EXIT_CODES, type Report, reportObstacle, writeJson } from './report.ts';
import { writeAnnotations, writeSummary } from './reportGithub.ts';
import { writeHtml } from './reportHtml.ts';
import { writeJunit } from './reportJunit.ts';
import { writeText } from './reportText.ts';
import { runCases } from './run.ts';
import { runChecks } from './runChecks.ts';
import { readSettings, type Settings } from './settings.ts';

function parseSettings(): Settings {
  try {
    return readSettings(process.argv.slice(2), process.env);
  } catch (error) {
    console.error((error as Error).message);
    return process.exit(EXIT_CODES.unknown);
  }
}

async function run(settings: Settings): Promise<Report> {
  const deployment = openDeployment(settings);
  const obstacle = await findObstacle(settings, deployment);
  if (obstacle !== undefined) return reportObstacle(settings, obstacle);
  return createReport(settings, await runCases(cases, runChecks, settings, deployment));
}

function write(report: Report, { folder }: Settings): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'index.html'), writeHtml(report));
  writeFileSync(join(folder, 'junit.xml'), writeJunit(report));
  writeFileSync(join(folder, 'report.json'), writeJson(report));
  if (report.cases.length === 0) console.error(report.conclusion);
  else console.log(`${writeText(report)}\nReport: ${join(folder, 'index.html')}, junit.xml, report.json`);
  const { GITHUB_ACTIONS, GITHUB_STEP_SUMMARY, GITHUB_OUTPUT } = process.env;
  if (GITHUB_ACTIONS) console.log(writeAnnotations(report));
  if (GITHUB_STEP_SUMMARY) appendFileSync(GITHUB_STEP_SUMMARY, writeSummary(report));
  if (GITHUB_OUTPUT) appendFileSync(GITHUB_OUTPUT, `verdict=${report.verdict}\n`);
}

const settings = parseSettings();
try {
  const report = await run(settings);
  write(report, settings);
  // Not by process.exitCode: a connection or a lookup that hangs must not hold the process.
  process.exit(EXIT_CODES[report.verdict]);
} catch (error) {
  // Node would exit with 1, which says that the contract is broken.
  console.error('The contract tests themselves failed:', error);
  process.exit(EXIT_CODES.unknown);
}
