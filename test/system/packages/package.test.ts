/** The packages as other teams install them: packed, in an empty project, without the files of this repository. */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import root from '../../../package.json' with { type: 'json' };
import { selfSigned } from '../../support/selfSigned.ts';
import { liveTarget, mockTarget } from '../../support/targets.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);
const MINUTES = 60_000;

let project: string;
const inProject = async (file: string, args: readonly string[], options = {}) =>
  (await run(file, args, { cwd: project, timeout: 5 * MINUTES, ...options })).stdout.trim();
const node = (...args: string[]) => inProject(process.execPath, args);

/** A Node on this machine that is too old for the mock and the contract tests, but not for the client. */
const oldNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'node'))
  .find((file) => /^v2[0-3]\./.test(spawnSync(file, ['--version']).stdout?.toString() ?? ''));

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'package-test-'));
  await run(process.execPath, [join(ROOT, 'src/tools/packages/pack.ts')], { cwd: ROOT, timeout: 2 * MINUTES });
  await writeFile(join(project, 'package.json'), '{"private":true,"type":"module"}');
  const packed = globSync(join(ROOT, 'dist/*.tgz'));
  await inProject('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...packed]);
}, 8 * MINUTES);
afterAll(() => rm(project, { recursive: true }));

const USE = `
import { paymentsClient } from '@carevalidate/payments-client';
const payments = paymentsClient({ baseUrl: process.argv[2], apiKey: 'any' });
const good = await payments.createPaymentIntent({ amount: 19.99 });
const bad = await payments.createPaymentIntent({ amount: 0.1 });
console.log(JSON.stringify([good.ok && good.data.paymentIntentSecret.slice(0, 3), bad.ok || bad.problem.name]));
`;

/** Starts the mock by the command that npm linked, and resolves once it has printed its URL. */
async function startMock(...args: string[]): Promise<{ url: string; mock: ChildProcess }> {
  const mock = spawn(process.execPath, [join(project, 'node_modules/.bin/payments-mock'), 'PORT=0', ...args], {
    cwd: project,
    env: { PATH: process.env['PATH'], CI: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? [];
      if (found) resolve(found);
    };
    mock.stdout.on('data', read);
    mock.stderr.on('data', read);
    mock.once('exit', () => reject(new Error(`It exited:\n${output}`)));
  });
  return { url, mock };
}

async function stop(mock: ChildProcess): Promise<void> {
  const exited = once(mock, 'exit');
  mock.kill('SIGTERM');
  await exited;
}

