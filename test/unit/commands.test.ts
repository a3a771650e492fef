/** The commands of the project: `make` and npm run the same ones, and `make ci` counts what failed. */
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
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
    const unix = Object.entries(manifest.scripts).filter(([, command]) => /\bexec |^bash |\$|'|;/.test(command));
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

describe('an old Node', () => {
  const version = `data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.1.0'}})`;

  it.each(['start', 'dev', 'mock'] as const)(
    'is told by npm run %s which one is needed, in one line',
    async (script) => {
      // The port keeps a server from starting.
      const env = { NODE_OPTIONS: `--import=${version}`, PORT: 'none' };
      const { code, errors } = await run('sh', ['-c', manifest.scripts[script]], env);
      expect(errors).toMatch(/^This service needs Node 24\.18 or later, and this is 20\.1\.0\. .*\n$/);
      expect(code).toBe(1);
    },
  );
});

describe('make', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'install-test-'));
    await mkdir(join(folder, '.node'));
    for (const file of ['Makefile', 'package.json', 'package-lock.json', '.npmrc', '.node/package.json']) {
      await cp(join(ROOT, file), join(folder, file));
      await utimes(join(folder, file), 0, 0);
    }
    // An npm that tells how it was called, and installs.
    await writeFile(join(folder, 'npm'), '#!/bin/sh\necho "npm $*"\nmkdir -p node_modules\n');
    await chmod(join(folder, 'npm'), 0o755);
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Has the packages in node_modules, and npm's list of what it installed, and runs `make install`. */
  async function install(packages: readonly string[], listed?: readonly string[]) {
    await rm(join(folder, 'node_modules'), { recursive: true, force: true });
    for (const name of packages) {
      await mkdir(join(folder, 'node_modules', name), { recursive: true });
      await writeFile(join(folder, 'node_modules', name, 'package.json'), '{}');
    }
    const list = { packages: Object.fromEntries((listed ?? []).map((name) => [`node_modules/${name}`, {}])) };
    const file = join(folder, 'node_modules/.package-lock.json');
    if (listed) await writeFile(file, JSON.stringify(list, null, 2).replaceAll('{}', '{\n    }'));
    const env = { PATH: `${folder}${delimiter}${process.env['PATH']}`, NODE_ENV: 'production', npm_config_omit: 'dev' };
    return run('make', ['--directory', folder, '--no-print-directory', 'install'], env);
  }
  const all = ['@scope/one', 'pinned-node', 'vitest'];

  it('installs nothing where everything is installed', async () => {
    expect((await install([...all, '.bin/vitest'], all)).output).not.toContain('npm');
  });

  it.each<[string, string[], string[]?]>([
    ['nothing is installed', []],
    ['npm ci was interrupted', ['vitest']],
    ['the development packages were left out', ['@scope/one', '.bin/vitest'], ['@scope/one']],
    ['a package is gone', ['@scope/one', 'pinned-node', '.bin/vitest'], all],
    ['the commands were left out', all, all],
  ])(
    'installs everything where %s, whatever the environment omits, and says that it takes long',
    async (_why, ...there) => {
      const { output, errors } = await install(...there);
      expect(output).toBe('npm ci --include=dev --include=optional --bin-links --loglevel=error\n');
      expect(errors).toMatch(/^Installing everything inside this folder\. This takes a minute or two …\n/);
    },
  );
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
    expect(output.match(/^== make \S+( \S+=\S+)*$/gm)?.length).toBe(steps.length);
    expect(code).toBe(1);
  });
});
