import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/freePort.ts';

/** Where `make conformance` puts what it installs. A folder that git ignores. */
export const FOLDER = fileURLToPath(new URL('../../.conformance/', import.meta.url));

export const SCHEMATHESIS = `${FOLDER}venv/bin/schemathesis`;
export const STRIPE_MOCK = `${FOLDER}bin/stripe-mock`;
/** Stripe's OpenAPI description, as it comes with stripe-mock. */
export const STRIPE_DESCRIPTION = `${FOLDER}stripe-openapi.json`;

export const hasSchemathesis = existsSync(SCHEMATHESIS);
export const hasStripeMock = existsSync(STRIPE_MOCK) && existsSync(STRIPE_DESCRIPTION);

/** `make conformance SEED=7 EXAMPLES=5000` chooses which requests are made up, and how many. */
export const SEED = Number(process.env['SEED'] || 1);
export const EXAMPLES = Number(process.env['EXAMPLES'] || 1000);

/** A server that is somebody else's program. */
export interface Judge {
  url: string;
  close: () => Promise<void>;
}

/** Starts a program with a port of 127.0.0.1 that is free, and waits until it listens there. */
export async function startJudge(command: string, argsFor: (port: number) => readonly string[]): Promise<Judge> {
  const port = await freePort();
  const child = spawn(command, argsFor(port), { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  // Its words are wanted only when it doesn't come up.
  await listening(port, child).catch(async (error: unknown) => {
    await end(child);
    throw new Error(`${command} does not listen on port ${port}. It said:\n${output}`, { cause: error });
  });
  return { url: `http://127.0.0.1:${port}`, close: () => end(child) };
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  const endsAt = Date.now() + 30_000;
  while (Date.now() < endsAt && child.exitCode === null) {
    const isUp = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await sleep(100);
  }
  throw new Error(child.exitCode === null ? 'too slow' : `it ended with ${child.exitCode}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
