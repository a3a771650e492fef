/** The commands of the project: `make` and npm run the same ones, and `make ci` counts what failed. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const makefile = await readFile(join(ROOT, 'Makefile'), 'utf8');
const verbs = [...makefile.matchAll(/^([a-z][a-z -]*):/gm)].flatMap(([, targets]) => targets!.split(' '));
const scripts = Object.keys(manifest.scripts);

interface Ended {
  code: number;
  output: string;
  errors: string;
}
const run = (file: string, args: readonly string[], env: Record<string, string> = {}) =>
  new Promise<Ended>((resolve) => {
    execFile(file, args, { cwd: ROOT, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: stdout, errors: stderr });
    });
  });

describe('make and npm', () => {
  it('have the same commands; npm start is production, and npm run dev what make start is', () => {
    const both = verbs.filter((verb) => !/^(help|install|ci|start)$/.test(verb));
    expect(scripts.filter((script) => !/^(start|dev)$/.test(script)).toSorted()).toEqual(both.toSorted());
  });

  it('run scripts that need no shell of Unix, but for production and its check', () => {
    const unix = Object.entries(manifest.scripts).filter(([, command]) => /^exec |^bash |\$|'|;/.test(command));
    expect(unix.map(([script]) => script)).toEqual(['start', 'production']);
  });

  it('make lists its verbs in groups', async () => {
    const { output } = await run('make', []);
    expect(output.match(/^\w+$/gm)).toEqual(['Run', 'Test', 'Maintain']);
    expect(output.match(/^ {2}make [a-z-]+ +[A-Z]/gm)?.length).toBe(output.match(/^ {2}/gm)?.length);
  });
});

// Read as NaN, it would run nothing, or for ever, and pass.
describe('a mistyped number', () => {
  it.concurrent.each([
    ['chaos', 'test/system/chaos/chaos.ts', 'CLIENTS'],
    ['fuzz', 'test/system/fuzz/fuzz.ts', 'REQUESTS'],
    ['bench', 'test/bench/bench.ts', 'ROUNDS'],
  ])('is refused by %s, by the name of its variable', async (_verb, file, variable) => {
    const { code, output, errors } = await run(process.execPath, [file], { [variable]: '3O0' });
    expect({ code, output }).toEqual({ code: 2, output: '' });
    expect(errors).toMatch(new RegExp(`- ${variable}: expected an integer from \\d+ to \\d+, got "3O0"\\n$`));
  });
});

describe('make ci', async () => {
  const steps = [...(await readFile(join(ROOT, 'test/ci.sh'), 'utf8')).matchAll(/^step (\S+)/gm)].map(
    ([, verb]) => verb!,
  );
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ci-test-'));
    // A make whose verbs end as Vitest and other commands do.
    const program = `#!/bin/sh
case "$1" in
  "$BROKEN") exit 1 ;;
  "$FAILING") printf ' Test Files  1 failed (1)\\n      Tests  2 failed | 3 passed (5)\\n'; exit 1 ;;
  "$CRASHING") printf '      Tests  4 passed (4)\\n     Errors  1 error\\n'; exit 1 ;;
  test) printf '\\033[2m      Tests \\033[22m \\033[1m\\033[32m95 passed\\033[39m\\033[22m (95)\\n' ;;
esac
`;
    await writeFile(join(folder, 'make'), program);
    await chmod(join(folder, 'make'), 0o755);
  });
  afterAll(() => rm(folder, { recursive: true }));
  const ci = (env: Record<string, string>) =>
    run('test/ci.sh', [], { PATH: `${folder}${delimiter}${process.env['PATH']}`, ...env });
  const others = steps.length - 1;

  it('has steps that are verbs', () => {
    expect(verbs).toEqual(expect.arrayContaining(steps));
  });

  it('counts the tests of a test run, and any other command once', async () => {
    const { code, output } = await ci({});
    expect(output).toMatch(new RegExp(`\\n${95 + others} passed, 0 failed\\n$`));
    expect(code).toBe(0);
  });

  it.each([
    ['a command', { BROKEN: 'check' }, 95 + others - 1, 1],
    ['tests', { FAILING: 'reliability' }, 95 + others - 1 + 3, 2],
    ['a test run without a failed test', { CRASHING: 'mutants' }, 95 + others - 1 + 4, 1],
  ])('fails where %s failed, behind all the steps', async (_what, env, passed, failed) => {
    const { code, output } = await ci(env);
    expect(output).toMatch(new RegExp(`\\n${passed} passed, ${failed} failed\\n$`));
    expect(output.match(/^== make \S+$/gm)?.length).toBe(steps.length - 1);
    expect(code).toBe(1);
  });
});
