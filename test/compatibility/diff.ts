/**
 * `make diff BASE=…`: what the contract in this folder changes for callers of the contract at BASE.
 *
 * BASE is the URL of a deployment, a file, or a git ref; by default, the contract of the last release, `openapi/released.yaml`.
 * Exits with 1 if `info.version` does not allow the changes, and with 2 if nothing could be compared.
 */
import { existsSync } from 'node:fs';
import { compare, OASDIFF, type Comparison } from './compare.ts';
import { CONTRACT, readSource, RELEASED } from './source.ts';

export interface Verdict extends Comparison {
  baseVersion: string;
  version: string;
  /** The lowest version that a release with these changes can have. */
  nextVersion: string;
  /** There is no breaking change, or the major version is new. */
  allowed: boolean;
  /** The version is at least the next one. */
  releasable: boolean;
}

/** Compares two contracts. Throws for a malformed `info.version`, and where compare() does. */
export async function compareContracts(base: object, revision: object): Promise<Verdict> {
  const [baseVersion, version] = [readVersion(base), readVersion(revision)];
  const [[major, minor], [newMajor, newMinor]] = [parseVersion(baseVersion), parseVersion(version)];
  const comparison = await compare(base, revision);
  const isBreaking = comparison.breaking.length > 0;
  const isChanged = comparison.changes.length + comparison.accepted.length > 0;
  const [nextMajor, nextMinor] = isBreaking ? [major + 1, 0] : [major, minor + (isChanged ? 1 : 0)];
  return {
    ...comparison,
    baseVersion,
    version,
    nextVersion: `${nextMajor}.${nextMinor}.0`,
    allowed: !isBreaking || newMajor > major,
    releasable: newMajor > nextMajor || (newMajor === nextMajor && newMinor >= nextMinor),
  };
}

/** A row for the change log in the contract's description: a draft, to be rewritten for readers. */
export function changeLogRow({ version, changes }: Pick<Verdict, 'version' | 'changes'>, date: Date): string {
  const [major, minor] = parseVersion(version);
  const sentences = changes.map((change) => change.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ').trim());
  // A change of a shared component is listed once for each operation and status that uses it.
  const text = [...new Set(sentences)].map((sentence) => (sentence.endsWith('.') ? sentence : `${sentence}.`));
  return `| ${major}.${minor} | ${date.toISOString().slice(0, 10)} | ${text.join(' ')} |`;
}

const readVersion = (document: { info?: { version?: string | number } }): string => `${document.info?.version ?? ''}`;

function parseVersion(version: string): [major: number, minor: number] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined)
    throw new Error(`info.version: expected a version such as 1.2.0, got ${JSON.stringify(version)}`);
  return [Number(major), Number(minor)];
}

/** Prints what changes. Returns the exit code. */
async function main(requested: string): Promise<number> {
  const [base, here] = await Promise.all([readSource(requested), readSource(CONTRACT)]);
  const verdict = await compareContracts(base.document, here.document);
  const { breaking, changes, accepted, tools, baseVersion, version, nextVersion } = verdict;
  const missing = existsSync(OASDIFF) ? '' : ' Without oasdiff: `make diff` installs it where there is Go.';
  console.log(`Base: ${base.name}, API ${baseVersion}. Here: ${here.name}, API ${version}.`);
  console.log(`Compared by ${tools.join(', ')}.${missing}`);
  printList('Breaking', breaking);
  printList('Visible to callers', changes);
  printList(
    'Now a plain boolean. Not breaking: each example has the same value, which the contract tests hold',
    accepted,
  );
  if (changes.length > 0) console.log(`\nDraft for the change log:\n\n${changeLogRow(verdict, new Date())}`);
  // Callers know a released contract by its version.
  if (requested === RELEASED ? verdict.releasable : verdict.allowed) {
    console.log(`\n${describeAllowed(verdict)}`);
    return 0;
  }
  console.error(`\nRefused: info.version is ${version}. A release with these changes is ${nextVersion} or later.`);
  return 1;
}

function printList(title: string, items: readonly string[]): void {
  if (items.length > 0) console.log(`\n${title}:\n${items.map((item) => `- ${item}`).join('\n')}`);
}

function describeAllowed({ breaking, changes, accepted, version }: Verdict): string {
  if (breaking.length > 0) return `Allowed: ${version} is a new major version.`;
  return changes.length + accepted.length > 0 ? 'Compatible.' : 'No change is visible to callers.';
}

if (import.meta.main) {
  process.exitCode = await main(process.env['BASE'] || RELEASED).catch((error: Error) => {
    console.error(`Not compared: ${error.message}`);
    return 2;
  });
}
