/** The real processes, from outside. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const started = new Set<ChildProcess>();
// At the end, not after each test: the tests run at the same time.
afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
});

/** A process of ours with nothing in its environment but this. */
function run(file: string, env: Record<string, string> = {}): ChildProcess {
  const path = fileURLToPath(new URL(`../../src/${file}`, import.meta.url));
  const child = spawn(process.execPath, ['--import', './src/compileCache.js', path], {
    env: { PATH: process.env['PATH'], ...env },
  });
  started.add(child);
  return child;
}

async function ended(child: ChildProcess) {
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'exit'),
  ]);
  return { exitCode: exitCode as number | null, stdout, stderr };
}

/** What a process prints until it has printed this, which is the last that it prints when it is ready. */
async function printed(child: ChildProcess, last: string): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.stdout!.on('data', (chunk) => {
      said += chunk;
      if (said.includes(last)) resolve(said);
    });
    child.once('exit', () => reject(new Error(`It ended, having said:\n${said}`)));
  });
}

const LAST = "-d '";

describe.concurrent('the production process', () => {
  it('does not start without its configuration, and names all that is missing', async () => {
    expect(await ended(run('server.ts', { PORT: 'x' }))).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `The configuration is wrong:
- PORT: expected an integer from 0 to 65535, got "x"
- API_KEYS: missing
- STRIPE_SECRET_KEY: missing
`,
    });
  });

  it('can not be led to another Stripe', async () => {
    const env = {
      API_KEYS: `acme:${'0'.repeat(64)}`,
      STRIPE_SECRET_KEY: 'sk_test_1',
      STRIPE_URL: 'http://127.0.0.1:1',
    };
    expect(await ended(run('server.ts', env))).toMatchObject({
      exitCode: 1,
      stderr: 'The configuration is wrong:\n- STRIPE_URL: unknown; see .env.example\n',
    });
  });
});

describe.concurrent.each(['dev.ts', 'mock.ts'])('%s', (file) => {
  it('prints an address, a key and a command that works as it stands', async () => {
    const child = run(file, { PORT: '0', LOG_LEVEL: 'silent' });
    const said = await printed(child, LAST);
    expect(said).toMatch(/^(Live server|Mock) +http:\/\/127\.0\.0\.1:\d+$/m);
    expect(said).toMatch(/^API key +(cv_dev_key|any)$/m);

    const command = said.slice(said.indexOf('curl '));
    const { stdout } = await promisify(execFile)('bash', ['-c', command], { env: { ...process.env, NO_PROXY: '*' } });
    expect(JSON.parse(stdout)).toMatchObject({ status: 200, success: true });
  });

  it('ends in order on Ctrl-C', async () => {
    const child = run(file, { PORT: '0', LOG_LEVEL: 'silent' });
    await printed(child, LAST);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

describe.concurrent('a stop', () => {
  it('loses no request: one under way is answered, and then the process ends well', async () => {
    const child = run('dev.ts', { PORT: '0', LOG_LEVEL: 'info', DRAIN_MS: '1000' });
    const said = await printed(child, LAST);
    const [, port] = /http:\/\/127\.0\.0\.1:(\d+)\n/.exec(said)!;

    const socket = connect(Number(port), '127.0.0.1');
    const answer = text(socket);
    const body = '{"amount":1}';
    socket.write(
      'POST /api/v1/payments/intent HTTP/1.1\r\nHost: a\r\ncv-api-key: cv_dev_key\r\nContent-Type: application/json\r\n' +
        `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    // The server has the head of the request, and waits for its body.
    await once(socket, 'readable');

    const draining = printed(child, '"msg":"draining"');
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await draining;
    socket.write(body);

    expect(await answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(await exit).toEqual([0, null]);
  });
});
