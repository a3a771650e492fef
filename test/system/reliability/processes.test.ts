/** The real processes: their start, their output, their signals and their exit codes. */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { operations } from '../../support/contractDocument.ts';
import { ACME, settings } from '../../support/observed.ts';
import { INTENT_PATH } from '../../support/rawHttp.ts';

const started = new Set<ChildProcess>();
// At the end, not after each test: the tests run at the same time.
afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
});

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A process with this environment only. */
function runCommand([command, ...args]: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(command!, args, { cwd: ROOT, env: { PATH: process.env['PATH'], ...env } });
  started.add(child);
  return child;
}

/** A process of ours. */
const run = (file: string, env: Record<string, string> = {}): ChildProcess =>
  runCommand([process.execPath, '--import', './src/compileCache.js', `src/${file}`], env);

/** What `npm start` runs, and what a container runs without npm. */
const START = manifest.scripts.start.replace(/^.* exec node /, '').split(' ');

async function ended(child: ChildProcess) {
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'exit'),
  ]);
  return { exitCode: exitCode as number | null, stdout, stderr };
}

/** The output of a process up to `last`, which it prints when it is ready. */
async function printed(child: ChildProcess, last: string): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    child.stdout!.on('data', (chunk) => {
      output += chunk;
      if (output.includes(last)) resolve(output);
    });
    child.once('exit', () => reject(new Error(`It ended, having said:\n${output}`)));
  });
}

const LAST = "-d '";

describe.concurrent('the production process', () => {
  it('does not start without its configuration, and names all missing settings', async () => {
    expect(await ended(run('server.ts', { PORT: 'x' }))).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `Invalid configuration:
- PORT: expected an integer from 0 to 65535, got "x"
- API_KEYS: missing
- STRIPE_SECRET_KEY: missing
`,
    });
  });

  it('has no setting for another Stripe', async () => {
    const env = {
      API_KEYS: `acme:${'0'.repeat(64)}`,
      STRIPE_SECRET_KEY: 'sk_test_1',
      STRIPE_URL: 'http://127.0.0.1:1',
    };
    expect(await ended(run('server.ts', env))).toMatchObject({
      exitCode: 1,
      stderr: 'Invalid configuration:\n- STRIPE_URL: unknown; see .env.example\n',
    });
  });
});

describe.concurrent.each(['dev.ts', 'mock.ts'])('%s', (file) => {
  it('prints an address, a key and a command for each operation that works', async () => {
    const child = run(file, { PORT: '0', LOG_LEVEL: 'silent' });
    const output = await printed(child, LAST);
    expect(output).toMatch(/^(Live server|Mock) +http:\/\/127\.0\.0\.1:\d+$/m);
    expect(output).toMatch(/^API key +(cv_dev_key|any)$/m);

    const commands = output.slice(output.indexOf('curl ')).trim().split('\n\n');
    expect(commands.length).toBe(operations.length);
    for (const command of commands) {
      const { stdout } = await promisify(execFile)('bash', ['-c', command], { env: { ...process.env, NO_PROXY: '*' } });
      expect(JSON.parse(stdout)).toMatchObject({ success: true });
    }
  });

  it.each(['SIGINT', 'SIGHUP'] as const)('exits with 0 on %s', async (signal) => {
    const child = run(file, { PORT: '0', LOG_LEVEL: 'silent' });
    await printed(child, LAST);
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

describe.concurrent('without a terminal', () => {
  it.each<[string, Record<string, string>, RegExp]>([
    ['dev.ts', {}, /^404 GET notFound \d+ ms$/m],
    ['mock.ts', {}, /^404 GET \/other notFound \d+ ms unknown path; /m],
    ['mock.ts', { FORCE_COLOR: '1' }, /^\S+404\S+ GET /m],
    ['dev.ts', { LOG_FORMAT: 'json' }, /^\{.*"status":404,.*"problem":"notFound"/m],
    ['mock.ts', { LOG_FORMAT: 'json' }, /^\{.*"status":404,.*"problem":"notFound"/m],
  ])('%s prints each request, with %o', async (file, env, line) => {
    const child = run(file, { PORT: '0', ...env });
    const banner = await printed(child, LAST);
    expect(banner.includes('\u001b')).toBe('FORCE_COLOR' in env);
    const output = printed(child, 'notFound');
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(banner)!;
    await fetch(`${url}/other`);
    expect(await output).toMatch(line);
    child.kill('SIGTERM');
  });
});

describe.concurrent('the mock', () => {
  it('prints one line in CI, and ends with 0', async () => {
    const child = run('mock.ts', { PORT: '0', CI: 'true' });
    const result = ended(child);
    await printed(child, '\n');
    child.kill('SIGTERM');
    expect(await result).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^Mock on http:\/\/127\.0\.0\.1:\d+\n$/),
      stderr: '',
    });
  });

  it('prints its usage', async () => {
    expect(await ended(runCommand([process.execPath, 'src/mock.ts', '--help']))).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^Usage: payments-mock \[NAME=value …\]\n/),
      stderr: '',
    });
  });

  it('does not start with wrong settings, and names them all', async () => {
    const command = [process.execPath, 'src/mock.ts', 'ERROR_RATE=7', 'HOSTS=a'];
    const { exitCode, stderr } = await ended(
      runCommand(command, { LATENCY_MS: 'slow', LATENCY: '300', ERROR_RATE: '0' }),
    );
    expect(exitCode).toBe(1);
    expect(stderr.split('\n')).toEqual([
      'Invalid configuration:',
      expect.stringMatching(/^- LATENCY_MS: expected .*, got "slow"$/),
      expect.stringMatching(/^- ERROR_RATE: expected .*, got "7"$/),
      '- LATENCY: unknown; did you mean LATENCY_MS?',
      expect.stringMatching(/^- HOSTS: unknown; expected one of HOST, PORT, /),
      '',
    ]);
  });
});

