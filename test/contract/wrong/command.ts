import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Each run takes a third less with it. */
const COMPILE_CACHE = new URL('../../../src/compileCache.js', import.meta.url).href;
const COMMAND = fileURLToPath(new URL('../cli.ts', import.meta.url));

/** Runs the command of `make contract` in a process of its own, and resolves with its exit code and everything it printed. */
export async function runContract(
  settings: Record<string, string>,
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'contract-'));
  try {
    const args = Object.entries({ ...settings, REPORT: folder }).map(([name, value]) => `${name}=${value}`);
    const child = spawn(process.execPath, ['--import', COMPILE_CACHE, COMMAND, ...args], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { code, output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
