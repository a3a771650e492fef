/** The log of a process on standard output: with a reader, with a stopped or closed one, or on a full disk. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { startFakeStripe, type FakeStripe } from '../../../src/fake-stripe/server.ts';
import { freePort } from '../../support/freePort.ts';
import { pay, settings, readMetric, type LogLine } from '../../support/observed.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const LOG = new URL('../../../src/observability/log.ts', import.meta.url).href;
const SERVER = fileURLToPath(new URL('../../support/observedProcess.ts', import.meta.url));

/** For slow starts on a busy machine. */
const PATIENT = { timeout: 40_000, interval: 20 };

/** On Linux, a file to which each write fails with ENOSPC. */
const FULL = '/dev/full';
const hasFull = existsSync(FULL);

// At the end, not after each test: the tests run at the same time.
const cleanups: (() => unknown)[] = [];
afterAll(() => Promise.all(cleanups.map((cleanUp) => cleanUp())));

/** So many payments leave more lines than the pipe to a reader takes. */
const STOPPED_AFTER = 1_000;

/** Where a process writes: a descriptor, or a pipe that the test reads when it wants to. */
type Output = number | 'pipe';

/** Runs the script with `log` open. */
function run(script: string, { stdout = 'pipe', stderr = 'pipe' }: { stdout?: Output; stderr?: Output } = {}) {
  const whole = `import { openLog } from '${LOG}'; const log = openLog('info'); ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', whole], {
    cwd: ROOT,
    stdio: ['ignore', stdout, stderr],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  return child;
}

describe.concurrent('the log of a process', () => {
  it('is written a moment later, even one line', async () => {
    const { stdout } = run(`log.info('one'); setInterval(() => {}, 1000);`);
    const [line] = (await once(stdout!, 'data')) as [Buffer];
    expect(JSON.parse(line.toString())).toMatchObject({ msg: 'one' });
  });

  it('is written at once for an error, with all lines before it, even if the process blocks', async () => {
    const { stdout } = run(`log.info('one'); log.error('two'); for (;;);`);
    const [lines] = (await once(stdout!, 'data')) as [Buffer];
    expect(linesIn(lines.toString())).toMatchObject([{ msg: 'one' }, { msg: 'two' }]);
  });

  it.each(['process.exit(3)', `setImmediate(() => { throw new Error('broken'); })`])(
    'is complete when the process exits: %s',
    async (end) => {
      const { stdout } = run(`for (let line = 1; line <= 1000; line += 1) log.info({ line }, 'one of many'); ${end};`);
      const lines = (await text(stdout!)).trim().split('\n');
      // What was on its way already can come behind the rest.
      const numbers = lines.map((line) => (JSON.parse(line) as { line: number }).line).toSorted((a, b) => a - b);
      expect(numbers).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
    },
  );

  it('does not fill the memory while its reader has stopped', async () => {
    const { stderr } = run(`
      const words = 'x'.repeat(1000);
      for (let burst = 0; burst < 300; burst += 1) {
        for (let line = 0; line < 1000; line += 1) log.info(words);
        await new Promise(setImmediate);
      }
      console.error(process.memoryUsage().rss / 1024 / 1024);
      process.kill(process.pid, 'SIGKILL');`);
    // 300 MiB of lines, and less than 100 MiB of Node.
    expect(Number(await text(stderr!))).toBeLessThan(250);
  });

  it('delays the exit of the process only briefly while its reader has stopped', async () => {
    const child = run(`
      for (let line = 0; line < 1000; line += 1) log.info('x'.repeat(1000));
      log.fatal('the last one');
      process.once('exit', () => console.error('exit'));
      process.exit(3);`);
    expect(await text(child.stderr!)).toBe('exit\n');
    expect(await exitOf(child)).toEqual([3, null]);
  });

  it.each([
    ...(hasFull ? [['full', () => ({ stdout: openSync(FULL, 'w'), stderr: openSync(FULL, 'w') })] as const] : []),
    ['gone', () => ({})] as const,
  ])('does not end the process when standard output and standard error are %s', async (_what, outputs) => {
    const child = run(
      `console.log('ours'); console.error('ours'); process.emitWarning('of Node');
      for (let line = 0; line < 1000; line += 1) log.error('line');
      setTimeout(() => { console.log('ours'); console.error('ours'); log.fatal('last'); }, 300);
      setTimeout(() => process.exit(5), 600);`,
      outputs(),
    );
    child.stdout?.destroy();
    child.stderr?.destroy();
    expect(await exitOf(child)).toEqual([5, null]);
  });
});

// One after another: each has the machine for its payments.
describe('a server whose log can not be written', () => {
  it.runIf(hasFull)(
    'responds to every payment while the disk is full, counts the dropped lines, and drains',
    async () => {
      const server = await serveInto(openSync(FULL, 'w'));
      expect(await server.payments(2_000)).toEqual({ 200: 2_000 });
      expect(await server.isAlive()).toBe(true);
      expect(await server.droppedLines()).toBeGreaterThan(1_500);
      expect(await server.end('SIGTERM')).toEqual([0, null]);
    },
  );

  it('writes lines again once the disk has room', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'log-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'log');
    const server = await serveInto(openSync(file, 'a'), { maxFileKiB: 64 });
    expect(await server.payments(2_000)).toEqual({ 200: 2_000 });
    const dropped = await server.droppedLines();
    expect(dropped).toBeGreaterThan(1_000);
    // All lines are whole, but for the last one, for which there was no room.
    const before = readFileSync(file, 'utf8');
    expect(linesIn(before.slice(0, before.lastIndexOf('\n'))).length).toBeGreaterThan(100);

    truncateSync(file);
    expect(await server.payments(10)).toEqual({ 200: 10 });
    expect(await server.end('SIGTERM')).toEqual([0, null]);
    const after = linesIn(readFileSync(file, 'utf8').trimStart());
    expect(after.filter(({ stripeRequestId }) => stripeRequestId).length).toBeGreaterThanOrEqual(10);
    // In either order: the end writes at once what an earlier write, in a thread of its own, may still be in front of.
    expect(after.slice(-2).map(({ msg }) => msg)).toEqual(expect.arrayContaining(['draining', 'closed']));
  });

  it('responds while the reader has stopped, and keeps the lines until it continues', async () => {
    const server = await serveInto('pipe');
    expect(await server.payments(STOPPED_AFTER)).toEqual({ 200: STOPPED_AFTER });
    expect(await server.isAlive()).toBe(true);
    expect(await server.droppedLines()).toBe(0);
    let written = '';
    server.child.stdout!.setEncoding('utf8').on('data', (part: string) => void (written += part));
    const closed = once(server.child.stdout!, 'close');
    // Before it ends: the end waits for a reader, but not as long as a busy machine may take to read.
    await vi.waitFor(() => expect(written.match(/"stripeRequestId"/g)).toHaveLength(STOPPED_AFTER));
    expect(await server.end('SIGTERM')).toEqual([0, null]);
    await closed;
    const lines = linesIn(written);
    expect(lines.filter(({ stripeRequestId }) => stripeRequestId)).toHaveLength(STOPPED_AFTER);
    expect(lines.at(-1)).toMatchObject({ msg: 'closed' });
  });

  it.each<[string, (server: ServerInto) => void, number]>([
    ['SIGTERM', () => {}, 0],
    ['an exception that can not be read', (server) => server.child.send(['unreadable', 'zqcanary']), 1],
    [
      'many unhandled rejections and SIGTERM',
      (server) => Array.from({ length: 100 }, () => server.child.send(['rejection', 'zqcanary'])),
      1,
    ],
  ])('sends due responses, and exits in time, while the reader has stopped: %s', async (_what, breakIt, code) => {
    const server = await serveInto('pipe');
    expect(await server.payments(STOPPED_AFTER)).toEqual({ 200: STOPPED_AFTER });
    server.stripe.playWith(() => ({ kind: 'delay', delayMs: 500, effect: 'kept' }));
    const waiting = server.payments(1);
    await vi.waitUntil(() => server.stripe.ledger.intentCount === STOPPED_AFTER + 1, PATIENT);
    breakIt(server);
    const exit = server.end('SIGTERM');
    expect(await waiting).toEqual({ 200: 1 });
    expect(await exit).toEqual([code, null]);
  });

  it('exits after an unhandled rejection while the reader has stopped', async () => {
    const server = await serveInto('pipe');
    expect(await server.payments(STOPPED_AFTER)).toEqual({ 200: STOPPED_AFTER });
    server.child.send(['rejection', 'zqcanary']);
    expect(await exitOf(server.child)).toEqual([1, null]);
  });

  it('responds after the reader has closed, counts the dropped lines, and drains', async () => {
    const server = await serveInto('pipe');
    server.child.stdout!.destroy();
    expect(await server.payments(500)).toEqual({ 200: 500 });
    await vi.waitUntil(async () => (await server.droppedLines())! >= 400, PATIENT);
    expect(await server.end('SIGTERM')).toEqual([0, null]);
  });
});

interface ServerInto {
  child: ChildProcess;
  stripe: FakeStripe;
  /** Sends so many, 16 at a time; resolves with the count of each status. */
  payments: (count: number) => Promise<Record<string, number>>;
  isAlive: () => Promise<boolean>;
  droppedLines: () => Promise<number | undefined>;
  /** Resolves with the exit code and the signal, once the process is gone. */
  end: (signal: NodeJS.Signals) => Promise<[number | null, NodeJS.Signals | null]>;
}

/** The live server, with its standard output there; no file that it writes grows beyond `maxFileKiB`. */
async function serveInto(stdout: Output, { maxFileKiB }: { maxFileKiB?: number } = {}): Promise<ServerInto> {
  const stripe = await startFakeStripe();
  cleanups.push(() => stripe.close());
  const [port, adminPort] = [await freePort(), await freePort()];
  const limit = maxFileKiB === undefined ? '' : `ulimit -f ${maxFileKiB}; `;
  const child = spawn('bash', ['-c', `${limit}exec "$0" "$@"`, process.execPath, SERVER, stripe.url], {
    env: { PATH: process.env['PATH'], ...settings({ PORT: String(port), ADMIN_PORT: String(adminPort) }) },
    stdio: ['ignore', stdout, 'inherit', 'ipc'],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  const admin = (path: string) => fetch(`http://127.0.0.1:${adminPort}${path}`);
  // The customers' port is the last to listen.
  await vi.waitUntil(() => fetch(url).then(Boolean, () => false), PATIENT);
  return {
    child,
    stripe,
    async payments(count) {
      const statuses: Record<string, number> = {};
      let left = count;
      const client = async () => {
        while (left-- > 0) {
          const { status } = await pay(url);
          statuses[status] = (statuses[status] ?? 0) + 1;
        }
      };
      await Promise.all(Array.from({ length: 16 }, client));
      return statuses;
    },
    isAlive: async () => (await admin('/livez')).ok,
    droppedLines: async () => readMetric(await (await admin('/metrics')).text(), 'log_lines_dropped_total'),
    end(signal) {
      child.kill(signal);
      return exitOf(child);
    },
  };
}

async function exitOf(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return [child.exitCode, child.signalCode];
}

const linesIn = (written: string) =>
  written
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);
