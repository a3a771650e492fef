import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What two versions of a contract have to do with each other, in the words of those who compared them. */
export interface Comparison {
  /** Changes that break a caller who keeps to the base. */
  breaking: readonly string[];
  /** All changes that a caller can notice, breaking ones among them. */
  changes: readonly string[];
  /** Who was asked. */
  judges: readonly string[];
}

const resolvePath = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Made by `make diff` where there is a Go. */
export const OASDIFF = resolvePath('../../.conformance/bin/oasdiff');

/** Compares two files with Redocly, and with oasdiff where it is installed. Breaking is what either of them calls so. */
export async function compare(baseFile: string, revisionFile: string): Promise<Comparison> {
  const findings = await Promise.all([
    byRedocly(baseFile, revisionFile),
    ...(existsSync(OASDIFF) ? [byOasdiff(baseFile, revisionFile)] : []),
  ]);
  // oasdiff words whole sentences for readers; Redocly has words for what is breaking only.
  const [inWords] = findings.toReversed() as [Findings];
  return {
    breaking: findings.flatMap(({ judge, breaking }) => breaking.map((change) => `${change} (${judge})`)),
    changes: inWords.changes,
    judges: findings.map(({ judge }) => judge),
  };
}

interface Findings {
  judge: string;
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
 * A security requirement, of all operations or of one. Redocly calls an alternative that is added a minor change, even the
 * alternative of no key at all, and the removal of the whole list a patch: nobody is locked out. But anyone gets in.
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
    judge: 'redocly',
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

/** Its levels: 3 breaks callers, 2 may break some, 1 is news. `oasdiff-levels.txt` raises what would pass as news. */
export async function byOasdiff(baseFile: string, revisionFile: string): Promise<Findings> {
  const options = ['--format', 'json', '--severity-levels', resolvePath('oasdiff-levels.txt')];
  const all = (await json(OASDIFF, ['changelog', baseFile, revisionFile, ...options])) as OasdiffChange[];
  // About the version number, of which we judge ourselves.
  const changes = all.filter(({ id }) => !id.startsWith('api-version-'));
  const words = ({ text, operation, path }: OasdiffChange) => (operation ? `${operation} ${path}: ${text}` : text);
  return {
    judge: 'oasdiff',
    breaking: changes.filter(({ level }) => level >= 2).map(words),
    changes: changes.map(words),
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
