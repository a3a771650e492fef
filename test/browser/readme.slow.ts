/**
 * Every command of the README and of the pages in the folders (code blocks in `sh`), and every program (in `js`). Only the ports
 * are others, so that nobody is in the way, and each command runs once.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/access/apiKeys.ts';
import { freePort } from '../support/freePort.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Not the pages of the packages: their commands belong into projects of other teams. */
const pages = globSync(['*.md', 'src/**/*.md', 'test/**/*.md'], {
  cwd: ROOT,
  exclude: ['**/node_modules', 'src/tools'],
});
const blocksIn = (page: string, language: string) =>
  [...readFileSync(`${ROOT}${page}`, 'utf8').matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, block]) =>
    name === language ? [block!] : [],
  );
/** The steps of `make ci`: not run here once more. */
const steps = [...readFileSync(`${ROOT}test/ci.sh`, 'utf8').matchAll(/^step (.+)$/gm)].map(
  ([, step]) => `make ${step}`,
);

/** One command each: joined where a line goes on, and without its remark. */
const commands = [
  ...new Set(
    pages
      .flatMap((page) => blocksIn(page, 'sh'))
      .flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
      .map((line) => line.replace(/ +# .*$/, '').trim())
      .filter((line) => line !== ''),
  ),
];

const programs = pages.flatMap((page) => blocksIn(page, 'js').map((program) => [page, program] as const));

const NOT_HERE: Record<string, string> = {
  'npm install ./carevalidate-payments-client-1.0.0.tgz':
    'it belongs into a project of another team: test/system/packages does it there',
  'npm install --save-dev ./carevalidate-payments-mock-1.0.0.tgz':
    'it belongs into a project of another team: test/system/packages does it there',
  'npx payments-mock LATENCY_MS=100-800':
    'it belongs into a project of another team: test/system/packages does it there',
  'npm install --save-dev ./carevalidate-payments-contract-tests-1.0.0.tgz':
    'it belongs into a project of another team: test/system/packages does it there',
  'npx payments-contract BASE_URL=http://127.0.0.1:3000 API_KEY=cv_dev_key':
    'it belongs into a project of another team: test/system/packages does it there',
  'npm ci --omit=dev': 'it would take away the packages that these tests run on',
};
/** What serves until it is ended, by the port that the pages name. */
const SERVERS: Record<string, string> = {
  'make start': '3000',
  'make mock': '4010',
  'make checkout': '4020',
  'npm start': '80',
};

const ports = new Map<string, number>();
const started: ChildProcess[] = [];

const own = (command: string) =>
  command
    // Whatever runs this is installed.
    .replace(/^make /, 'make -o node_modules/.package-lock.json ')
    .replace(/127\.0\.0\.1:(\d+)/g, (_, port: string) => `127.0.0.1:${ports.get(port)}`);

/** Without vitest's own variables: some commands are runs of vitest. */
const environment = () => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'))),
  NO_PROXY: '*',
  no_proxy: '*',
});

/** Runs a server, until it answers at its port. */
async function serve(command: string, port: number): Promise<void> {
  const env = {
    ...environment(),
    PORT: String(port),
    ADMIN_PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'silent',
    API_URL: `http://127.0.0.1:${ports.get('4010')}`,
    ...(command === 'npm start' && {
      API_KEYS: `acme:${sha256('cv_readme').toString('hex')}`,
      STRIPE_SECRET_KEY: 'sk_test_readme',
      DRAIN_MS: '0',
    }),
  };
  // A group of its own, so that what make and npm start ends with them.
  const child = spawn('bash', ['-c', own(command)], {
    cwd: ROOT,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const answers = () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      ({ status }) => status,
      () => output,
    );
  await expect.poll(answers, { timeout: 30_000, interval: 200 }).toBeTypeOf('number');
}

beforeAll(async () => {
  for (const port of Object.values(SERVERS)) ports.set(port, await freePort());
});
afterAll(async () => {
  for (const { pid, exitCode } of started) if (exitCode === null) process.kill(-pid!, 'SIGTERM');
  for (const child of started) if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
});

const serving = commands.filter((command) => command in SERVERS);
const rest = commands.filter((command) => !(command in SERVERS) && !(command in NOT_HERE) && !steps.includes(command));

describe('the commands of the pages', () => {
  it('are found', () => {
    expect(commands).toEqual(expect.arrayContaining([...Object.keys(SERVERS), ...Object.keys(NOT_HERE)]));
    expect(steps).toContain('make browser');
    expect(rest.filter((command) => command.startsWith('curl '))).not.toEqual([]);
  });

  it.each(serving)('%s serves', async (command) => {
    await serve(command, ports.get(SERVERS[command]!)!);
    expect(started.at(-1)!.exitCode).toBeNull();
  });

  it.each(rest)('%s', async (command) => {
    const { stdout } = await promisify(execFile)('bash', ['-ec', own(command)], { cwd: ROOT, env: environment() });
    expect(stdout).toMatch(command.startsWith('curl ') ? /"success":(true|false)/ : /\S/);
  });

  it.each(programs)('the program of %s', async (_page, program) => {
    // The client is installed only in projects of other teams.
    const source = own(program).replace('@carevalidate/payments-client', './src/client/index.ts');
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source], {
      cwd: ROOT,
      env: environment(),
    });
    expect(stdout).toMatch(/^pi_\w+_secret_\w+/);
  });
});
