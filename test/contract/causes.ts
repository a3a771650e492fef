import { document } from '../support/contractDocument.ts';
import type { Violation } from './judge.ts';
import type { ReportedCase } from './report.ts';

/** One fault of the deployment, and all cases that show it. */
export interface Cause {
  /** In one sentence, with the number of responses. */
  what: string;
  cases: readonly ReportedCase[];
}

type Judged = ReadonlyMap<ReportedCase, readonly Violation[]>;

/** What is wrong, each fault once, the most frequent first. */
export function findCauses(judged: Judged): Cause[] {
  const all = [...judged].flatMap(([reported, violations]) => violations.map((violation) => ({ reported, violation })));
  const sent = [...judged.keys()].filter(({ verdict }) => verdict !== 'skipped').length;
  return [...Map.groupBy(all, ({ violation }) => violation.part).values()]
    .flatMap(splitByCause)
    .map((group) => {
      const cases = [...new Set(group.map(({ reported }) => reported))];
      const violations = group.map(({ violation }) => violation);
      return { what: describeCause(violations, cases.length, sent) + describeFlaky(cases), cases };
    })
    .toSorted((a, b) => b.cases.length - a.cases.length);
}

interface Shown {
  reported: ReportedCase;
  violation: Violation;
}

/** Violations of one part have the same cause where the deployment does the same, or fails to do the same. */
function splitByCause(shown: readonly Shown[]): Shown[][] {
  const [byGot, byExpected] = (['got', 'expected'] as const).map((key) => [
    ...Map.groupBy(shown, ({ violation }) => violation[key]).values(),
  ]) as [Shown[][], Shown[][]];
  return byGot.length <= byExpected.length ? byGot : byExpected;
}

function describeCause(violations: readonly Violation[], count: number, sent: number): string {
  const [{ part }] = violations as [Violation];
  const responses = `${count === sent ? `all ${sent}` : `${count} of ${sent}`} responses`;
  const got = list(violations.map((one) => one.got ?? 'none'));
  const expected = list(violations.map((one) => one.expected));
  if (part === 'response') return `No response to ${count} of ${sent} requests: ${got}.`;
  if (violations.every((one) => one.got === undefined)) {
    const value = expected === 'a value' ? '' : `: ${expected}`;
    return `${capitalized(responses)} ${count === 1 ? 'lacks' : 'lack'} ${part}${value}.`;
  }
  return `${capitalized(responses)}: ${part}: expected ${expected}, got ${got}.`;
}

function describeFlaky(cases: readonly ReportedCase[]): string {
  const flaky = cases.filter(({ isFlaky }) => isFlaky).length;
  if (flaky === 0) return '';
  return flaky === cases.length ? ' Flaky: right when repeated.' : ` Flaky: ${flaky} were right when repeated.`;
}

const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Each text once, and not too many of them. */
function list(texts: readonly string[], max = 4): string {
  const unique = [...new Set(texts)];
  const more = unique.length > max ? ` or ${unique.length - max} others` : '';
  return unique.slice(0, max).map(cut).join(' or ') + more;
}

const cut = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);

/**
 * Why the deployment seems to serve another version of the contract: the statuses fit, and only words, error codes or whole
 * operations differ. Undefined where more is wrong, or nothing.
 */
export function findOtherVersion(judged: Judged): string | undefined {
  const cases = [...judged].filter(([{ verdict }]) => verdict !== 'skipped');
  const missing = [...Map.groupBy(cases, ([{ operationId }]) => operationId)]
    .filter(([, own]) => own.every(([{ response }]) => response?.startsWith('404 ')))
    .map(([operationId]) => operationId);
  const rest = cases.filter(([{ operationId }]) => !missing.includes(operationId));
  const parts = new Set(rest.flatMap(([, violations]) => violations.map(({ part }) => part)));
  const differences = [
    ...missing.map((operationId) => `it has no ${operationId}`),
    ...(parts.has('X-Error-Code') ? ['its X-Error-Code differs'] : []),
    ...(parts.has('message') ? ['its messages differ'] : []),
  ];
  const others = [...parts].filter((part) => part !== 'X-Error-Code' && part !== 'message');
  return others.length > 0 || differences.length === 0 || rest.length === 0
    ? undefined
    : `The deployment serves another version of the contract than ${document.info.version}: the statuses fit, but ${differences.join(', and ')}.`;
}
