/** Every command of the README, in its order. Only the ports are others, so that nobody is in the way. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/access/apiKeys.ts';
import { freePort } from '../support/freePort.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
/** The steps of `make ci`: not run here once more. */
const steps = [...readFileSync(new URL('../ci.sh', import.meta.url), 'utf8').matchAll(/^step (.+)$/gm)].map(
  ([, step]) => `make ${step}`,
);

/** One command each: joined where a line goes on, and without its remark. */
const commands = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) =>
  block!
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/ +# .*$/, '').trim())
    .filter((line) => line !== ''),
);

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
  'npm ci': 'it would install the packages that these tests run on once more',
  'npm ci --omit=dev': 'it would take away the packages that these tests run on',
  'make ci': 'it is what runs this',
  'make docs-test': 'the name that make browser had',
};
/** What serves until it is ended, by the port that the README names. */
const SERVERS: Record<string, string> = {
  'make start': '3000',
  'npm run dev': '3000',
  'make mock': '4010',
  'npm run mock': '4010',
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

describe('the commands of the README', () => {
  it('are found', () => {
    expect(serving).toEqual(expect.arrayContaining(['make start', 'make mock', 'npm start']));
    expect(steps).toContain('make browser');
    expect(rest.filter((command) => command.startsWith('curl '))).not.toEqual([]);
  });

  it.each(serving)('%s serves', async (command) => {
    const named = SERVERS[command]!;
    const isFirst = serving.find((one) => SERVERS[one] === named) === command;
    await serve(command, isFirst ? ports.get(named)! : await freePort());
    expect(started.at(-1)!.exitCode).toBeNull();
  });

  it.each(rest)('%s', async (command) => {
    const { stdout } = await promisify(execFile)('bash', ['-ec', own(command)], { cwd: ROOT, env: environment() });
    expect(stdout).toMatch(command.startsWith('curl ') ? /"success":(true|false)/ : /\S/);
  });
});
