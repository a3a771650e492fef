import { fork, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Job, Timing } from './load.ts';
import { freePort } from '../support/freePort.ts';

/** A server program and how to start it. */
export interface Program {
  name: string;
  /** Arguments for node; `PORT` stands for the port, which is in the environment as well. */
  args: readonly string[];
  env?: Record<string, string>;
}

export interface Running {
  port: number;
  pid: number;
  /** From spawn to the first response. */
  startMs: number;
  /** CPU time of all threads since the start. */
  cpuMicroseconds: () => number;
  /** Resident, in MiB. */
  memoryMiB: () => number;
  stop: () => Promise<void>;
}

export const API_KEY = 'cv_bench_key';

export const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

const OWN_ENVIRONMENT = {
  HOST: '127.0.0.1',
  ADMIN_PORT: '0',
  DRAIN_MS: '0',
  API_KEYS: `bench:${createHash('sha256').update(API_KEY).digest('hex')}`,
  STRIPE_SECRET_KEY: 'sk_test_bench',
  TENANT_REQUESTS_PER_MINUTE: '1000000000',
  ADDRESS_FAILURES_PER_MINUTE: '1000000000',
};

/** Time limit for the first response of a program. */
const START_LIMIT_MS = 60_000;

/** Starts the program on a free port and waits for its first response to `request`. Its output is read and discarded. */
export async function start(program: Program, request: string, stripePort = 0): Promise<Running> {
  const port = await freePort();
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    program.args.map((arg) => (arg === 'PORT' ? String(port) : arg)),
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        ...OWN_ENVIRONMENT,
        PORT: String(port),
        BENCH_API_KEY: API_KEY,
        BENCH_STRIPE_URL: `http://127.0.0.1:${stripePort}`,
        ...program.env,
      },
    },
  );
  child.stdout.resume();
  // A failed run leaves no process behind.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  while (!(await hasResponse(port, request))) {
    if (child.exitCode !== null) throw new Error(`${program.name} exited before its first response`);
    if (performance.now() - startedAt > START_LIMIT_MS) throw new Error(`${program.name} does not respond`);
    await delay(2);
  }
  return {
    port,
    pid: child.pid!,
    startMs: performance.now() - startedAt,
    cpuMicroseconds: () => readCpuMicroseconds(child),
    memoryMiB: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) / 1024,
    async stop() {
      process.removeListener('exit', kill);
      // SIGTERM, not SIGKILL: Node writes its compile cache on exit.
      child.kill('SIGTERM');
      await exited;
    },
  };
}

export interface Load {
  run: (job: Job) => Promise<Timing>;
  stop: () => void;
}

export function startLoad(): Load {
  const child = fork(here('load.ts'));
  let onTiming: (timing: Timing | undefined) => void;
  child.on('message', (timing) => onTiming(timing as Timing)).on('exit', () => onTiming?.(undefined));
  return {
    async run(job) {
      const response = new Promise<Timing | undefined>((resolve) => {
        onTiming = resolve;
      });
      child.send(job);
      const timing = await response;
      if (timing === undefined) throw new Error('The load took too long.');
      if (timing.wrong > 0) throw new Error(`${timing.wrong} of ${job.requests} responses were not ${job.status}`);
      return timing;
    },
    stop: () => child.kill(),
  };
}

/** Fields 14 and 15 of /proc/PID/stat, in hundredths of a second: see proc(5). */
function readCpuMicroseconds({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Whether the server responds with 200 or 400. */
function hasResponse(port: number, request: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.write(request));
    socket.on('data', (bytes) => {
      resolve(bytes.includes('HTTP/1.1 200') || bytes.includes('HTTP/1.1 400'));
      socket.destroy();
    });
    socket.on('close', () => resolve(false));
  });
}
