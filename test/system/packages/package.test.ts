/** What other teams install: the packages, packed, in an empty project, with nothing of this folder around them. */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import root from '../../../package.json' with { type: 'json' };
import { liveTarget, mockTarget } from '../../support/targets.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);
const MINUTES = 60_000;

let project: string;
const inProject = async (file: string, args: readonly string[], options = {}) =>
  (await run(file, args, { cwd: project, timeout: 5 * MINUTES, ...options })).stdout.trim();
const node = (...args: string[]) => inProject(process.execPath, args);

/** A Node on this machine that is too old for the mock and the contract tests, and not for the client. */
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

/** The command that npm has linked, until it says where it is. */
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
    mock.once('exit', () => reject(new Error(`It ended:\n${output}`)));
  });
  return { url, mock };
}

async function end(mock: ChildProcess): Promise<void> {
  const ended = once(mock, 'exit');
  mock.kill('SIGTERM');
  await ended;
}

/** The contract tests by their command, in the project, and what they leave there. */
async function testContract(args: readonly string[], env: Record<string, string> = {}) {
  const reports = join(project, 'reports/contract');
  await rm(reports, { recursive: true, force: true });
  const command = [join(project, 'node_modules/.bin/payments-contract'), ...args];
  const options = { cwd: project, env: { PATH: process.env['PATH'], NO_COLOR: '1', ...env } };
  const { code, stdout, stderr } = await run(process.execPath, command, options).then(
    (ended) => ({ ...ended, code: 0 }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
  const files = ['index.html', 'junit.xml'].map((file) => join(reports, file)).filter((file) => existsSync(file));
  const left = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return { exitCode: code, said: stdout + stderr, left };
}

const compile = (...args: string[]) =>
  node(join(ROOT, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', ...args);
const program = (payment: string) => `import { paymentsClient } from '@carevalidate/payments-client';
const result = await paymentsClient({ baseUrl: '', apiKey: '' }).createPaymentIntent(${payment});
if (result.ok) { const secret: string = result.data.paymentIntentSecret; console.log(secret); }
else if (result.problem.name === 'amountTooSmall') { const status: 400 = result.problem.status; console.log(status); }
`;

describe('in an empty project', () => {
  it('the client pays at the mock', async () => {
    const { url, mock } = await startMock('DYNAMIC=1');
    await writeFile(join(project, 'use.mjs'), USE);
    expect(await node('use.mjs', url)).toBe('["pi_","amountTooSmall"]');
    await end(mock);
  });

  it.skipIf(!oldNode)('the client pays at the mock on an older Node, too (where there is one)', async () => {
    const { url, mock } = await startMock();
    await writeFile(join(project, 'use.mjs'), USE);
    expect(await inProject(oldNode!, ['use.mjs', url])).toBe('["pi_","amountTooSmall"]');
    await end(mock);
  });

  it.skipIf(!oldNode)('the mock says which Node it needs (where there is an older one)', async () => {
    const started = inProject(oldNode!, ['node_modules/.bin/payments-mock']);
    await expect(started).rejects.toThrow(/payments-mock needs Node 24\.18 or later, and this is 2[0-3]\./);
  });

  it('the mock says how it is used', async () => {
    await expect(node('node_modules/.bin/payments-mock', '--help')).rejects.toThrow(
      /usage: payments-mock \[PORT=4010\]/,
    );
  });

  it('the contract is there', async () => {
    const read = `import contract from '@carevalidate/payments-client/openapi.json' with { type: 'json' };
      console.log(JSON.stringify(contract));`;
    expect(JSON.parse(await node('--input-type=module', '--eval', read))).toEqual(document);
  });

  it('the client brings one package along, and none of them holds anything of production', async () => {
    const manifest = async (name: string) =>
      JSON.parse(await readFile(join(project, `node_modules/@carevalidate/${name}/package.json`), 'utf8')) as {
        dependencies: object;
      };
    expect(Object.keys((await manifest('payments-client')).dependencies)).toEqual(['openapi-fetch']);
    expect(Object.keys((await manifest('payments-mock')).dependencies)).not.toContain('stripe');
    const { ajv, vitest } = { ...root.dependencies, ...root.devDependencies };
    expect((await manifest('payments-contract-tests')).dependencies).toEqual({ ajv, vitest });
    const files = globSync('node_modules/@carevalidate/*/**/*.js', { cwd: project });
    expect(
      files.filter((file) => /fake-stripe|payments\/stripe\/gateway\.js|\/live\.js|operations\/create/.test(file)),
    ).toEqual([]);
  });

  const settings = [
    ['a bundler', ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom']],
    ['Node', ['--module', 'nodenext', '--lib', 'es2022,dom']],
  ] as const;
  it.each(settings)('the types hold for %s, declarations included', async (_what, options) => {
    await writeFile(join(project, 'good.ts'), program(`{ amount: 1, paymentMethodTypes: ['card'] }`));
    expect(await compile(...options, '--target', 'es2022', 'good.ts')).toBe('');
  });

  it.each(settings)('a wrong field does not compile for %s', async (_what, options) => {
    await writeFile(join(project, 'wrong.ts'), program(`{ amount: 1, paymentMethodTypes: ['cash'] }`));
    const compiled = compile(...options, '--target', 'es2022', 'wrong.ts');
    await expect(compiled).rejects.toMatchObject({ stdout: expect.stringMatching(/'"cash"' is not assignable/) });
  });
});

describe('in an empty project, the contract tests', () => {
  it('end with 0 where the contract is kept, and leave a page and JUnit there, without the key', async () => {
    const { url, mock } = await startMock('API_KEY=cv_package_key');
    const { exitCode, said, left } = await testContract([`BASE_URL=${url}`], { API_KEY: 'cv_package_key' });
    await end(mock);
    expect(said).toMatch(/The contract is kept: all \d+ responses match it/);
    expect(left).toEqual([expect.stringMatching(/^<!doctype html>/), expect.stringContaining(' failures="0"')]);
    expect(said + left.join('')).not.toContain('cv_package_key');
    expect(exitCode).toBe(0);
  });

  it('create intents on a live server where they are asked to', async () => {
    const live = await liveTarget();
    const { exitCode, said } = await testContract([`BASE_URL=${live.baseUrl}`, `API_KEY=${live.apiKey}`, 'CREATE=1']);
    expect(said).toMatch(/passed +200 +createPaymentIntent created/);
    expect(live.stripe.ledger.intentCount).toBeGreaterThan(0);
    await live.close();
    expect(exitCode).toBe(0);
  });

  it('end with 1 where the contract is broken, and with 2 where the key is refused', async () => {
    const contract = await readFile(join(ROOT, 'openapi/openapi.yaml'), 'utf8');
    const file = join(project, 'openapi.yaml');
    await writeFile(file, contract.replaceAll('message: Invalid metadata', 'message: Wrong metadata'));
    const broken = await mockTarget({}, file);
    const env = { CONTRACT_BASE_URL: broken.baseUrl, CONTRACT_API_KEY: broken.apiKey };
    const { exitCode, said, left } = await testContract([], env);
    const refused = await testContract([], { ...env, CONTRACT_API_KEY: 'another' });
    await broken.close();
    expect(said).toContain('→ 400 {"success":false,"message":"Wrong metadata"}');
    expect(left).toEqual([expect.stringContaining('Wrong metadata'), expect.stringContaining('Wrong metadata')]);
    expect(said + left.join('')).not.toContain(broken.apiKey);
    expect(exitCode).toBe(1);
    expect(refused).toMatchObject({ exitCode: 2, said: expect.stringContaining('refuses the API key'), left: [] });
  });

  it('exit with 2 where no server listens', async () => {
    const { exitCode, said } = await testContract(['BASE_URL=http://127.0.0.1:1', 'API_KEY=key']);
    expect({ exitCode, said }).toEqual({ exitCode: 2, said: expect.stringContaining('does not respond') });
  });

  it('leave a configuration of vitest alone that stands in the project', async () => {
    await writeFile(join(project, 'vitest.config.js'), 'throw new Error("for other tests");');
    const live = await liveTarget();
    const { exitCode } = await testContract([`BASE_URL=${live.baseUrl}`, `API_KEY=${live.apiKey}`]);
    await live.close();
    expect(exitCode).toBe(0);
  });

  it.skipIf(!oldNode)('say which Node they need (where there is an older one)', async () => {
    const started = inProject(oldNode!, ['node_modules/.bin/payments-contract']);
    await expect(started).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/payments-contract needs Node 24\.18 or later, and this is 2[0-3]\./),
    });
  });
});
