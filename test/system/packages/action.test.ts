/** The action for the workflows of others: its steps as they stand, in a copy of the committed files. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { mockTarget, type Target } from '../../support/targets.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);

interface Step {
  id?: string;
  uses?: string;
  run?: string;
  'working-directory'?: string;
  env?: Record<string, string>;
}
interface Action {
  inputs: Record<string, { required?: boolean; default?: string }>;
  outputs: Record<string, { value: string }>;
  runs: { steps: Step[] };
}
interface Failed {
  code: number;
  stdout: string;
  stderr: string;
}
const action = parse(await readFile(join(ROOT, 'action.yml'), 'utf8')) as Action;
const scripts = action.runs.steps.filter((step) => step.run !== undefined);

let folder: string;
let mock: Target;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'action-test-'));
  await mkdir(join(folder, 'action'));
  await mkdir(join(folder, 'workspace'));
  const { stdout: files } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
  });
  await run('cp', ['--parents', '-t', join(folder, 'action'), ...files.split('\0').filter(Boolean)], { cwd: ROOT });
  mock = await mockTarget();
});
afterAll(async () => {
  await mock.close();
  await rm(folder, { recursive: true });
});

/** What GitHub puts in place of an expression. */
function evaluate(text: string, inputs: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{\{ (.*?) \}\}/g, (_match, expression: string) => {
    if (expression === 'github.action_path') return join(folder, 'action');
    const name = /^inputs\.([\w-]+)$/.exec(expression)![1]!;
    return inputs[name] ?? action.inputs[name]!.default!;
  });
}

async function runStep(step: Step, inputs: Record<string, string>) {
  const env = Object.fromEntries(
    Object.entries(step.env ?? {}).map(([name, value]) => [name, evaluate(value, inputs)]),
  );
  const workspace = join(folder, 'workspace');
  // As `shell: bash` does: https://docs.github.com/en/actions/reference/workflow-syntax-for-github-actions#jobsjob_idstepsshell
  return run('bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', '-c', step.run!], {
    cwd: evaluate(step['working-directory'] ?? workspace, inputs),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], GITHUB_OUTPUT: join(folder, 'output'), ...env },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    ({ code, stdout, stderr }: Failed) => ({ code, output: stdout + stderr }),
  );
}

describe('action.yml', () => {
  it('hands over every input as a variable, and none as code', () => {
    const given = scripts.flatMap((step) => Object.values(step.env ?? {})).join('\n');
    for (const name of Object.keys(action.inputs)) expect(given).toContain(`\${{ inputs.${name} }}`);
    expect(scripts.map((step) => step.run).join('\n')).not.toContain('${{');
  });

  it('installs what the tests need, tests the deployment, and has its verdict as an output', async () => {
    const [install, test] = scripts as [Step, Step];
    const inputs = { 'base-url': mock.baseUrl, 'api-key': mock.apiKey };
    expect(await runStep(install, inputs)).toMatchObject({ code: 0 });
    const kept = await runStep(test, inputs);
    expect(kept.output).toMatch(/The contract is kept/);
    expect(kept.code).toBe(0);
    expect((await runStep(test, { ...inputs, 'api-key': 'another-key' })).code).toBe(2);
    expect(action.outputs['verdict']!.value).toBe(`\${{ steps.${test.id}.outputs.verdict }}`);
    expect(await readFile(join(folder, 'output'), 'utf8')).toBe('verdict=kept\nverdict=unknown\n');
    expect(await readFile(join(folder, 'workspace/reports/contract/index.html'), 'utf8')).toMatch(/^<!doctype html>/);
  }, 300_000);
});
