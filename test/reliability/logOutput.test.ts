/** The log as a process writes it: to standard output, which somebody reads, or doesn't. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const LOG = new URL('../../src/log.ts', import.meta.url).href;

describe('the log of a process', () => {
  let child: ChildProcess;
  afterEach(() => void child.kill('SIGKILL'));

  /** Runs the script with `log` open. */
  const run = (script: string): ChildProcess => {
    const whole = `import { openLog } from '${LOG}'; const log = openLog('info'); ${script}`;
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    child = spawn(process.execPath, ['--input-type=module', '-e', whole], { cwd, stdio: 'pipe' });
    return child;
  };

  it('is there a moment later, however little it is', async () => {
    const { stdout } = run(`log.info('one'); setInterval(() => {}, 1000);`);
    const [line] = (await once(stdout!, 'data')) as [Buffer];
    expect(JSON.parse(line.toString())).toMatchObject({ msg: 'one' });
  });

  it.each(['process.exit(3)', `setImmediate(() => { throw new Error('broken'); })`])(
    'is whole when the process ends: %s',
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
});
