/**
 * `make package`: packs what other teams install, the client, the mock and the contract tests, each with the contract, into dist/.
 *
 * Three packages, so that a client brings one dependency along, and no Prism. Node runs no TypeScript below node_modules:
 * they hold JavaScript.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import root from '../../../package.json' with { type: 'json' };

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
/** What each holds: the files that all of its code is reached from, what stands beside it, and whose files it serves. */
const PACKAGES = {
  client: {
    entries: ['src/client/index.js'],
    beside: ['openapi/openapi.yaml', 'generated/openapi.json', 'generated/openapi.d.ts'],
    served: [],
  },
  mock: {
    entries: ['src/mock.js'],
    beside: ['openapi/openapi.yaml', 'src/docs/page'],
    // Files of theirs are served, and no code of theirs is imported.
    served: ['@fontsource-variable/inter', '@fontsource-variable/jetbrains-mono', '@scalar/fastify-api-reference'],
  },
  contract: {
    // The tests are found by vitest, and imported by nobody.
    entries: ['test/contract/cli.js', 'test/contract/deployment.js'],
    beside: [],
    served: [],
  },
};

const dist = join(ROOT, 'dist');
rmSync(dist, { recursive: true, force: true });
for (const [name, { entries, beside, served }] of Object.entries(PACKAGES)) {
  const source = join(ROOT, 'src/tools/packages', name);
  const folder = join(dist, name);
  mkdirSync(folder, { recursive: true });
  cpSync(source, folder, { recursive: true, filter: (file) => !file.endsWith('tsconfig.json') });
  for (const file of ['LICENSE', ...beside]) cpSync(join(ROOT, file), join(folder, file), { recursive: true });
  execFileSync(process.execPath, [TSC, '-p', source, '--outDir', folder], { stdio: 'inherit' });
  const reached = [...entries.flatMap((entry) => [...findReached(join(folder, entry))]), ...served];
  // The compiler also writes what is imported as a type only.
  for (const file of globSync('{src,generated,test}/**/*.js', { cwd: folder }).map((one) => join(folder, one))) {
    if (!reached.includes(file)) rmSync(file);
  }
  const own = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as object;
  const { version, license, engines } = root;
  const manifest = { version, license, engines, ...own, dependencies: findVersions(reached) };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', dist], { cwd: folder, stdio: 'inherit' });
}

/** The file, the files that it imports, and the packages by name. What is loaded on demand (traces) a mock never asks for. */
function findReached(file: string, seen = new Set([file])): Set<string> {
  const imports = readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?:[^'";]*? from )?['"]([^'"]+)['"]/gm);
  for (const [, target = ''] of imports) {
    const isOurs = target.startsWith('.');
    const reached = isOurs ? join(dirname(file), target) : readPackageName(target);
    if (seen.has(reached) || target.startsWith('node:')) continue;
    seen.add(reached);
    if (isOurs) findReached(reached, seen);
  }
  return seen;
}

/** `@a/b/c` → `@a/b`, `yaml/x` → `yaml`. */
function readPackageName(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}

/** At our own versions. */
function findVersions(reached: readonly string[]): Record<string, string> {
  const versions: Record<string, string> = { ...root.dependencies, ...root.devDependencies };
  const names = reached.filter((one) => !isAbsolute(one)).toSorted();
  const unknown = names.filter((name) => versions[name] === undefined);
  if (unknown.length > 0) throw new Error(`package.json does not have ${unknown.join(', ')}`);
  return Object.fromEntries(names.map((name) => [name, versions[name]!]));
}