/** As a process of its own, the only one of its namespace: PID 1, as in a container. */
const PID_1 = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
if (process.getuid?.() !== 0) PID_1.push('--map-root-user');
const canBePid1 = spawnSync(PID_1[0]!, [...PID_1.slice(1), 'true']).status === 0;
if (!canBePid1) console.warn('No PID namespace can be had here: the tests of PID 1 are skipped.');

/** What is started, who gets the signal, and which. */
type Signalled = [
  what: string,
  signal: NodeJS.Signals,
  command: readonly string[],
  pidOf: (child: ChildProcess) => number,
];

const ownPid = ({ pid }: ChildProcess) => pid!;
const childPid = ({ pid }: ChildProcess) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));

const ifPid1 = ([what, signal, command]: Signalled): Signalled[] =>
  canBePid1 ? [[`${what} as PID 1`, signal, [...PID_1, ...command], childPid]] : [];

const production = [process.execPath, ...START];
const withoutPreload = [process.execPath, 'src/server.ts'];

describe.concurrent('a server', () => {
  it.each<Signalled>([
    ['npm start', 'SIGTERM', ['npm', 'start'], ownPid],
    ['the command of npm start', 'SIGTERM', production, ownPid],
    ['the command of npm start', 'SIGHUP', production, ownPid],
    ['node src/server.ts', 'SIGHUP', withoutPreload, ownPid],
    ...ifPid1(['the command of npm start', 'SIGTERM', production, ownPid]),
  ])('started by %s, responds, frees its port and ends with 0 on %s', async (_how, signal, command, pidOf) => {
    // Long enough for a busy machine to send the rest of the request in it.
    const child = runCommand(command, settings({ DRAIN_MS: '2000', npm_config_update_notifier: 'false' }));
    const output = ended(child);
    const [, port] = /"url":"[^"]+:(\d+)"/.exec(await printed(child, '"msg":"listening"'))!;
    const socket = connect(Number(port), '127.0.0.1');
    const response = text(socket);
    socket.write(
      `POST ${INTENT_PATH} HTTP/1.1\r\nHost: a\r\ncv-api-key: ${ACME}\r\nContent-Type: application/json\r\n` +
        'Content-Length: 2\r\nExpect: 100-continue\r\n\r\n',
    );
    // The server has the head of the request, and waits for its body.
    await once(socket, 'readable');
    const draining = printed(child, '"msg":"draining"');
    process.kill(pidOf(child), signal);
    await draining;
    socket.write('{}');

    expect(await response).toMatch(/\r\n\r\nHTTP\/1\.1 400 /);
    expect(await output).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"msg":"closed"') });
    await expect(once(connect(Number(port), '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
  });

  it.each([
    ['the command of npm start', production],
    ['node src/server.ts', withoutPreload],
  ])('started by %s, opens no debugger on SIGUSR1', async (_how, command) => {
    const child = runCommand(command, settings());
    const output = ended(child);
    await printed(child, '"msg":"listening"');
    child.kill('SIGUSR1');
    child.kill('SIGTERM');
    expect(await output).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

/**
 * Whether a process has a listener for SIGHUP by now, and so for the other signals: for some of them, Node has listeners of its own.
 * False where the process is not there yet.
 */
function handlesSignals(pid: number): boolean {
  const status = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '';
  const [, caught = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return (BigInt(`0x${caught}`) & 1n) !== 0n;
}

describe.concurrent('a signal in the middle of a start', () => {
  const dev = [...production.slice(0, -1), 'src/dev.ts'];
  const cases: Signalled[] = [
    ['server.ts', 'SIGTERM', production, ownPid],
    ['server.ts', 'SIGHUP', production, ownPid],
    ['dev.ts', 'SIGTERM', dev, ownPid],
    ...ifPid1(['server.ts', 'SIGTERM', production, ownPid]),
  ];

  // /proc says when a process listens to signals.
  it.runIf(process.platform === 'linux').each(cases)(
    'ends %s with 0, before it listens on a port: %s',
    async (_what, signal, command, pidOf) => {
      const child = runCommand(command, settings());
      const output = ended(child);
      await vi.waitUntil(() => handlesSignals(pidOf(child)), { timeout: 40_000, interval: 1 });
      process.kill(pidOf(child), signal);
      expect(await output).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    },
  );
});

describe.concurrent('a stop', () => {
  it('sends the response to a request in progress, and then the process exits with 0', async () => {
    const child = run('dev.ts', { PORT: '0', LOG_LEVEL: 'info', DRAIN_MS: '1000' });
    const output = await printed(child, LAST);
    const [, port] = /http:\/\/127\.0\.0\.1:(\d+)\n/.exec(output)!;

    const socket = connect(Number(port), '127.0.0.1');
    const response = text(socket);
    const body = '{"amount":1}';
    socket.write(
      'POST /api/v1/payments/intent HTTP/1.1\r\nHost: a\r\ncv-api-key: cv_dev_key\r\nContent-Type: application/json\r\n' +
        `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    // The server has the head of the request, and waits for its body.
    await once(socket, 'readable');

    const draining = printed(child, 'draining\n');
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await draining;
    socket.write(body);

    expect(await response).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(await exit).toEqual([0, null]);
  });
});
