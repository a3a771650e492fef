/**
 * `make diff BASE=<git ref>`: what the contract in this folder changes for callers of the contract at BASE.
 *
 * BASE defaults to the last release, the latest tag v*; before the first release there is nothing to compare with.
 * Exits with 1 if a breaking change comes without a new major version of the API, and with 2 if nothing could be compared.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { compare, OASDIFF, type Comparison } from './compare.ts';

const CONTRACT = 'openapi/openapi.yaml';
const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Verdict extends Comparison {
  baseVersion: string;
  version: string;
  /** There is no breaking change, or the major version is new. */
  allowed: boolean;
}

/** Compares two texts of the contract. */
export async function compareContracts(base: string, revision: string): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'contract-diff-'));
  try {
    const [baseFile, revisionFile] = [join(folder, 'base.yaml'), join(folder, 'revision.yaml')];
    await Promise.all([writeFile(baseFile, base), writeFile(revisionFile, revision)]);
    const comparison = await compare(baseFile, revisionFile);
    const [baseVersion, version] = [readVersion(base), readVersion(revision)];
    const isMajor = readMajor(version) > readMajor(baseVersion);
    return { ...comparison, baseVersion, version, allowed: comparison.breaking.length === 0 || isMajor };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A row for the change log in the contract's description: a draft, to be rewritten for readers. */
export function changeLogRow({ version, changes }: Pick<Verdict, 'version' | 'changes'>, date: Date): string {
  const [major, minor] = version.split('.');
  // A change of a shared component is listed once for each operation and status that uses it.
  const uniqueChanges = [
    ...new Set(changes.map((change) => change.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ').trim())),
  ];
  const sentences = uniqueChanges.map((change) => (change.endsWith('.') ? change : `${change}.`));
  return `| ${major}.${minor} | ${date.toISOString().slice(0, 10)} | ${sentences.join(' ')} |`;
}

const readVersion = (contract: string): string =>
  `${(parse(contract) as { info?: { version?: string | number } }).info?.version ?? ''}`;

function readMajor(version: string): number {
  const [, major] = /^(\d+)\.\d+/.exec(version) ?? [];
  if (major === undefined)
    throw new Error(`info.version: expected a version such as 1.2.0, got ${JSON.stringify(version)}`);
  return Number(major);
}

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

/** The last release. Undefined before the first release, when there are no callers to break. */
function lastRelease(): { ref: string; why: string } | undefined {
  try {
    return { ref: git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*'), why: 'the last release' };
  } catch {
    return undefined;
  }
}

function contractAt(ref: string): string | undefined {
  try {
    return git('show', `${ref}:${CONTRACT}`);
  } catch {
    return undefined;
  }
}

async function main(requestedRef: string | undefined): Promise<number> {
  const base = requestedRef ? { ref: requestedRef, why: 'from BASE' } : lastRelease();
  if (!base) {
    console.log(
      'SKIPPED: there is no release (tag v*) to compare with. After the first there must be: is this a shallow clone?',
    );
    return 0;
  }
  const before = contractAt(base.ref);
  if (before === undefined) {
    console.error(`${base.ref}: git shows no ${CONTRACT} there. Expected a tag, a branch or a commit.`);
    return 2;
  }
  const verdict = await compareContracts(before, await readFile(join(root, CONTRACT), 'utf8'));
  const { breaking, changes, tools, baseVersion, version } = verdict;
  console.log(
    `Base: ${base.ref} (${base.why}), API ${baseVersion}. Here: API ${version}. Compared by ${tools.join(' and ')}.`,
  );
  if (!existsSync(OASDIFF)) console.log('SKIPPED: the second tool, oasdiff. It is installed if Go is available.');
  if (changes.length > 0) {
    console.log(`\nDraft for the change log:\n\n${changeLogRow(verdict, new Date())}\n`);
  } else {
    console.log('No change is visible to callers.');
  }
  if (breaking.length > 0) console.log(`Breaking:\n${breaking.map((change) => `- ${change}`).join('\n')}`);
  if (verdict.allowed) return 0;
  const next = `${readMajor(baseVersion) + 1}.0.0`;
  console.error(`\nRefused: info.version is ${version}, and only a new major version (${next}) may break callers.`);
  return 1;
}

if (import.meta.main) process.exitCode = await main(process.env['BASE']);
