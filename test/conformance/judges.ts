import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/freePort.ts';
import { readNumbers } from '../support/numbers.ts';

/** The folder where `make conformance` installs third-party tools. Ignored by git. */
export const FOLDER = fileURLToPath(new URL('../../.conformance/', import.meta.url));

export const CONTRACT = fileURLToPath(new URL('../../generated/openapi.json', import.meta.url));

export const SCHEMATHESIS = `${FOLDER}venv/bin/schemathesis`;
export const STRIPE_MOCK = `${FOLDER}bin/stripe-mock`;
/** Stripe's OpenAPI description, as it comes with stripe-mock. */
export const STRIPE_DESCRIPTION = `${FOLDER}stripe-openapi.json`;

export const hasSchemathesis = existsSync(SCHEMATHESIS);
export const hasStripeMock = existsSync(STRIPE_MOCK) && existsSync(STRIPE_DESCRIPTION);

/** The jars that openapi-generator's Java client needs. */
export const JAVA_LIBRARIES = `${FOLDER}java`;

/** A language that is not installed with this project. */
export type Tool = 'python3' | 'java' | 'mvn' | 'go';

const PROOFS: Record<Tool, () => boolean> = {
  python3: () => existsSync(`${FOLDER}venv/installed`),
  java: () => isCommand('java') && isCommand('javac'),
  mvn: () => existsSync(`${JAVA_LIBRARIES}/installed`),
  go: () => isCommand('go'),
};

/** Whether a tool, or what `make conformance` installs with it, is missing. */
export const isMissing = (tool: Tool): boolean => !PROOFS[tool]();

const isCommand = (name: string) =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));

/** The commands of the npm packages in test/conformance/package.json. */
export const NPM_TOOLS = fileURLToPath(new URL('node_modules/.bin/', import.meta.url));

/** `make conformance SEED=7 EXAMPLES=5000` chooses which requests are generated, and how many. */
export const { SEED, EXAMPLES } = readNumbers({ SEED: [1, 0, 999_999_999], EXAMPLES: [1_000, 1, 1_000_000] });

/** A running third-party server. */
export interface ToolServer {
  url: string;
  close: () => Promise<void>;
}

/** Starts a program on a free port of 127.0.0.1 and waits until it responds there. */
export async function startTool(command: string, argsFor: (port: number) => readonly string[]): Promise<ToolServer> {
  const port = await freePort();
  const child = spawn(command, argsFor(port), { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  // Its output is shown only if it does not start.
  await untilListening(port, child).catch(async (error: unknown) => {
    await kill(child);
    throw new Error(`${command} does not listen on port ${port}. Its output:\n${output}`, { cause: error });
  });
  return { url: `http://127.0.0.1:${port}`, close: () => kill(child) };
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline && child.exitCode === null) {
    const isUp = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await sleep(100);
  }
  throw new Error(child.exitCode === null ? 'the time limit passed' : `it exited with ${child.exitCode}`);
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
