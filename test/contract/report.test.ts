/** `make contract` as a script sees it: its output, its files and its exit code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenarios } from '../support/contractDocument.ts';
import { mockTarget, type Target } from '../support/targets.ts';
import { readSettings } from './settings.ts';

const CLI = fileURLToPath(new URL('cli.ts', import.meta.url));
const CONTRACT = new URL('../../openapi/openapi.yaml', import.meta.url);

const folder = mkdtempSync(join(tmpdir(), 'report-'));
afterAll(() => rmSync(folder, { recursive: true }));
const readReport = (file: string) => readFileSync(join(folder, file), 'utf8');

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [CLI, ...args, `REPORT=${folder}`], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1', ...env },
  });
  const [output, errors, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { exitCode, output, errors };
}

describe('where the contract is kept', () => {
  let mock: Target;
  beforeAll(async () => {
    mock = await mockTarget();
  });
  afterAll(() => mock.close());

  it('exits with 0, and lists every example', async () => {
    const { exitCode, output } = await run([`BASE_URL=${mock.baseUrl}/`, `API_KEY=${mock.apiKey}`, 'CREATE=1']);
    expect(output).toMatch(/The contract is kept: all \d+ responses match it/);
    for (const { example } of scenarios) {
      expect(output).toContain(example);
      expect(readReport('index.html')).toContain(example);
    }
    expect(output).toMatch(/passed +200 +createPaymentIntent created/);
    expect(readReport('junit.xml')).toMatch(/<testsuites .*failures="0"/);
    expect(output + readReport('index.html') + readReport('junit.xml')).not.toContain(mock.apiKey);
    expect(exitCode).toBe(0);
  });

  it('creates nothing without CREATE=1, and takes the key from the environment', async () => {
    const env = { CONTRACT_BASE_URL: mock.baseUrl, API_KEY: mock.apiKey };
    const { exitCode, output } = await run([], env);
    expect(output).toMatch(/skipped +200 +createPaymentIntent created +creates an intent: CREATE=1/);
    expect(output).toMatch(/skipped +503 +createPaymentIntent providerUnavailable +no single request leads to it/);
    expect(readReport('junit.xml')).toMatch(/createPaymentIntent 200 created: the minimum amount"[^>]*>\s*<skipped/);
    expect(exitCode).toBe(0);
  });

  it('exits with 2 where the key is refused, and says so once', async () => {
    const { exitCode, output, errors } = await run([`BASE_URL=${mock.baseUrl}`, 'API_KEY=another-key']);
    expect({ exitCode, output }).toEqual({ exitCode: 2, output: '' });
    expect(errors).toBe(
      `${mock.baseUrl} refuses the API key: every request with it gets 401. Nothing else was tested.\n`,
    );
  });
});

describe('where the contract is broken', () => {
  let mock: Target;
  beforeAll(async () => {
    const file = join(folder, 'openapi.yaml');
    const words = 'message: Amount must be a positive number';
    writeFileSync(file, readFileSync(CONTRACT, 'utf8').replaceAll(words, 'message: Amount must be positive'));
    mock = await mockTarget({}, file);
  });
  afterAll(() => mock.close());

  it('exits with 1, and shows how to reproduce each failure', async () => {
    const env = { CONTRACT_API_KEY: mock.apiKey, GITHUB_ACTIONS: 'true' };
    const { exitCode, output } = await run([`BASE_URL=${mock.baseUrl}`], env);
    expect(output).toMatch(/The contract is broken: 13 of \d+ responses differ from it/);
    const command = `curl -i --path-as-is -X POST -H 'cv-api-key: '"$API_KEY" -H 'Content-Type: application/json' --data-binary '{"amount":null}' '${mock.baseUrl}/api/v1/payments/intent'`;
    const shown = [
      'createPaymentIntent 400 invalidAmount: null',
      command,
      '→ 400 {"success":false,"message":"Amount must be positive"}',
      'expected 400 {"success":false,"message":"Amount must be a positive number"}',
    ];
    expect(output).toContain(shown.join('\n  '));
    expect(output).toContain(
      `\n::error title=createPaymentIntent 400 invalidAmount%3A null::${shown.slice(1).join('%0A')}\n`,
    );
    expect(readReport('index.html')).toContain('<details class="exchange" open>');
    expect(readReport('junit.xml')).toContain(command.replaceAll('"', '&quot;').replaceAll("'", '&apos;'));
    expect(output + readReport('index.html') + readReport('junit.xml')).not.toContain(mock.apiKey);
    expect(exitCode).toBe(1);
  });
});

describe('where responses contain secrets, or do not come', () => {
  const server = createServer((request, response) => {
    if (request.method === 'PUT') request.socket.destroy();
    const key = String(request.headers['cv-api-key']);
    response.end(JSON.stringify({ key, one: 'pi_1_secret_2', other: 'pi_1_secret_leaked-in-part' }));
  });
  beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  it('shows no secret, and which request got no response', async () => {
    const { port } = server.address() as AddressInfo;
    const { exitCode, output } = await run([`BASE_URL=http://127.0.0.1:${port}`], { API_KEY: 'cv_echoed' });
    expect(output).toContain('→ 200 {"key":"$API_KEY","one":"<secret>","other":"<malformed secret>"}');
    expect(output).toContain('→ no response\n  socket hang up');
    expect(output + readReport('index.html') + readReport('junit.xml')).not.toMatch(/cv_echoed|pi_1|leaked/);
    expect(exitCode).toBe(1);
  });
});

describe('where nothing can be tested', () => {
  it('exits with 2 where no server listens', async () => {
    expect(await run(['BASE_URL=http://127.0.0.1:1', 'API_KEY=key'])).toEqual({
      exitCode: 2,
      output: '',
      errors: 'http://127.0.0.1:1 does not respond: connect ECONNREFUSED 127.0.0.1:1\n',
    });
  });

  it('exits with 2 for invalid settings, and does not repeat a password', async () => {
    const { exitCode, errors } = await run(['BASE_URL=https://me:password@host/path', 'CREATE=yes']);
    expect(exitCode).toBe(2);
    expect(errors).toMatch(/^BASE_URL: expected .*\nAPI_KEY: missing\nCREATE: expected one of 0, 1\nusage: /);
    expect(errors).not.toContain('password');
  });

  it('reads each setting from the environment, as a script of npm has no other way', () => {
    const env = { BASE_URL: 'https://host', API_KEY: 'key', CREATE: '1', REPORT: 'folder' };
    const settings = { baseUrl: 'https://host', apiKey: 'key', creates: true, folder: 'folder' };
    expect(readSettings([], env)).toEqual(settings);
    expect(readSettings([], { ...env, CONTRACT_API_KEY: 'own' })).toEqual({ ...settings, apiKey: 'own' });
    expect(readSettings(['API_KEY=given'], { ...env, CONTRACT_API_KEY: 'own' }).apiKey).toBe('given');
  });

  it('refuses an unknown setting', () => {
    expect(() => readSettings(['BASEURL=https://host'], {})).toThrow(/^usage: /);
  });
});
