import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

/** From the processes down to the arithmetic: a file imports only from its own row or below. */
const ROWS: readonly (readonly RegExp[])[] = [
  [/^(dev|mock|server)\.ts$/, /^tools\//],
  [/^live\.ts$/, /^mock\/(command|index|msw|watch)\.ts$/],
  [/^mock\/(console|contractFile|fetch|server)\.ts$/],
  [/^mock\/app\.ts$/],
  [/^mock\/routes\.ts$/],
  [/^docs\/routes\.ts$/, /^mock\/(fetchEngine|options|scenariosPage)\.ts$/],
  [/^docs\/files\.ts$/, /^mock\/(config|prism|responder|scenarios)\.ts$/, /^shutdown\.ts$/],
  [
    /^config\.ts$/,
    /^docs\/(curl|highlight|html|markdown|markdownReference|page|playground|reference|render|samples)\.ts$/,
    /^mock\/(directives|dynamicData|explain|idempotencyKeys|responses|scenarioQueue)\.ts$/,
  ],
  [/^env\.ts$/, /^mock\/(headerValue|prefer)\.ts$/],
  [/^http\/app\.ts$/, /^observability\/admin\.ts$/],
  [/^http\/(engineCall|requestLog)\.ts$/],
  [/^http\/(cors|parserErrors|reply)\.ts$/],
  [/^http\/connections\.ts$/],
  [/^contract\/responseValidation\.ts$/, /^observability\/metrics\.ts$/],
  [/^contract\/engine\.ts$/],
  [/^contract\/(json|lint|responses|validation|violations)\.ts$/],
  [/^access\/(apiKeys|rateLimits)\.ts$/, /^http\/(body|headers)\.ts$/, /^observability\/log\.ts$/],
  [/^operations\//],
  [/^contract\/(document|router)\.ts$/],
  [/^contract\/(handler|idempotencyKey|problems)\.ts$/],
  [/^payments\/bulkhead\.ts$/, /^payments\/stripe\//],
  [/^payments\/gateway\.ts$/],
  [
    /^(startSignals|nodeVersion)\.js$/,
    /^access\/(callerAddress|redis)\.ts$/,
    /^client\//,
    /^contract\/checks\.ts$/,
    /^nearest\.ts$/,
    /^observability\/(console|logDestination|tracing)\.ts$/,
    /^payments\/(idempotency|money)\.ts$/,
  ],
];

const SRC = new URL('../../src/', import.meta.url);
const files = globSync(['**/*.ts', 'startSignals.js', 'nodeVersion.js'], { cwd: SRC }).map((file) =>
  file.replaceAll('\\', '/'),
);
const readSource = (file: string) => readFileSync(new URL(file, SRC), 'utf8');

interface Import {
  from: string;
  /** A file of ours, by its path in src/, or the name of a package. */
  to: string;
  isType: boolean;
}

const isOurs = (to: string) => files.includes(to);

/** A statement, with `type` before all its names or not, or a call. */
const IMPORT = /^(?:import|export)( type)? (?:[^'";=(]*? from )?'([^']+)'|\bimport\('([^']+)'\)/gm;

const imports: readonly Import[] = files.flatMap((from) =>
  [...readSource(from).matchAll(IMPORT)].map(([, type, stated, called = stated!]) => ({
    from,
    to: called.startsWith('.') ? join(from, '..', called) : readPackageName(called),
    isType: type !== undefined,
  })),
);

/** `@a/b/c` → `@a/b`, `yaml/x` → `yaml`. */
function readPackageName(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}

const findRow = (file: string) => ROWS.findIndex((row) => row.some((pattern) => pattern.test(file)));
const isFake = (file: string) => file.startsWith('fake-stripe/');
const describeImports = (some: readonly Import[]) => some.map(({ from, to }) => `${from} imports ${to}`);

/** Everything that runs when this file runs: what is only a type is gone by then. */
function findClosure(file: string, seen = new Set<string>()): Set<string> {
  for (const { to } of imports.filter(({ from, isType }) => from === file && !isType)) {
    if (!seen.has(to)) findClosure(to, seen.add(to));
  }
  return seen;
}

describe('the layers', () => {
  it('are found in the sources', () => {
    expect(describeImports(imports)).toEqual(
      expect.arrayContaining(['server.ts imports live.ts', 'payments/stripe/gateway.ts imports payments/gateway.ts']),
    );
  });

  it('name each file once', () => {
    const rows = files
      .filter((file) => !isFake(file))
      .map((file) => [file, ROWS.flat().filter((row) => row.test(file))]);
    expect(rows.filter(([, patterns]) => patterns!.length !== 1)).toEqual([]);
  });

  it('are imported downwards', () => {
    const upwards = imports.filter(
      ({ from, to }) => !isFake(from) && isOurs(to) && !isFake(to) && findRow(to) < findRow(from),
    );
    expect(describeImports(upwards)).toEqual([]);
  });

  it('do not meet the fake Stripe, but for dev.ts', () => {
    expect(describeImports(imports.filter(({ from, to }) => !isFake(from) && isFake(to)))).toEqual([
      'dev.ts imports fake-stripe/server.ts',
    ]);
  });

  it('are not met by the fake Stripe', () => {
    expect(describeImports(imports.filter(({ from, to }) => isFake(from) && isOurs(to) && !isFake(to)))).toEqual([]);
  });
});

describe('the boundaries', () => {
  it('only payments/stripe/ speaks to Stripe; the fake one borrows its types', () => {
    const others = imports.filter(({ from, to, isType }) => to === 'stripe' && !(isFake(from) && isType));
    expect(others.map(({ from }) => from).filter((from) => !from.startsWith('payments/stripe/'))).toEqual([]);
  });

  it('payments know neither HTTP nor OpenAPI', () => {
    const packages = imports.filter(({ from, to }) => from.startsWith('payments/') && !isOurs(to)).map(({ to }) => to);
    expect(packages.filter((name) => /fastify|openapi|ajv|yaml|prism|node:https?$/.test(name))).toEqual([]);
  });

  it('only processes read the environment', () => {
    const readers = files.filter((file) => /process\s*\.\s*env|process\[/.test(readSource(file)));
    expect(readers.sort()).toEqual(['dev.ts', 'mock.ts', 'server.ts', 'tools/apiKey.ts', 'tools/reference.ts']);
  });

  it('the client is made of itself and of what is generated', () => {
    const others = imports.filter(({ from, to }) => from.startsWith('client/') && !to.startsWith('client/'));
    expect(new Set(others.map(({ to }) => to))).toEqual(
      new Set(['../generated/openapi.d.ts', '../generated/problems.ts']),
    );
  });

  it('nothing imports a process', () => {
    expect(describeImports(imports.filter(({ to }) => ['dev.ts', 'mock.ts', 'server.ts'].includes(to)))).toEqual([]);
  });
});

const packagesOf = (file: string) => new Set([...findClosure(file)].filter((to) => !isOurs(to)));

describe('the mock', () => {
  it('asks Prism in one file, which neither the library nor the command needs', () => {
    const asking = imports.filter(({ to }) => to.startsWith('@stoplight/')).map(({ from }) => from);
    expect(new Set(asking)).toEqual(new Set(['mock/prism.ts']));
    for (const file of ['mock/index.ts', 'mock/command.ts']) expect(findClosure(file)).not.toContain('mock/prism.ts');
  });

  it('needs only MSW and generated files in a browser', () => {
    const generated = ['openapi.json', 'responses.json', 'validators.ts'].map((file) => `../generated/${file}`);
    expect(packagesOf('mock/msw.ts')).toEqual(new Set(['msw', ...generated]));
    // What generated/validators.ts imports.
    expect(packagesOf('contract/checks.ts')).toEqual(new Set());
  });
});

describe('the production process', () => {
  const production = [...findClosure('server.ts')];
  const packages = production.filter((name) => !isOurs(name) && !name.endsWith('.json'));

  it('is made of more than its own file', () => {
    expect(production).toEqual(
      expect.arrayContaining(['operations/createPaymentIntent.ts', 'payments/money.ts', 'stripe']),
    );
  });

  it('has no fake Stripe and no mock in it', () => {
    expect(production.filter((file) => isFake(file) || file.startsWith('mock/'))).toEqual([]);
  });

  it('runs on dependencies and on Node alone', () => {
    const installed = packages.filter((name) => !name.startsWith('node:'));
    expect(Object.keys(manifest.dependencies)).toEqual(expect.arrayContaining(installed));
  });
});
