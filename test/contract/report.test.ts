/** The contract tests as a script runs them on a deployment: by their exit code, and by what they leave behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenarios } from '../support/contractDocument.ts';
import { mockTarget, type Target } from '../support/targets.ts';

const CLI = fileURLToPath(new URL('cli.ts', import.meta.url));

describe.skipIf(process.env['CONTRACT_BASE_URL'])('the report on a deployment', () => {
  let mock: Target;
  const folder = mkdtempSync(join(tmpdir(), 'report-'));
  beforeAll(async () => {
    mock = await mockTarget();
  });
  afterAll(async () => {
    await mock.close();
    rmSync(folder, { recursive: true });
  });

  async function run(baseUrl: string, apiKey: string) {
    const env = {
      PATH: process.env['PATH'],
      NO_COLOR: '1',
      CONTRACT_BASE_URL: baseUrl,
      CONTRACT_API_KEY: apiKey,
      CONTRACT_REPORT: folder,
    };
    const child = spawn(process.execPath, [CLI], { env });
    const [output, errors, [exitCode]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number]>,
    ]);
    return { exitCode, output, errors };
  }
  const left = (file: string) => readFileSync(join(folder, file), 'utf8');

  it('ends with 0 where the contract is kept, and names every answer', { timeout: 60_000 }, async () => {
    const { exitCode, output } = await run(mock.baseUrl, mock.apiKey);
    expect({ exitCode, failed: / 0 failed, /.test(output) }).toEqual({ exitCode: 0, failed: true });
    for (const { example } of scenarios) {
      expect(output).toContain(example);
      expect(left('index.html')).toContain(example);
    }
    expect(left('junit.xml')).toMatch(/<testsuites .*failures="0"/);
    expect(output + left('index.html') + left('junit.xml')).not.toContain(mock.apiKey);
  });

  it('ends with 1 where it is not, and shows how to see it', { timeout: 60_000 }, async () => {
    const { exitCode, output } = await run(mock.baseUrl, 'another-key');
    expect(exitCode).toBe(1);
    const command = `-H 'cv-api-key: $API_KEY' -H 'Content-Type: application/json' --data-binary '{"amount":null}'`;
    expect(output).toContain(command);
    expect(output).toContain('→ 401 {"status":401,"error":"Invalid API key"}');
    expect(left('index.html')).toContain('<details open>');
    expect(output + left('index.html') + left('junit.xml')).not.toContain('another-key');
  });

  it.each(['http://127.0.0.1:1', '', 'nonsense'])('ends with 2 where nobody answers: "%s"', async (baseUrl) => {
    expect(await run(baseUrl, 'key')).toMatchObject({
      exitCode: 2,
      output: '',
      errors: expect.stringMatching(/answer|address/),
    });
  });
});
