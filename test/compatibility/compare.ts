import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  dereference,
  parsePointer,
  readOperations,
  type Dereferenced,
  type Schema,
} from '../../src/contract/document.ts';
import { acceptPlainBooleans } from './booleans.ts';
import { compareExamples } from './examples.ts';

/** The differences between two versions of a contract. */
export interface Comparison {
  /** Changes that break callers written for the base. */
  breaking: readonly string[];
  /** All changes visible to callers, including the breaking ones. */
  changes: readonly string[];
  /** Changes that the diff tools would report as breaking, and that are none: see booleans.ts. */
  accepted: readonly string[];
  /** What compared: our own comparison, and the diff tools that are installed. */
  tools: readonly string[];
}

const resolvePath = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Built by `make diff` if Go is installed. */
export const OASDIFF = resolvePath('../../.conformance/bin/oasdiff');

/**
 * Compares two documents by their examples, with Redocly, and with oasdiff where it is installed. A change is breaking if one of
 * them says so.
 *
 * Throws for a document with a `$ref` that is circular, or leads nowhere or out of it.
 */
export async function compare(baseDocument: object, revisionDocument: object): Promise<Comparison> {
  const [base, revision] = [expand(baseDocument), expand(revisionDocument)];
  const [before, after] = [readOperations(base), readOperations(revision)];
  const accepted = acceptPlainBooleans(before, after);
  const examples = compareExamples(before, after);
  const tools = await runTools(base, revision);
  const findings = [examples, ...tools];
  // oasdiff describes every change in a sentence; Redocly does so for breaking changes only.
  const mostReadable = tools.at(-1)!;
  return {
    breaking: mergeStatuses(findings.flatMap(({ tool, breaking }) => breaking.map((change) => `${change} (${tool})`))),
    changes: mergeStatuses([...examples.changes, ...mostReadable.changes]),
    accepted: mergeStatuses(accepted),
    tools: findings.map(({ tool }) => tool),
  };
}

/** What callers can reach of a document, without `$ref`, in one spelling. Each place has a copy of its own. */
function expand(document: object): Dereferenced {
  const { components, ...rest } = dereference(document);
  const { securitySchemes } = components ?? {};
  const text = JSON.stringify({ ...rest, components: { securitySchemes } });
  return JSON.parse(text, (_key, node: unknown) => normalize(node)) as Dereferenced;
}

/**
 * Writes rules that have two spellings in one, so that the diff tools do not report another spelling as another rule:
 *
 * - `allOf` with rules that do not overlap is merged into its schema.
 * - `x-whole-cents: true` was `format: usd` before version 1.2. Every number is a `double`.
 */
function normalize(node: unknown): unknown {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return node;
  const { allOf = [], 'x-whole-cents': isWholeCents, ...rules } = node as Schema;
  if (!Array.isArray(allOf)) return node;
  if (isWholeCents === true) rules.format = 'usd';
  else if (rules.format === 'double') delete rules.format;
  const parts = [...allOf, rules].map((part) => Object.keys(part).filter((keyword) => !DESCRIPTIVE.has(keyword)));
  const isOverlapping = new Set(parts.flat()).size < parts.flat().length;
  return isOverlapping ? { ...rules, allOf } : Object.assign({}, ...allOf, rules);
}

const DESCRIPTIVE = new Set(['description', 'example']);

async function runTools(base: object, revision: object): Promise<Findings[]> {
  const folder = await mkdtemp(join(tmpdir(), 'contract-diff-'));
  try {
    const files = [join(folder, 'base.json'), join(folder, 'revision.json')] as const;
    await Promise.all([writeFile(files[0], JSON.stringify(base)), writeFile(files[1], JSON.stringify(revision))]);
    return await Promise.all([byRedocly(...files), ...(existsSync(OASDIFF) ? [byOasdiff(...files)] : [])]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const STATUS = /(?<=status )`\d{3}`/;

/** A change of a component is found at each status that uses it: one sentence names them all. */
function mergeStatuses(changes: readonly string[]): string[] {
  const merged = Map.groupBy(new Set(changes), (change) => change.replace(STATUS, '*'));
  return [...merged.values()].map((same) =>
    same[0]!.replace(STATUS, same.map((change) => STATUS.exec(change)?.[0]).join(', ')),
  );
}

export interface Findings {
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
    changes: changes.filter((change) => breaking.includes(change) || isVisible(change)).map(describeChange),
  };
}

/** Text for readers, and what the comparison of examples reports. */
const UNSEEN = /^#\/(info|tags)\b|\/examples\/|[/ ]x-(problems|body-limit-bytes)\b| (description|summary|example)$/;

const isVisible = ({ path, property = '' }: RedoclyChange) => !UNSEEN.test(`${path} ${property}`);

function describeChange({ verdicts, path, property, kind }: RedoclyChange): string {
  const [, url, method = '', ...rest] = path.startsWith('#/paths/') ? parsePointer(path) : [];
  const [within, status] = rest[0] === 'responses' ? [rest.slice(2), rest[1]] : [rest];
  const place = url ? `${method.toUpperCase()} ${url}`.trim() + (status ? ` status \`${status}\`` : '') : path;
  const message = verdicts.map((verdict) => verdict.message).join(' ');
  return `${place}: ${message || [...within, property, kind].filter(Boolean).join(' ')}`;
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
