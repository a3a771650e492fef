import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The differences between two versions of a contract, as the diff tools describe them. */
export interface Comparison {
  /** Changes that break callers written for the base. */
  breaking: readonly string[];
  /** All changes visible to callers, including the breaking ones. */
  changes: readonly string[];
  /** The diff tools that ran. */
  tools: readonly string[];
}

const resolvePath = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Built by `make diff` if Go is installed. */
export const OASDIFF = resolvePath('../../.conformance/bin/oasdiff');

/** Compares two files with Redocly, and with oasdiff where it is installed. A change is breaking if either tool reports it as breaking. */
export async function compare(baseFile: string, revisionFile: string): Promise<Comparison> {
  const findings = await Promise.all([
    byRedocly(baseFile, revisionFile),
    ...(existsSync(OASDIFF) ? [byOasdiff(baseFile, revisionFile)] : []),
  ]);
  // oasdiff describes every change in a sentence; Redocly does so for breaking changes only.
  const [mostReadable] = findings.toReversed() as [Findings];
  return {
    breaking: findings.flatMap(({ tool, breaking }) => breaking.map((change) => `${change} (${tool})`)),
    changes: mostReadable.changes,
    tools: findings.map(({ tool }) => tool),
  };
}

interface Findings {
  tool: string;
  breaking: string[];
  changes: string[];
}

const run = promisify(execFile);

interface RedoclyChange {
  path: string;
  kind: string;
  impact: 'major' | 'minor' | 'patch';
  property?: string;
  verdicts: { message: string }[];
}

/**
 * A security requirement, of all operations or of one. Redocly rates an added alternative as a minor change, even
 * the alternative of no key at all, and the removal of the whole list as a patch: no caller loses access. But anyone gains it.
 */
const SECURITY = /^#(\/paths\/[^/]+\/[^/]+)?\/security(\/|$)/;

export async function byRedocly(baseFile: string, revisionFile: string): Promise<Findings> {
  const cli = resolvePath('../../node_modules/@redocly/cli/bin/cli.js');
  const options = ['--config', resolvePath('redocly.yaml'), '--format', 'json', '--fail-on', 'none'];
  const { changes } = (await json(process.execPath, [cli, 'diff', baseFile, revisionFile, ...options])) as {
    changes: RedoclyChange[];
  };
  const breaking = changes.filter(({ impact, path }) => impact === 'major' || SECURITY.test(path));
  return {
    tool: 'redocly',
    breaking: breaking.map(describeChange),
    changes: changes.filter((change) => breaking.includes(change) || change.impact === 'minor').map(describeChange),
  };
}

function describeChange({ verdicts, path, property, kind }: RedoclyChange): string {
  return verdicts.map(({ message }) => message).join(' ') || `${[path, property].filter(Boolean).join(' ')} ${kind}`;
}

interface OasdiffChange {
  id: string;
  text: string;
  level: 1 | 2 | 3;
  operation?: string;
  path?: string;
}

/** Levels: 3 breaks callers, 2 may break some, 1 is informational. `oasdiff-levels.txt` raises some informational changes. */
export async function byOasdiff(baseFile: string, revisionFile: string): Promise<Findings> {
  const options = ['--format', 'json', '--severity-levels', resolvePath('oasdiff-levels.txt')];
  const all = (await json(OASDIFF, ['changelog', baseFile, revisionFile, ...options])) as OasdiffChange[];
  // Changes of the version number are evaluated in diff.ts.
  const changes = all.filter(({ id }) => !id.startsWith('api-version-'));
  const describe = ({ text, operation, path }: OasdiffChange) => (operation ? `${operation} ${path}: ${text}` : text);
  return {
    tool: 'oasdiff',
    breaking: changes.filter(({ level }) => level >= 2).map(describe),
    changes: changes.map(describe),
  };
}

async function json(command: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(command, args, {
    env: { ...process.env, REDOCLY_TELEMETRY: 'off' },
    maxBuffer: 64 * 1024 * 1024,
    timeout: 60_000,
  });
  return JSON.parse(stdout);
}
