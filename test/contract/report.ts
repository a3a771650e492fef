/** The report of a run of the contract tests on a deployment: a summary for the terminal, a page, annotations for GitHub. */
import { styleText } from 'node:util';
import { scenarios } from '../support/contractDocument.ts';
import type { ExchangeRecord } from './exchangeRecord.ts';

type Verdict = 'failed' | 'passed' | 'skipped';

/** A named example of the contract, with the requests that were sent for it. */
interface Row {
  scenario: (typeof scenarios)[number];
  findings: readonly ExchangeRecord[];
  verdict: Verdict;
  /** Why no request was sent; empty where one was. */
  skipReason: string;
}

interface Report {
  baseUrl: string;
  rows: readonly Row[];
  findings: readonly ExchangeRecord[];
  failures: readonly ExchangeRecord[];
}

export function reportOn(baseUrl: string, records: readonly ExchangeRecord[]): Report {
  const rows = scenarios.map((scenario) => createRow(scenario, records));
  const findings = rows.flatMap((row) => row.findings);
  return { baseUrl, rows, findings, failures: findings.filter(isFailed) };
}

function createRow(scenario: Row['scenario'], records: readonly ExchangeRecord[]): Row {
  const { operation, example } = scenario;
  const own = records.filter((one) => one.operationId === operation.operationId && one.example === example);
  const findings = own.filter(({ skipReason }) => skipReason === undefined);
  return {
    scenario,
    findings,
    verdict: findVerdict(findings),
    skipReason: findings.length > 0 ? '' : own[0]!.skipReason!,
  };
}

const isFailed = ({ violation }: ExchangeRecord) => violation !== undefined;

function findVerdict(findings: readonly ExchangeRecord[]): Verdict {
  if (findings.some(isFailed)) return 'failed';
  return findings.length > 0 ? 'passed' : 'skipped';
}

const counted = (rows: readonly Row[], verdict: Verdict) => rows.filter((row) => row.verdict === verdict).length;

/** The verdict in one sentence, and how many responses were tested. */
function conclusion({ findings, failures, rows }: Report): [verdict: string, coverage: string] {
  const verdict =
    failures.length > 0
      ? `The contract is broken: ${failures.length} of ${findings.length} responses differ from it.`
      : `The contract is kept: all ${findings.length} responses match it.`;
  const tested = `${counted(rows, 'passed')} passed, ${counted(rows, 'failed')} failed`;
  return [
    verdict,
    `Of the ${rows.length} examples of the contract, ${tested}, and ${counted(rows, 'skipped')} were skipped.`,
  ];
}

/** In milliseconds: the median, and the slowest. */
function latencies(findings: readonly ExchangeRecord[]): [median: string, slowest: string] {
  const sorted = findings.flatMap(({ latencyMs }) => latencyMs ?? []).toSorted((a, b) => a - b);
  return [milliseconds(sorted[Math.floor(sorted.length / 2)]), milliseconds(sorted.at(-1))];
}

const milliseconds = (ms?: number): string => ms?.toFixed(1) ?? '';

const cut = (text: string): string => (text.length > 1000 ? `${text.slice(0, 1000)}…` : text);

const describeCase = ({ scenario }: Row, { title }: ExchangeRecord): string =>
  `${scenario.operation.operationId} ${scenario.status} ${scenario.example}: ${title}`;

/** The failures, each with the row that it belongs to. */
const failed = (rows: readonly Row[]): (readonly [Row, ExchangeRecord])[] =>
  rows.flatMap((row) => row.findings.filter(isFailed).map((finding) => [row, finding] as const));

/** A request of up to 128 KiB is more than a terminal or an annotation should hold: the page has all of it. */
const splitLines = ({ curl, response = 'no response', violation = '' }: ExchangeRecord): string[] =>
  [curl, `→ ${response}`, violation].map(cut);

const COLOURS = { failed: 'red', passed: 'green', skipped: 'dim' } as const;

type Cell = string | number;

/** The cells of a row: the number and latency of its requests, or why there are none. */
function createCells({ scenario, findings, verdict, skipReason }: Row): [Verdict, Cell, string, ...Cell[]] {
  const { operation, status, example } = scenario;
  const details = skipReason === '' ? [findings.length, ...latencies(findings)] : [skipReason];
  return [verdict, status, `${operation.operationId} ${example}`, ...details];
}

const columns = (verdict: string, status: Cell, response: string, ...numbers: Cell[]): string =>
  `  ${verdict.padEnd(9)} ${String(status).padEnd(4)} ${response.padEnd(46)}${numbers.map((one) => String(one).padStart(11)).join('')}`;