/** Runs the contract tests by their command in the project, and reads the reports that they write. */
async function testContract(args: readonly string[], env: Record<string, string> = {}) {
  const folder = join(project, 'reports/contract');
  await rm(folder, { recursive: true, force: true });
  const command = [join(project, 'node_modules/.bin/payments-contract'), ...args];
  const options = { cwd: project, env: { PATH: process.env['PATH'], NO_COLOR: '1', ...env } };
  const { code, stdout, stderr } = await run(process.execPath, command, options).then(
    (ended) => ({ ...ended, code: 0 }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
  const files = ['index.html', 'junit.xml', 'report.json']
    .map((file) => join(folder, file))
    .filter((file) => existsSync(file));
  const reports = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return { exitCode: code, output: stdout + stderr, reports };
}

const compile = (...args: string[]) =>
  node(join(ROOT, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', ...args);
const program = (payment: string) => `import { paymentsClient } from '@carevalidate/payments-client';
export async function pay() {
  const result = await paymentsClient({ baseUrl: '', apiKey: '' }).createPaymentIntent(${payment});
  if (result.ok) { const secret: string = result.data.paymentIntentSecret; console.log(secret); }
  else if (result.problem.name === 'amountTooSmall') { const status: 400 = result.problem.status; console.log(status); }
}
`;

describe('in an empty project', () => {
  it('the client creates a payment intent on the mock', async () => {
    const { url, mock } = await startMock('DYNAMIC=1');
    await writeFile(join(project, 'use.mjs'), USE);
    expect(await node('use.mjs', url)).toBe('["pi_","amountTooSmall"]');
    await stop(mock);
  });

  it('the client can be required where Node, or Jest, cannot require an ES module', async () => {
    await writeFile(
      join(project, 'use.cjs'),
      `console.log(typeof require('@carevalidate/payments-client').paymentsClient);`,
    );
    expect(await node('--no-experimental-require-module', 'use.cjs')).toBe('function');
  });

  it.skipIf(!oldNode)('the client works on an older Node (needs one on PATH)', async () => {
    const { url, mock } = await startMock();
    await writeFile(join(project, 'use.mjs'), USE);
    expect(await inProject(oldNode!, ['use.mjs', url])).toBe('["pi_","amountTooSmall"]');
    await stop(mock);
  });

  it.skipIf(!oldNode)('the mock reports which Node it needs (needs an older one on PATH)', async () => {
    const started = inProject(oldNode!, ['node_modules/.bin/payments-mock']);
    await expect(started).rejects.toThrow(/payments-mock needs Node 24\.18 or later, and this is 2[0-3]\./);
  });

  it('the mock prints its usage', async () => {
    await expect(node('node_modules/.bin/payments-mock', '--help')).rejects.toThrow(
      /usage: payments-mock \[PORT=4010\]/,
    );
  });

  it('the client exports the contract', async () => {
    const read = `import contract from '@carevalidate/payments-client/openapi.json' with { type: 'json' };
      console.log(JSON.stringify(contract));`;
    expect(JSON.parse(await node('--input-type=module', '--eval', read))).toEqual(document);
  });

  it('the client has no dependency, and no package contains the live server or Stripe', async () => {
    const manifest = async (name: string) =>
      JSON.parse(await readFile(join(project, `node_modules/@carevalidate/${name}/package.json`), 'utf8')) as {
        dependencies: object;
      };
    expect(Object.keys((await manifest('payments-client')).dependencies)).toEqual([]);
    expect(Object.keys((await manifest('payments-mock')).dependencies)).not.toContain('stripe');
    const { ajv } = root.dependencies;
    expect((await manifest('payments-contract-tests')).dependencies).toEqual({ ajv });
    const files = globSync('node_modules/@carevalidate/*/**/*.js', { cwd: project });
    expect(
      files.filter((file) => /fake-stripe|payments\/stripe\/gateway\.js|\/live\.js|operations\/create/.test(file)),
    ).toEqual([]);
  });

  const settings = [
    ['a bundler', 'ts', ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom']],
    ['Node', 'ts', ['--module', 'nodenext', '--lib', 'es2022,dom']],
    ['CommonJS', 'cts', ['--module', 'node16', '--lib', 'es2022,dom']],
  ] as const;
  it.each(settings)('the types compile for %s, including declarations', async (_what, extension, options) => {
    await writeFile(join(project, `good.${extension}`), program(`{ amount: 1, paymentMethodTypes: ['card'] }`));
    expect(await compile(...options, '--target', 'es2022', `good.${extension}`)).toBe('');
  });

  it.each(settings)('an invalid field does not compile for %s', async (_what, extension, options) => {
    await writeFile(join(project, `wrong.${extension}`), program(`{ amount: 1, paymentMethodTypes: ['cash'] }`));
    const compiled = compile(...options, '--target', 'es2022', `wrong.${extension}`);
    await expect(compiled).rejects.toMatchObject({ stdout: expect.stringMatching(/'"cash"' is not assignable/) });
  });
});

describe('in an empty project, the contract tests', () => {
  it('exit with 0 when the contract is kept, and write HTML and JUnit reports without the API key', async () => {
    const { url, mock } = await startMock('API_KEY=cv_package_key');
    const { exitCode, output, reports } = await testContract([`BASE_URL=${url}`], { API_KEY: 'cv_package_key' });
    await stop(mock);
    expect(output).toMatch(/The contract is kept: all \d+ responses match it/);
    expect(reports).toEqual([
      expect.stringMatching(/^<!doctype html>/),
      expect.stringContaining(' failures="0"'),
      expect.stringContaining('"verdict": "kept"'),
    ]);
    expect(output + reports.join('')).not.toContain('cv_package_key');
    expect(exitCode).toBe(0);
  });

  it('create intents on a live server with CREATE=1', async () => {
    const live = await liveTarget();
    const { exitCode, output } = await testContract([`BASE_URL=${live.baseUrl}`, `API_KEY=${live.apiKey}`, 'CREATE=1']);
    expect(output).toMatch(/createPaymentIntent: \d+ passed, 0 failed/);
    expect(output).not.toContain('CREATE=1');
    expect(live.stripe.ledger.intentCount).toBeGreaterThan(0);
    await live.close();
    expect(exitCode).toBe(0);
  });

  it('exit with 1 when the contract is broken, and with 2 when the API key is rejected', async () => {
    const contract = await readFile(join(ROOT, 'openapi/openapi.yaml'), 'utf8');
    const file = join(project, 'openapi.yaml');
    await writeFile(file, contract.replaceAll('message: Invalid metadata', 'message: Wrong metadata'));
    const broken = await mockTarget({}, file);
    const env = { CONTRACT_BASE_URL: broken.baseUrl, CONTRACT_API_KEY: broken.apiKey };
    const { exitCode, output, reports } = await testContract([], env);
    const rejected = await testContract([], { ...env, CONTRACT_API_KEY: 'another' });
    await broken.close();
    expect(output).toContain('→ 400 {"success":false,"message":"Wrong metadata"}');
    expect(reports).toEqual(Array.from({ length: 3 }, () => expect.stringContaining('Wrong metadata')));
    expect(output + reports.join('')).not.toContain(broken.apiKey);
    expect(exitCode).toBe(1);
    expect(rejected).toMatchObject({
      exitCode: 2,
      output: expect.stringContaining('refuses the API key'),
      reports: Array.from({ length: 3 }, () => expect.stringContaining('refuses the API key')),
    });
  });

  it(
    'run from the packed file in a folder without a project, over TLS with an authority of one’s own',
    async () => {
      const live = await liveTarget();
      const { hostname, port } = new URL(live.baseUrl);
      const certificate = selfSigned('localhost');
      const server = createServer(
        certificate,
        (socket) => void socket.pipe(connect(Number(port), hostname)).pipe(socket),
      );
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const folder = await mkdtemp(join(tmpdir(), 'npx-test-'));
      // npm itself may need those that it has.
      const { NODE_EXTRA_CA_CERTS: known } = process.env;
      await writeFile(join(folder, 'ca.pem'), [certificate.cert, ...(known ? [await readFile(known)] : [])].join('\n'));
      const [packed] = globSync(join(ROOT, 'dist/*contract*.tgz'));
      const address = `BASE_URL=https://localhost:${(server.address() as AddressInfo).port}`;
      const npx = ['--yes', '--cache', join(folder, 'cache'), '--package', packed!, 'payments-contract', address];
      const env = { ...process.env, API_KEY: live.apiKey, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') };
      try {
        const { stdout } = await run('npx', npx, { cwd: folder, env, timeout: 4 * MINUTES });
        expect(stdout).toMatch(/The contract is kept/);
      } finally {
        server.close();
        await live.close();
        await rm(folder, { recursive: true });
      }
    },
    5 * MINUTES,
  );

  it('exit with 2 when no server listens', async () => {
    const { exitCode, output } = await testContract(['BASE_URL=http://127.0.0.1:1', 'API_KEY=key']);
    expect({ exitCode, output }).toEqual({ exitCode: 2, output: expect.stringContaining('does not respond') });
  });

  it.skipIf(!oldNode)('report which Node they need (needs an older one on PATH)', async () => {
    const started = inProject(oldNode!, ['node_modules/.bin/payments-contract']);
    await expect(started).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/payments-contract needs Node 24\.18 or later, and this is 2[0-3]\./),
    });
  });
});
