import { type Report, shorten } from './report.ts';

/**
 * One annotation per cause.
 * https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#setting-an-error-message
 */
export const writeAnnotations = ({ verdict, conclusion, causes, notes }: Report): string =>
  [
    ...causes.map(({ what, cases: [first] }) =>
      annotate('error', what, `${first!.command}\n→ ${first!.response ?? 'no response'}`),
    ),
    ...(verdict === 'unknown' ? [annotate('error', 'The contract was not tested', conclusion)] : []),
    ...notes.map((note) => annotate('notice', 'Contract tests', note)),
  ].join('\n');

/** The summary of a job, in GitHub's Markdown. */
export function writeSummary({ contract, baseUrl, verdict, conclusion, causes, otherVersion, notes }: Report): string {
  const mark = { kept: '✅', broken: '❌', unknown: '⚠️' }[verdict];
  return [
    `### ${mark} ${contract.title} ${contract.version} at ${baseUrl}\n`,
    `${conclusion}\n`,
    ...[otherVersion ?? '', ...notes].filter((note) => note !== '').map((note) => `> ${note}\n`),
    ...causes.map(({ what, cases: [first] }) => {
      const { command, response = 'no response' } = first!;
      return `- ${escapedForMarkdown(what)}\n${indented(fenced(`${shorten(command, MAX_TEXT)}\n→ ${shorten(response, MAX_TEXT)}`))}\n`;
    }),
  ].join('\n');
}

/** A fence that is longer than any in the text. */
function fenced(text: string): string {
  const [longest = ''] = (text.match(/`+/g) ?? []).toSorted((a, b) => b.length - a.length);
  const fence = '`'.repeat(Math.max(3, longest.length + 1));
  return `${fence}sh\n${text}\n${fence}`;
}

const indented = (text: string): string => text.replaceAll(/^/gm, '  ');

const escapedForMarkdown = (text: string): string => text.replaceAll(/[\\`*_[\]<>|~]/g, String.raw`\$&`);

function annotate(level: 'error' | 'notice', title: string, text: string): string {
  const safeTitle = escaped(title).replaceAll(':', '%3A').replaceAll(',', '%2C');
  return `::${level} title=${safeTitle}::${escaped(shorten(text, MAX_TEXT))}`;
}

/** An annotation, and a block of the summary. */
const MAX_TEXT = 1000;

const escaped = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
