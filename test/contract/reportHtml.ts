import type { Cause } from './causes.ts';
import { type Report, type ReportedCase, nameCase, shorten } from './report.ts';

const HEADINGS = { kept: 'The contract is kept', broken: 'The contract is broken', unknown: 'Not found out' } as const;

/** The report as a page that needs no other file. */
export function writeHtml(report: Report): string {
  const { contract, baseUrl, createdAt, verdict, conclusion, causes, otherVersion, notes, cases } = report;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${HEADINGS[verdict]}: ${safe(baseUrl)}</title>
<style>${STYLE}</style>
<header class="${verdict}">
<h1>${safe(conclusion)}</h1>
<p class="about">${safe(contract.title)} ${safe(contract.version)} at ${safe(baseUrl)}, <time datetime="${createdAt}">${new Date(createdAt).toUTCString()}</time></p>
</header>
${[...(otherVersion ? [otherVersion] : []), ...notes].map((note) => `<p class="note">${safe(note)}</p>`).join('\n')}
${causes.length > 0 ? `<h2>What is wrong</h2>\n${causes.map(causeHtml).join('\n')}` : ''}
${[...Map.groupBy(cases, ({ operationId }) => operationId)].map(([operationId, own]) => operationHtml(operationId, own)).join('\n')}
</html>
`;
}

function causeHtml({ what, cases: [first, ...others] }: Cause): string {
  return `<section class="cause">
<h3>${safe(what)}</h3>
${exchangeHtml(first!, true)}
${others.length > 0 ? `<details><summary>${others.length} more</summary>\n${others.map((one) => exchangeHtml(one, false)).join('\n')}\n</details>` : ''}
</section>`;
}

/** All responses of an operation, by their example. */
function operationHtml(operationId: string, cases: readonly ReportedCase[]): string {
  const inOrder = cases.toSorted((a, b) => a.status - b.status);
  const rows = Map.groupBy(inOrder, ({ status, example }) => `${status} ${example}`);
  return `<h2>${safe(operationId)}</h2>
<div class="row head"><span>status</span><span>response</span><span>cases</span><span>median</span><span>slowest</span></div>
${[...rows.values()].map(rowHtml).join('\n')}`;
}

function rowHtml(cases: readonly ReportedCase[]): string {
  const [{ status, example, skipReason }] = cases as [ReportedCase];
  const sent = cases.filter(({ verdict }) => verdict !== 'skipped');
  const failed = sent.filter(({ verdict }) => verdict === 'failed').length;
  const verdict = failed > 0 ? 'failed' : sent.length > 0 ? 'passed' : 'skipped';
  const times = sent.flatMap(({ latencyMs }) => latencyMs ?? []).toSorted((a, b) => a - b);
  const cells =
    sent.length === 0
      ? [skipReason]
      : [
          failed > 0 ? `${failed} of ${sent.length} failed` : sent.length,
          milliseconds(times[Math.floor(times.length / 2)]),
          milliseconds(times.at(-1)),
        ];
  const spans = [status, example, ...cells].map((cell) => `<span>${safe(cell ?? '')}</span>`).join('');
  if (sent.length === 0) return `<div class="row skipped">${spans}</div>`;
  return `<details><summary class="row ${verdict}">${spans}</summary>
${cases.map((one) => exchangeHtml(one, false)).join('\n')}
</details>`;
}

/** The first of a cause is complete, the others are cut: the JSON report has all of them. */
function exchangeHtml(reported: ReportedCase, isComplete: boolean): string {
  const { latencyMs, command, response, violations, verdict, skipReason } = reported;
  const shown = (text: string) => safe(shorten(text, isComplete ? 20_000 : 600));
  const time = latencyMs === undefined ? '' : ` <small>${milliseconds(latencyMs)}</small>`;
  const result =
    verdict === 'skipped'
      ? `<p class="skipped">Skipped: ${safe(skipReason ?? '')}</p>`
      : `<pre>→ ${shown(response ?? 'no response')}</pre>`;
  return `<div class="exchange ${verdict}">
<p>${safe(nameCase(reported))}${time}</p>
<pre>${shown(command)}</pre>
${result}
${violations.map((violation) => `<pre class="violation">${shown(violation)}</pre>`).join('\n')}
</div>`;
}

const milliseconds = (ms?: number): string => (ms === undefined ? '' : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`);

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const safe = (text: string | number) => String(text).replace(/[&<>"]/g, (character) => ENTITIES[character]!);

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --line: color-mix(in srgb, currentColor 15%, transparent);
  --good: light-dark(#16703c, #4cc38a); --bad: light-dark(#b42318, #ff9592); --unsure: light-dark(#8a5a00, #f0b849); }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
header { border-left: .4rem solid; padding-left: 1rem; }
header.kept { border-color: var(--good); } header.broken { border-color: var(--bad); } header.unknown { border-color: var(--unsure); }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0; overflow-wrap: anywhere; } .kept h1 { color: var(--good); } .broken h1 { color: var(--bad); } .unknown h1 { color: var(--unsure); }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
header p { margin: .3rem 0; overflow-wrap: anywhere; } .about, small, .skipped { opacity: .7; }
.note { padding: .5rem .75rem; border-radius: .4rem; background: color-mix(in srgb, var(--unsure) 15%, transparent); }
.cause { padding: .75rem 1rem; margin: .75rem 0; border: 1px solid var(--line); border-radius: .5rem; }
.row { display: grid; grid-template-columns: 5rem 1fr 8rem 6rem 6rem; gap: .5rem; padding: .3rem 0; border-top: 1px solid var(--line); }
.row span { overflow-wrap: anywhere; }
.row span:nth-child(n + 3) { text-align: right; font-variant-numeric: tabular-nums; }
.row.skipped span:last-child { grid-column: 3 / -1; }
.head { font-weight: 600; border-top: none; }
summary { cursor: pointer; }
.row span:first-child { padding-left: 1rem; }
summary.row { list-style: none; } summary.row::-webkit-details-marker { display: none; }
summary.row span:first-child::before { content: '▸'; display: inline-block; width: 1rem; margin-left: -1rem; }
[open] > summary.row span:first-child::before { content: '▾'; }
.row.passed span:first-child { color: var(--good); } .row.failed span { color: var(--bad); }
.exchange { padding: .3rem 0; } .exchange p { margin: .3rem 0; overflow-wrap: anywhere; }
pre { overflow: auto; max-height: 16rem; margin: .3rem 0; padding: .5rem .75rem; border-radius: .4rem; background: color-mix(in srgb, currentColor 7%, transparent); font-size: .85rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.violation { border-left: 3px solid var(--bad); }
@media (max-width: 45rem) {
  .row { grid-template-columns: 5rem 1fr auto; }
  .row span:nth-child(n + 4) { display: none; }
  .row.skipped span:last-child { grid-column: 2 / -1; text-align: left; font-size: .85rem; }
}
`;
