/** A reporter of vitest's: what a run of the contract tests on a deployment found, for a person. One page, and a summary on the terminal. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { scenarios } from '../support/contractDocument.ts';
import type { ExchangeRecord } from './exchangeRecord.ts';

interface Finding extends ExchangeRecord {
  failures: string[];
}

type Row = (typeof scenarios)[number] & { findings: Finding[] };

export default class ContractReport implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const findings = modules.flatMap((module) => [...module.children.allTests()]).flatMap(findingOf);
    if (findings.length === 0) return;
    const rows = scenarios.map((scenario) => ({
      ...scenario,
      findings: findings.filter(
        ({ operationId, example }) => operationId === scenario.operation.operationId && example === scenario.example,
      ),
    }));
    const { CONTRACT_BASE_URL = '', CONTRACT_REPORT = 'reports/contract' } = process.env;
    mkdirSync(CONTRACT_REPORT, { recursive: true });
    const file = join(CONTRACT_REPORT, 'index.html');
    writeFileSync(file, page(CONTRACT_BASE_URL, rows));
    console.log(summary(CONTRACT_BASE_URL, rows, file));
  }
}

function findingOf(
  test: ReturnType<TestModule['children']['allTests']> extends Iterable<infer Test> ? Test : never,
): Finding[] {
  const { exchange } = test.meta();
  const failures = (test.result().errors ?? []).map(({ message }) => message);
  return exchange ? [{ ...exchange, failures }] : [];
}

const isFailed = ({ failures }: Finding) => failures.length > 0;

function verdictOf({ findings }: Row): 'failed' | 'seen' | 'not seen' {
  if (findings.some(isFailed)) return 'failed';
  return findings.length > 0 ? 'seen' : 'not seen';
}

const rounded = (ms = 0) => ms.toFixed(1);

/** In milliseconds: the median, and the slowest. */
function latencies(findings: readonly Finding[]): string {
  const sorted = findings.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
  return sorted.length === 0 ? '' : `${rounded(sorted[Math.floor(sorted.length / 2)])} / ${rounded(sorted.at(-1))}`;
}

function counts(rows: readonly Row[]): string {
  const findings = rows.flatMap((row) => row.findings);
  const [failed, seen, unseen] = (['failed', 'seen', 'not seen'] as const).map(
    (verdict) => rows.filter((row) => verdictOf(row) === verdict).length,
  );
  return `${findings.length} requests, ${findings.filter(isFailed).length} with another answer than the contract's; of ${rows.length} answers ${seen} seen, ${failed} failed, ${unseen} not seen`;
}

function summary(baseUrl: string, rows: readonly Row[], file: string): string {
  const lines = rows.map((row) => {
    const { operation, status, example, findings } = row;
    return `  ${verdictOf(row).padEnd(9)} ${operation.operationId} ${status} ${example.padEnd(26)} ${String(findings.length).padStart(3)}  ${latencies(findings)}`;
  });
  const failed = rows.flatMap(({ findings }) => findings.filter(isFailed));
  return [
    `\nThe contract at ${baseUrl}: every answer, how often it was asked for, and milliseconds (median / slowest)\n`,
    ...lines,
    ...failed.map(
      ({ title, curl, answer }) =>
        `\n  ${title}\n  ${curl}\n  → ${answer ? `${answer.status} ${answer.body}` : 'no answer'}`,
    ),
    `\n${counts(rows)}`,
    `Not seen: what cannot be had by asking rightly, and, without CREATE=1, what creates intents.`,
    `The page: ${file}\n`,
  ].join('\n');
}

function page(baseUrl: string, rows: readonly Row[]): string {
  const body = rows.map((row) => {
    const cells = [
      verdictOf(row),
      row.operation.operationId,
      row.status,
      row.example,
      row.findings.length,
      latencies(row.findings),
    ];
    const details = row.findings.map(detail).join('');
    return `<tr class="${verdictOf(row).replace(' ', '-')}">${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>${
      details && `<tr><td></td><td colspan="5">${details}</td></tr>`
    }`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>The contract at ${escaped(baseUrl)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #ddd; padding: .3rem .6rem; text-align: left; vertical-align: top; }
.seen td:first-child { color: #17692c; } .failed td:first-child { color: #a40e26; font-weight: bold; } .not-seen { color: #666; }
pre { background: #f5f5f5; overflow-x: auto; padding: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
<h1>The contract at ${escaped(baseUrl)}</h1>
<p>${escaped(counts(rows))}. ${new Date().toISOString()}</p>
<table>
<tr><th>verdict</th><th>operation</th><th>status</th><th>example</th><th>requests</th><th>ms, median / slowest</th></tr>
${body.join('\n')}
</table>
</html>
`;
}

function detail(finding: Finding): string {
  const { title, latencyMs, curl, answer, failures } = finding;
  // Of what went well, the beginning is enough; of a failure, all is wanted.
  const command = isFailed(finding) ? curl : clipped(curl);
  const exchange = [command, answer ? `${answer.status} ${answer.body}` : 'no answer', ...failures].join('\n\n');
  return `<details${isFailed(finding) ? ' open' : ''}><summary>${escaped(title)}, ${latencyMs.toFixed(1)} ms</summary><pre>${escaped(exchange)}</pre></details>`;
}

const clipped = (text: string) => (text.length > 1000 ? `${text.slice(0, 1000)}…` : text);

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string | number) => String(text).replace(/[&<>"]/g, (character) => ENTITIES[character]!);