/** For the terminal. */
export function summary(report: Report): string {
  const { baseUrl, rows, failures } = report;
  const [verdict, coverage] = conclusion(report);
  return [
    `\nThe contract at ${baseUrl}\n`,
    columns('', '', 'response', 'requests', 'median ms', 'slowest ms'),
    ...rows.map((row) => styleText(COLOURS[row.verdict], columns(...createCells(row)))),
    ...failed(rows).map(
      ([row, finding]) => `\n${styleText('red', describeCase(row, finding))}\n  ${splitLines(finding).join('\n  ')}`,
    ),
    `\n${styleText(failures.length > 0 ? 'red' : 'green', verdict)}`,
    coverage,
  ].join('\n');
}

/** For GitHub: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#setting-an-error-message */
export const annotations = ({ rows }: Report): string =>
  failed(rows)
    .map(([row, finding]) => {
      const title = escapedForGitHub(describeCase(row, finding)).replaceAll(':', '%3A').replaceAll(',', '%2C');
      return `::error title=${title}::${escapedForGitHub(splitLines(finding).join('\n'))}`;
    })
    .join('\n');

const escapedForGitHub = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

/** For a browser. */
export function page(report: Report): string {
  const { baseUrl, rows, failures } = report;
  const [verdict, coverage] = conclusion(report);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${failures.length > 0 ? 'Broken' : 'Kept'}: the contract at ${safe(baseUrl)}</title>
<style>${STYLE}</style>
<h1>The contract at ${safe(baseUrl)}</h1>
<p class="verdict ${failures.length > 0 ? 'failed' : 'passed'}">${safe(verdict)}</p>
<p>${safe(coverage)}</p>
<p><time>${new Date().toUTCString()}</time></p>
${
  failures.length > 0
    ? `<h2>What failed</h2>\n${failed(rows)
        .map(([row, one]) => exchangeHtml(describeCase(row, one), one))
        .join('\n')}`
    : ''
}
<h2>All responses</h2>
<div class="row head"><span>verdict</span><span>status</span><span>response</span><span>requests</span><span>median ms</span><span>slowest ms</span></div>
${rows.map(rowHtml).join('\n')}
</html>
`;
}

function rowHtml(row: Row): string {
  const { findings, verdict } = row;
  const spans = createCells(row)
    .map((cell) => `<span>${safe(cell)}</span>`)
    .join('');
  if (findings.length === 0) return `<div class="row skipped">${spans}</div>`;
  return `<details><summary class="row ${verdict}">${spans}</summary>
${findings.map((one) => exchangeHtml(one.title, one)).join('\n')}
</details>`;
}

/** A failure is expanded and complete; a success is shortened. */
function exchangeHtml(title: string, finding: ExchangeRecord): string {
  const { latencyMs, curl, response, violation } = finding;
  const command = isFailed(finding) ? curl : cut(curl);
  const time = latencyMs === undefined ? '' : ` <small>${milliseconds(latencyMs)} ms</small>`;
  return `<details class="exchange"${isFailed(finding) ? ' open' : ''}><summary>${safe(title)}${time}</summary>
<pre>${safe(command)}</pre>
<pre>→ ${safe(response ?? 'no response')}</pre>${violation === undefined ? '' : `\n<pre class="violation">${safe(violation)}</pre>`}
</details>`;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const safe = (text: Cell) => String(text).replace(/[&<>"]/g, (character) => ENTITIES[character]!);

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { font-size: 1.25rem; font-weight: 600; }
.row { display: grid; grid-template-columns: 6rem 4rem 1fr 5rem 7rem 7rem; gap: .5rem; padding: .3rem 0; border-top: 1px solid var(--line); }
.row span:nth-child(n + 4) { text-align: right; font-variant-numeric: tabular-nums; }
.skipped span:last-child { grid-column: 4 / -1; }
.head { font-weight: 600; border-top: none; }
summary { cursor: pointer; }
.row span:first-child::before { content: ''; display: inline-block; width: 1rem; }
summary.row span:first-child::before { content: '▸'; }
[open] > summary.row span:first-child::before { content: '▾'; }
.verdict.passed, .row.passed span:first-child { color: light-dark(#16703c, #4cc38a); }
.verdict.failed, .row.failed span:first-child { color: light-dark(#b42318, #ff9592); }
.skipped, small, time { opacity: .65; }
@media (max-width: 45rem) { .row { grid-template-columns: 6rem 3.5rem 1fr; } .row span:nth-child(n + 4) { display: none; } }
.exchange { padding: .2rem 0 .2rem 1rem; }
pre { overflow: auto; max-height: 20rem; margin: .3rem 0; padding: .5rem .75rem; border-radius: .4rem; background: color-mix(in srgb, currentColor 7%, transparent); font-size: .85rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.violation { border-left: 3px solid light-dark(#b42318, #ff9592); }
`;
