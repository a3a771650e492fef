/**
 * Runs every command (`sh` code blocks) and every program (`js` code blocks) of the README and of the pages in the folders.
 * The ports are replaced by free ones, and each command runs once.
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
/** The pages of the packages are excluded: their commands run in projects of other teams. */
const pages = globSync(['*.md', 'src/**/*.md', 'test/**/*.md'], {
  cwd: ROOT,
  exclude: ['**/node_modules', 'src/tools'],
});
const blocksIn = (page: string, language: string) =>
  [...readFileSync(`${ROOT}${page}`, 'utf8').matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, block]) =>
    name === language ? [block!] : [],
  );
/** The steps of `make ci`, which are not run a second time here. */
const steps = [...readFileSync(`${ROOT}test/ci.sh`, 'utf8').matchAll(/^step (.+)$/gm)].map(
  ([, step]) => `make ${step}`,
);

/** One command each: continued lines are joined, and trailing comments removed. */
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

/** Commands that are not run, with the reason. */
const EXCLUDED: Record<string, string> = {
  'npm install ./carevalidate-payments-client-1.0.0.tgz':
    'it runs in a project of another team: test/system/packages runs it there',
  'npm install --save-dev ./carevalidate-payments-mock-1.0.0.tgz':
    'it runs in a project of another team: test/system/packages runs it there',
  'npx payments-mock LATENCY_MS=100-800': 'it runs in a project of another team: test/system/packages runs it there',
  'npm install --save-dev ./carevalidate-payments-contract-tests-1.0.0.tgz':
    'it runs in a project of another team: test/system/packages runs it there',
  'npx payments-contract BASE_URL=http://127.0.0.1:3000 API_KEY=cv_dev_key':
    'it runs in a project of another team: test/system/packages runs it there',
  'npm ci --omit=dev': 'it would remove the packages that these tests need',
};
/** Commands that serve until they are stopped, with the port that the pages name. */
const SERVERS: Record<string, string> = {
  'make start': '3000',
  'make mock': '4010',
  'make checkout': '4020',
  'npm start': '80',
};

const ports = new Map<string, number>();
const started: ChildProcess[] = [];

/** The command with the ports of this run. */
const withOwnPorts = (command: string) =>
  command
    // The dependencies are installed already.
    .replace(/^make /, 'make -o node_modules/.package-lock.json ')
    .replace(/127\.0\.0\.1:(\d+)/g, (_, port: string) => `127.0.0.1:${ports.get(port)}`);

/** Without vitest's variables, because some commands run vitest themselves. */
const environment = () => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'))),
  NO_PROXY: '*',
  no_proxy: '*',
});

/** Starts a server and waits until it responds on its port. */
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
  // A process group of its own, so that child processes of make and npm stop with them.
  const child = spawn('bash', ['-c', withOwnPorts(command)], {
    cwd: ROOT,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const statusOrOutput = () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      ({ status }) => status,
      () => output,
    );
  await expect.poll(statusOrOutput, { timeout: 30_000, interval: 200 }).toBeTypeOf('number');
}

beforeAll(async () => {
  for (const port of Object.values(SERVERS)) ports.set(port, await freePort());
});
afterAll(async () => {
  for (const { pid, exitCode } of started) if (exitCode === null) process.kill(-pid!, 'SIGTERM');
  for (const child of started) if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
});

const serving = commands.filter((command) => command in SERVERS);
const otherCommands = commands.filter(
  (command) => !(command in SERVERS) && !(command in EXCLUDED) && !steps.includes(command),
);

describe('the commands on the documentation pages', () => {
  it('include the servers, the excluded commands and curl requests', () => {
    expect(commands).toEqual(expect.arrayContaining([...Object.keys(SERVERS), ...Object.keys(EXCLUDED)]));
    expect(steps).toContain('make browser');
    expect(otherCommands.filter((command) => command.startsWith('curl '))).not.toEqual([]);
  });

  it.each(serving)('%s starts a server that responds', async (command) => {
    await serve(command, ports.get(SERVERS[command]!)!);
    expect(started.at(-1)!.exitCode).toBeNull();
  });

  it.each(otherCommands)('%s succeeds', async (command) => {
    const { stdout } = await promisify(execFile)('bash', ['-ec', withOwnPorts(command)], {
      cwd: ROOT,
      env: environment(),
    });
    expect(stdout).toMatch(command.startsWith('curl ') ? /"success":(true|false)/ : /\S/);
  });

  it.each(programs)('the program on page %s creates a payment intent', async (_page, program) => {
    // The client package is installed in projects of other teams only.
    const source = withOwnPorts(program).replace('@carevalidate/payments-client', './src/client/index.ts');
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source], {
      cwd: ROOT,
      env: environment(),
    });
    expect(stdout).toMatch(/^pi_\w+_secret_\w+/);
  });
});
