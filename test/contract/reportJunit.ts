import { countCases, shorten, type Report, type ReportedCase } from './report.ts';

/** JUnit XML, as CI systems read it: https://github.com/testmoapp/junitxml */
export function writeJunit({ cases, verdict, conclusion, baseUrl }: Report): string {
  const errors = verdict === 'unknown' ? 1 : 0;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escaped(baseUrl)}" ${writeCounts(cases, errors)}>`,
    ...[...Map.groupBy(cases, ({ operationId }) => operationId)].flatMap(([operationId, own]) => [
      `<testsuite name="${escaped(operationId)}" ${writeCounts(own)}>`,
      ...own.map(writeCase),
      '</testsuite>',
    ]),
    ...(errors > 0
      ? [
          `<testsuite name="run" ${writeCounts([], 1)}>`,
          `<testcase classname="run" name="finds out whether the contract is kept"><error message="${escaped(conclusion)}"/></testcase>`,
          '</testsuite>',
        ]
      : []),
    '</testsuites>\n',
  ].join('\n');
}

const writeCounts = (some: readonly ReportedCase[], errors = 0): string =>
  `tests="${some.length + errors}" failures="${countCases(some, 'failed')}" errors="${errors}" skipped="${countCases(some, 'skipped')}"`;

function writeCase({ operationId, status, example, title, verdict, ...rest }: ReportedCase): string {
  const { latencyMs = 0, skipReason, violations, command, response } = rest;
  const start = `<testcase classname="${escaped(operationId)}" name="${escaped(`${status} ${example}: ${title}`)}" time="${(latencyMs / 1000).toFixed(3)}"`;
  if (verdict === 'passed') return `${start}/>`;
  if (verdict === 'skipped') return `${start}><skipped message="${escaped(skipReason ?? '')}"/></testcase>`;
  const text = [...violations, command, `→ ${response ?? 'no response'}`].map((line) => shorten(line, 2000)).join('\n');
  return `${start}><failure message="${escaped(shorten(violations.join('; '), 500))}">${escaped(text)}</failure></testcase>`;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;' };

/** XML 1.0 has no place for other control characters. */
const escaped = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
    .replace(/[&<>"\n]/g, (character) => ENTITIES[character]!);
