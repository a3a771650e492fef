import { styleText } from 'node:util';
import type { Cause } from './causes.ts';
import { countCases, nameCase, shorten, type Report, type ReportedCase } from './report.ts';

/** The terminal shows so many causes, and the page the rest. */
const MAX_CAUSES = 6;

/** The report for a terminal: it fits a screen. */
export function writeText(report: Report): string {
  const { contract, baseUrl, verdict, conclusion, causes, otherVersion, notes, cases } = report;
  const colour = verdict === 'kept' ? 'green' : verdict === 'broken' ? 'red' : 'yellow';
  const more = causes.length - MAX_CAUSES;
  return [
    `\n${contract.title} ${contract.version} at ${baseUrl}`,
    ...causes.slice(0, MAX_CAUSES).flatMap((cause, index) => writeCause(cause, causes[index - 1])),
    ...(more > 0 ? [`\nand ${more} more causes: see the page.`] : []),
    '',
    ...countByOperation(cases),
    ...notes,
    ...(otherVersion === undefined ? [] : [styleText('yellow', otherVersion)]),
    styleText(colour, conclusion),
  ].join('\n');
}

/** The same cases can show several causes: they are written once. */
function writeCause({ what, cases: [first, ...others] }: Cause, before: Cause | undefined): string[] {
  const isShown = before?.cases[0] === first && before?.cases.length === others.length + 1;
  return [
    ...(isShown ? [] : ['']),
    styleText('red', what),
    ...(isShown ? [] : writeCase(first!)),
    ...(isShown || others.length === 0 ? [] : [styleText('dim', `  and ${describeMany(others)}`)]),
  ];
}

/** One line each: a body can be longer than a screen. */
const MAX_LINE = 400;

const writeCase = (reported: ReportedCase): string[] => [
  `  ${nameCase(reported)}`,
  `  ${shorten(reported.command, MAX_LINE)}`,
  `  → ${shorten(reported.response ?? 'no response', MAX_LINE)}`,
];

const describeMany = (cases: readonly ReportedCase[]): string => {
  const names = [...new Set(cases.map(({ status, example }) => `${status} ${example}`))];
  const shown = names.slice(0, 4).join(', ');
  return `${cases.length} more: ${shown}${names.length > 4 ? `, and ${names.length - 4} other examples` : ''}`;
};

/** For each operation: how many cases passed, failed, and were skipped for which reason. */
function countByOperation(cases: readonly ReportedCase[]): string[] {
  return [...Map.groupBy(cases, ({ operationId }) => operationId)].flatMap(([operationId, own]) => {
    const reasons = Map.groupBy(
      own.filter(({ skipReason }) => skipReason !== undefined),
      ({ skipReason }) => skipReason,
    );
    return [
      `${operationId}: ${countCases(own, 'passed')} passed, ${countCases(own, 'failed')} failed, ${countCases(own, 'skipped')} skipped`,
      ...[...reasons].map(([reason, some]) => styleText('dim', `  ${some.length} skipped: ${reason}`)),
    ];
  });
}
