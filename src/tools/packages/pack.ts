/**
 * `make package`: packs the client, the mock and the contract tests for other teams into dist/, each with the contract.
 *
 * Separate packages keep the client free of dependencies. They contain JavaScript, because Node runs no TypeScript
 * below node_modules.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import root from '../../../package.json' with { type: 'json' };

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
/** For each package: its entry files, additional files, and the packages whose files it serves. */
const PACKAGES = {
  client: {
    entries: ['src/client/index.js'],
    assets: ['openapi/openapi.yaml', 'generated/openapi.json', 'generated/openapi.d.ts'],
    served: [],
  },
  mock: {
    // render.js is imported at the first request of the reference.
    entries: ['src/mock.js', 'src/docs/render.js'],
    assets: ['openapi/openapi.yaml', 'src/docs/page'],
    // Their files are served, and their code is not imported.
    served: ['@fontsource-variable/inter', '@scalar/fastify-api-reference'],
  },
  contract: {
    entries: ['test/contract/cli.js'],
    assets: [],
    served: [],
  },
};

const dist = join(ROOT, 'dist');
rmSync(dist, { recursive: true, force: true });
for (const [name, { entries, assets, served }] of Object.entries(PACKAGES)) {
  const source = join(ROOT, 'src/tools/packages', name);
  const folder = join(dist, name);
  mkdirSync(folder, { recursive: true });
  cpSync(source, folder, { recursive: true, filter: (file) => !file.endsWith('tsconfig.json') });
  for (const file of ['LICENSE', ...assets]) cpSync(join(ROOT, file), join(folder, file), { recursive: true });
  // The client has a second one, for CommonJS.
  for (const config of globSync('{.,*}/tsconfig.json', { cwd: source })) {
    const outDir = join(folder, dirname(config));
    execFileSync(process.execPath, [TSC, '-p', join(source, config), '--outDir', outDir], { stdio: 'inherit' });
    // The compiler does not copy the declarations that its own import.
    for (const file of assets.filter((one) => one.endsWith('.d.ts'))) cpSync(join(ROOT, file), join(outDir, file));
  }
  const reached = [...entries.flatMap((entry) => [...findReached(join(folder, entry))]), ...served];
  // The compiler also emits files that are only imported as types.
  for (const file of globSync('{src,generated,test}/**/*.js', { cwd: folder }).map((one) => join(folder, one))) {
    if (!reached.includes(file)) rmSync(file);
  }
  const own = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as object;
  const { version, license, engines } = root;
  const manifest = { version, license, engines, ...own, dependencies: findVersions(reached) };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', dist], { cwd: folder, stdio: 'inherit' });
}

/** The file, all files that it imports, and packages by name. Without dynamic imports, which only the live server uses. */
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
  return /^(@[^/]+\/)?[^/]+/.exec(target)![0];
}

function findVersions(reached: readonly string[]): Record<string, string> {
  const versions: Record<string, string> = { ...root.dependencies, ...root.devDependencies };
  const names = reached.filter((one) => !isAbsolute(one)).toSorted();
  const unknown = names.filter((name) => versions[name] === undefined);
  if (unknown.length > 0) throw new Error(`package.json does not have ${unknown.join(', ')}`);
  return Object.fromEntries(names.map((name) => [name, versions[name]!]));
}
