/** `make contract` as a script sees it: its output, its files and its exit code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { document, scenarios } from '../support/contractDocument.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import type { Report } from './report.ts';

const CLI = fileURLToPath(new URL('cli.ts', import.meta.url));
const CONTRACT = new URL('../../openapi/openapi.yaml', import.meta.url);

const folder = mkdtempSync(join(tmpdir(), 'report-'));
afterAll(() => rmSync(folder, { recursive: true }));
const readReport = (file: string) => readFileSync(join(folder, file), 'utf8');
const readJson = () => JSON.parse(readReport('report.json')) as Report;
const readAll = () => ['index.html', 'junit.xml', 'report.json', 'summary.md'].map(readReport).join('\n');

async function run(args: readonly string[], env: Record<string, string> = {}) {
  writeFileSync(join(folder, 'summary.md'), '');
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

let close: () => unknown = () => {};
afterEach(() => close());

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  close = () => server.close().closeAllConnections();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('where the contract is kept', () => {
  let live: Target;
  beforeAll(async () => {
    live = await liveTarget();
  });
  afterAll(() => live.close());

  it('exits with 0, and the files list every example', async () => {
    const { exitCode, output } = await run([`BASE_URL=${live.baseUrl}/`, `API_KEY=${live.apiKey}`, 'CREATE=1']);
    expect(output).toMatch(/The contract is kept: all \d+ responses match it\.\n/);
    for (const { example } of scenarios) {
      expect(readReport('index.html')).toContain(example);
      expect(readReport('junit.xml')).toContain(example);
    }
    const { verdict, contract, causes, cases } = readJson();
    expect({ verdict, contract, causes }).toEqual({
      verdict: 'kept',
      contract: { title: document.info.title, version: document.info.version },
      causes: [],
    });
    expect(
      cases.filter(({ example, verdict: one }) => example === 'created' && one === 'passed').length,
    ).toBeGreaterThan(9);
    expect(readReport('junit.xml')).toMatch(/<testsuites .*failures="0" errors="0"/);
    expect(output + readAll()).not.toContain(live.apiKey);
    expect(exitCode).toBe(0);
  });

  it('creates nothing without CREATE=1, takes the key from the environment, and says what was skipped', async () => {
    const { exitCode, output } = await run([], { CONTRACT_BASE_URL: live.baseUrl, API_KEY: live.apiKey });
    expect(output).toMatch(/ \d+ skipped: creates an intent: CREATE=1\n/);
    expect(output).toMatch(/ \d+ skipped: no single request leads to it\n/);
    expect(readReport('junit.xml')).toMatch(/name="200 created: the minimum amount"[^>]*><skipped/);
    expect(exitCode).toBe(0);
  });

  it('exits with 2 where the key is refused, and says so once', async () => {
    const { exitCode, output, errors } = await run([`BASE_URL=${live.baseUrl}`, 'API_KEY=another-key']);
    const reason = `${live.baseUrl} refuses the API key: every request with it gets 401. Nothing else was tested.`;
    expect({ exitCode, output, errors }).toEqual({ exitCode: 2, output: '', errors: `${reason}\n` });
    // A report of an earlier run would say something else.
    expect(readJson()).toMatchObject({ verdict: 'unknown', conclusion: reason });
    expect(readReport('index.html')).toContain(reason);
    expect(readReport('junit.xml')).toContain(`<error message="${reason}"/>`);
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

  it('exits with 1, and shows the cause once, with a command that reproduces it', async () => {
    const env = {
      CONTRACT_API_KEY: mock.apiKey,
      GITHUB_ACTIONS: 'true',
      GITHUB_STEP_SUMMARY: join(folder, 'summary.md'),
    };
    const { exitCode, output } = await run([`BASE_URL=${mock.baseUrl}`], env);
    expect(output).toMatch(/The contract is broken: 13 of \d+ responses differ from it/);
    const command = `curl -i --path-as-is -X POST -H 'cv-api-key: '"$API_KEY" -H 'Content-Type: application/json' -H 'Idempotency-Key: invalid, so that nothing is created' --data-binary '{"amount":null}' '${mock.baseUrl}/api/v1/payments/intent'`;
    const what =
      /13 of \d+ responses: message: expected "Amount must be a positive number", got "Amount must be positive"\./;
    expect(output).toMatch(what);
    expect(output).toContain(
      [
        'createPaymentIntent 400 invalidAmount: null',
        command,
        '→ 400 {"success":false,"message":"Amount must be positive"}',
        'and 12 more: 400 invalidAmount',
      ].join('\n  '),
    );
    expect(output.match(/^::error /gm)).toHaveLength(1);
    expect(output).toContain(`::${command.replaceAll('%', '%25')}%0A→ 400 `);
    expect(output).toMatch(
      /The deployment serves another version of the contract than [\d.]+: .* its messages differ\./,
    );
    expect(readReport('summary.md')).toMatch(what);
    expect(readReport('junit.xml')).toContain(command.replaceAll('"', '&quot;'));
    expect(readJson().causes).toEqual([expect.objectContaining({ what: expect.stringMatching(what) })]);
    expect(output + readAll()).not.toContain(mock.apiKey);
    expect(exitCode).toBe(1);
  });

  it('fits a screen where every response is a 500', async () => {
    const baseUrl = await serve(
      (request, response) => void request.resume().once('end', () => response.writeHead(500).end()),
    );
    const { exitCode, output } = await run([`BASE_URL=${baseUrl}`], { API_KEY: 'key' });
    expect(output).toMatch(/\nAll \d+ responses: status: expected .*, got 500\.\n/);
    expect(output).toMatch(/\nAll \d+ responses lack Cache-Control: no-store\.\n/);
    expect(output.split('\n').length).toBeLessThanOrEqual(40);
    expect(exitCode).toBe(1);
  });

  it('shows no secret, wherever the deployment repeats it', async () => {
    const baseUrl = await serve((request, response) => {
      const { 'cv-api-key': key, 'x-gate': gate, authorization } = request.headers;
      response.setHeader('X-Request-Id', [String(key)]);
      response.end(
        JSON.stringify({ key, gate, authorization, one: 'pi_1_secret_2', other: 'pi_1_secret_leaked-in-part' }),
      );
    });
    const [, address] = baseUrl.split('//');
    const env = { API_KEY: 'cv_echoed', HEADER: 'X-Gate: open-sesame' };
    const { exitCode, output } = await run([`BASE_URL=http://me:pass-word@${address}`], env);
    expect(output).toContain(
      '→ 200 {"key":"$API_KEY","gate":"$HEADER","authorization":"$HEADER","one":"<secret>","other":"<malformed secret>"}',
    );
    expect(output).toContain(`-H "$HEADER_1" -H "$HEADER_2"`);
    expect(output + readAll()).not.toMatch(/cv_echoed|pi_1|leaked|sesame|pass-word|bWU6/);
    expect(exitCode).toBe(1);
  });
});

describe('where nothing can be tested', () => {
  it('exits with 2 where no server listens', async () => {
    expect(await run(['BASE_URL=http://127.0.0.1:1', 'API_KEY=key'])).toEqual({
      exitCode: 2,
      output: '',
      errors: 'http://127.0.0.1:1 does not respond: nothing listens there (connect ECONNREFUSED 127.0.0.1:1)\n',
    });
  });

  it('exits with 2 for invalid settings, and does not repeat a password', async () => {
    const { exitCode, errors } = await run(['BASE_URL=https://me:password@host/path?', 'CREATE=yes']);
    expect(exitCode).toBe(2);
    expect(errors).toMatch(/^API_KEY: missing\nCREATE: expected one of 0, 1\nusage: /);
    expect(errors).not.toContain('password');
  });
});
