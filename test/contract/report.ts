/** The report of a run on a deployment, as data: no secret is in it. The files report*.ts write it for people and machines. */
import { document } from '../support/contractDocument.ts';
import { curlLine } from '../support/exchange.ts';
import { type Cause, findCauses, findOtherVersion } from './causes.ts';
import type { ExchangeRecord, Run } from './exchangeRecord.ts';
import { describeViolation, findScenario, hideClientSecrets, type Violation } from './judge.ts';
import type { Settings } from './settings.ts';

/** Whether the deployment keeps the contract. `unknown`: that was not found out. */
export type Verdict = 'kept' | 'broken' | 'unknown';

export const EXIT_CODES = { kept: 0, broken: 1, unknown: 2 } as const satisfies Record<Verdict, number>;

/** A case on the deployment. */
export interface ReportedCase {
  operationId: string;
  /** The expected response: its status and the name of its example. */
  status: number;
  example: string;
  title: string;
  verdict: 'passed' | 'failed' | 'skipped';
  skipReason?: string;
  violations: readonly string[];
  isFlaky: boolean;
  /** A command that repeats the request. */
  command: string;
  /** Status and body. Undefined where no response came. */
  response?: string;
  latencyMs?: number;
}

export interface Report {
  contract: { title: string; version: string };
  baseUrl: string;
  createdAt: string;
  verdict: Verdict;
  /** The verdict in one sentence. */
  conclusion: string;
  /** What is wrong, each fault once, the most frequent first. */
  causes: readonly Cause[];
  /** Why the deployment seems to serve another version of the contract. */
  otherVersion?: string;
  notes: readonly string[];
  cases: readonly ReportedCase[];
}

/** The text without its middle, where it is too long to read. */
export function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = Math.min(Math.floor(max / 3), 120);
  const left = text.length - max;
  return `${text.slice(0, max - end)} … (${left} characters) … ${text.slice(-end)}`;
}

/** The name of a case, for people. */
export const nameCase = ({ operationId, status, example, title }: ReportedCase): string =>
  `${operationId} ${status} ${example}: ${title}`;

/** For programs: each case once, and the causes with the names of theirs. */
export const writeJson = (report: Report): string =>
  `${JSON.stringify({ ...report, causes: report.causes.map(({ what, cases }) => ({ what, cases: cases.map(nameCase) })) }, null, 2)}\n`;

/** How many of these cases ended so. */
export const countCases = (cases: readonly ReportedCase[], verdict: ReportedCase['verdict']): number =>
  cases.filter((one) => one.verdict === verdict).length;

/** The report where nothing could be sent. */
export const reportObstacle = (settings: Settings, obstacle: string): Report => ({
  ...describeRun(settings),
  verdict: 'unknown',
  conclusion: createMask(settings)(obstacle),
  causes: [],
  notes: [],
  cases: [],
});

export function createReport(settings: Settings, { records, findings, ending, notes }: Run): Report {
  const mask = createMask(settings);
  const maskViolation = ({ part, expected, got }: Violation): Violation => ({
    part,
    expected: mask(expected),
    ...(got !== undefined && { got: mask(got) }),
  });
  const all = new Set([...records, ...findings.map(({ record }) => record)]);
  const reported = new Map(
    [...all].map((record) => {
      const own = findings.filter((finding) => finding.record === record).map(({ violation }) => violation);
      const violations = [...record.violations, ...own].map(maskViolation);
      return [createCase(record, violations, settings, mask), violations] as const;
    }),
  );
  const cases = [...reported.keys()];
  const failed = countCases(cases, 'failed');
  const sent = cases.length - countCases(cases, 'skipped');
  const otherVersion = findOtherVersion(reported);
  const common = {
    ...describeRun(settings),
    causes: findCauses(reported),
    notes,
    cases,
    ...(otherVersion && { otherVersion }),
  };
  const ended = ending === undefined ? '' : ` ${mask(ending)}`;
  const unresolved = records.filter(({ isUnresolved }) => isUnresolved).length;
  if (failed > 0) {
    const conclusion = `The contract is broken: ${failed} of ${sent} responses differ from it.${ended}`;
    return { ...common, verdict: 'broken', conclusion };
  }
  if (ending !== undefined || unresolved > 0) {
    const conclusion = `Whether the contract is kept was not found out: ${sent} responses match it, ${unresolved} did not come.${ended}`;
    return { ...common, verdict: 'unknown', conclusion };
  }
  return { ...common, verdict: 'kept', conclusion: `The contract is kept: all ${sent} responses match it.` };
}

const describeRun = ({ baseUrl }: Settings) => ({
  contract: { title: document.info.title, version: document.info.version },
  baseUrl,
  createdAt: new Date().toISOString(),
});

function createCase(
  { known, request, response, latencyMs, skipReason, isFlaky }: ExchangeRecord,
  violations: readonly Violation[],
  { baseUrl, apiKey, headers }: Settings,
  mask: (text: string) => string,
): ReportedCase {
  const { operation, example, title, bytes } = known;
  const variables = headers.map((_, index) => `-H "$HEADER${headers.length > 1 ? `_${index + 1}` : ''}"`);
  const command = mask(bytes === undefined ? curlLine(baseUrl, request, apiKey, variables) : bytesLine(baseUrl, bytes));
  const judged = violations.length > 0 ? 'failed' : 'passed';
  return {
    operationId: operation.operationId,
    status: findScenario(operation, example).status,
    example,
    title,
    verdict: skipReason === undefined ? judged : 'skipped',
    ...(skipReason !== undefined && { skipReason }),
    violations: violations.map(describeViolation),
    isFlaky: isFlaky === true,
    // A request of 128 KiB is only there to repeat a failure.
    command: shorten(command, judged === 'failed' ? Infinity : 1000),
    ...(response && { response: mask(`${response.status} ${response.text}`) }),
    ...(latencyMs !== undefined && response && { latencyMs }),
  };
}

/** A shell command that sends these bytes. */
function bytesLine(baseUrl: string, bytes: string): string {
  const { protocol, hostname, port } = new URL(baseUrl);
  const escaped = bytes.replaceAll('\\', '\\\\').replaceAll('%', '%%').replaceAll('\r', '\\r').replaceAll('\n', '\\n');
  const client =
    protocol === 'https:'
      ? `openssl s_client -quiet -servername ${hostname} -connect ${hostname}:${port || 443}`
      : `nc ${hostname} ${port || 80}`;
  return `printf '${escaped.replaceAll("'", '\\047')}' | ${client}`;
}

/** Shorter texts are also parts of words. */
const MIN_SECRET = 8;

/** Replaces the keys, the values of the additional headers and client secrets, wherever they stand. */
function createMask({ apiKey, secondApiKey, stripeKey, headers }: Settings): (text: string) => string {
  const named: [string | undefined, string][] = [
    [apiKey, '$API_KEY'],
    [secondApiKey, '$API_KEY_2'],
    [stripeKey, '$STRIPE_KEY'],
    ...headers.map(([, value]) => [value, '$HEADER'] as [string, string]),
  ];
  const secrets = named.filter(([secret]) => secret !== undefined) as [string, string][];
  const patterns = secrets
    // One secret can be a part of another.
    .toSorted(([a], [b]) => b.length - a.length)
    .map(([secret, name]) => {
      const literal = secret.replace(/[^\w\s]/g, String.raw`\$&`);
      return [new RegExp(secret.length < MIN_SECRET ? `(?<!\\w)${literal}(?!\\w)` : literal, 'g'), name] as const;
    });
  return (text) => hideClientSecrets(patterns.reduce((all, [pattern, name]) => all.replace(pattern, () => name), text));
}
