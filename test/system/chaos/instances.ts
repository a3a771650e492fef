import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sendPartially } from './halfSent.ts';
import type { Random } from './random.ts';

/** One process of the live server. */
export interface Instance {
  readonly process: ChildProcess;
  /** Set once it listens. */
  address: { url: string; adminUrl: string } | undefined;
  state: 'starting' | 'running' | 'stopped' | 'draining' | 'killed' | 'ended';
  /** The latest result of `/readyz`: all that the load balancer knows. */
  isReady: boolean;
  wasDrained: boolean;
}

export interface Instances {
  /** Those that a load balancer would send requests to now. */
  ready(): Instance[];
  /**
   * Kills, stops and drains instances, and pauses or closes the reading of their logs, at random until `faultsEnded` is
   * aborted. Stopped instances then continue.
   */
  injectFaults(random: Random, faultsEnded: AbortSignal): Promise<void>;
  /** Drains all running instances, and waits until they have exited. */
  drainAll(): Promise<void>;
  /** Kills all instances at once, in any state. */
  killAll(): void;
  readonly tally: {
    starts: number;
    kills: number;
    stops: number;
    drains: number;
    /** How often the reading of a log was paused, and how often it was ended for good. */
    logPauses: number;
    logClosures: number;
    slowestExitMs: number;
    /** Requests whose clients disconnected while they were queued: Stripe was not called for them. */
    abandoned: number;
    halfSent: number;
    /** How many of those received a 408. */
    rejected: number;
  };
  /** The promises that were broken. */
  readonly broken: string[];
}

export interface InstancesOptions {
  size: number;
  stripeUrl: string;
  apiKeys: string;
  /** One of those keys, for orders that are half-sent when an instance is drained. */
  apiKey: string;
  /** Chooses how much of each half-sent request is sent. */
  random: Random;
  /** No log line may match this pattern. */
  secrets: RegExp;
}

interface LogEntry {
  level: number;
  msg: string;
  url: string;
  adminUrl: string;
  cause?: { reason?: string };
}

const LIVE_PROCESS = fileURLToPath(new URL('../../support/liveProcess.ts', import.meta.url));

/** How often the load balancer requests `/readyz`, and how long it waits for the response. */
const PROBE = { everyMs: 100, timeoutMs: 300 };

/** A small limit and a long queue timeout, so that clients queue, and disconnect while they are queued. */
const BULKHEAD = { STRIPE_MAX_IN_FLIGHT: '3', STRIPE_QUEUE_TIMEOUT_MS: '2000' };

/** Far more than the load balancer needs, even on a busy machine: only a bug of ours may make it late. */
const DRAIN_MS = 1_500;

/** Promise 7: the drain, the longest response and a second. The last second is for the process to exit. */
const MAX_EXIT_MS = DRAIN_MS + 10_000 + 1_000 + 1_000;

/** Half-sent requests may last as long as the drain. The rest is for a busy machine. */
const MAX_HALF_SENT_MS = DRAIN_MS + 3_000;
const HALF_SENT_COUNT = 3;

/** Starts `size` instances behind a simulated load balancer, and resolves when all are ready. */
export async function startInstances(options: InstancesOptions): Promise<Instances> {
  const all = new Set<Instance>();
  const broken: string[] = [];
  const tally = {
    starts: 0,
    kills: 0,
    stops: 0,
    drains: 0,
    logPauses: 0,
    logClosures: 0,
    slowestExitMs: 0,
    abandoned: 0,
    halfSent: 0,
    rejected: 0,
  };
  const runEnded = new AbortController();

  function start(): Instance {
    tally.starts += 1;
    const process = fork(LIVE_PROCESS, [options.stripeUrl], {
      env: {
        HOST: '127.0.0.1',
        PORT: '0',
        ADMIN_PORT: '0',
        API_KEYS: options.apiKeys,
        STRIPE_SECRET_KEY: 'sk_test_chaos',
        DRAIN_MS: String(DRAIN_MS),
        TENANT_REQUESTS_PER_MINUTE: '1000000',
        ...BULKHEAD,
      },
      execArgv: [],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const instance: Instance = { process, address: undefined, state: 'starting', isReady: false, wasDrained: false };
    all.add(instance);
    createInterface(process.stdout!).on('line', (line) => readLogLine(instance, line));
    process.once('exit', (code, signal) => {
      const isExpected = instance.state === 'killed' || (instance.state === 'draining' && code === 0);
      if (!isExpected) broken.push(`an instance (${instance.state}) exited unexpectedly: ${signal ?? code}`);
      instance.state = 'ended';
    });
    return instance;
  }

  function readLogLine(instance: Instance, line: string): void {
    if (options.secrets.test(line)) broken.push(`a secret in the log: ${line}`);
    const entry = readEntry(line);
    if (!entry) {
      // A kill can come in the middle of a line.
      const isKilled = instance.state === 'killed' || instance.process.signalCode === 'SIGKILL';
      if (!isKilled) broken.push(`a log line is not JSON: ${line}`);
      return;
    }
    if (entry.level === 60) broken.push(`fatal: ${line}`);
    if (entry.cause?.reason === 'the client disconnected while the order was queued') tally.abandoned += 1;
    if (entry.msg !== 'listening') return;
    instance.address = { url: entry.url, adminUrl: entry.adminUrl };
    instance.state = 'running';
  }

  async function probe(): Promise<void> {
    while (!runEnded.signal.aborted) {
      await Promise.all([...all].map(probeOne));
      await sleep(PROBE.everyMs);
    }
  }

  async function probeOne(instance: Instance): Promise<void> {
    if (!instance.address) return;
    const signal = AbortSignal.timeout(PROBE.timeoutMs);
    instance.isReady = await fetch(`${instance.address.adminUrl}/readyz`, { signal }).then(
      async (response) => (await response.text()) === 'ok\n',
      () => false,
    );
    if (instance.state === 'ended') all.delete(instance);
  }

  const actions = {
    async kill(instance: Instance) {
      tally.kills += 1;
      instance.state = 'killed';
      instance.process.kill('SIGKILL');
      start();
    },
    async stop(instance: Instance, random: Random, faultsEnded: AbortSignal) {
      tally.stops += 1;
      instance.state = 'stopped';
      instance.process.kill('SIGSTOP');
      await sleep(random.between(200, 4_000), undefined, { signal: faultsEnded }).catch(() => {});
      instance.process.kill('SIGCONT');
      if (instance.state === 'stopped') instance.state = 'running';
    },
    async drain(instance: Instance) {
      tally.drains += 1;
      start();
      await drain(instance);
    },
    async pauseLog(instance: Instance, random: Random, faultsEnded: AbortSignal) {
      tally.logPauses += 1;
      instance.process.stdout!.pause();
      await sleep(random.between(1_000, 6_000), undefined, { signal: faultsEnded }).catch(() => {});
      instance.process.stdout!.resume();
    },
    async closeLog(instance: Instance) {
      tally.logClosures += 1;
      instance.process.stdout!.destroy();
    },
  };

  async function drain(instance: Instance): Promise<void> {
    instance.state = 'draining';
    instance.wasDrained = true;
    const halfSent = await sendPartially(instance.address!.url, options.apiKey, HALF_SENT_COUNT, options.random);
    const drainedAt = performance.now();
    instance.process.kill('SIGTERM');
    const halfSentEnded = halfSent.ended(MAX_HALF_SENT_MS);
    await once(instance.process, 'exit', { signal: AbortSignal.timeout(MAX_EXIT_MS) }).catch(() =>
      broken.push(`a drained instance had not exited after ${MAX_EXIT_MS} ms`),
    );
    broken.push(...(await halfSentEnded));
    tally.halfSent += HALF_SENT_COUNT;
    tally.rejected += halfSent.rejected();
    tally.slowestExitMs = Math.max(tally.slowestExitMs, performance.now() - drainedAt);
  }

  async function injectFaults(random: Random, faultsEnded: AbortSignal): Promise<void> {
    const pending: Promise<void>[] = [];
    let remaining: (keyof typeof actions)[] = [];
    while (!faultsEnded.aborted) {
      await sleep(random.between(300, 1_500), undefined, { signal: faultsEnded }).catch(() => {});
      const running = [...all].filter(({ state }) => state === 'running');
      if (faultsEnded.aborted || running.length === 0) continue;
      // From a shuffled list, so that every action occurs even in a short run.
      if (remaining.length === 0)
        remaining = random.shuffled(['kill', 'stop', 'drain', 'pauseLog', 'closeLog'] as const);
      pending.push(actions[remaining.pop()!](random.pick(running), random, faultsEnded));
    }
    await Promise.all(pending);
  }

  const ready = () => [...all].filter(({ isReady }) => isReady);

  async function drainAll(): Promise<void> {
    runEnded.abort();
    await Promise.all([...all].filter(({ state }) => state === 'running').map(drain));
  }

  function killAll(): void {
    runEnded.abort();
    for (const instance of all) {
      if (instance.state === 'ended') continue;
      instance.state = 'killed';
      instance.process.kill('SIGKILL');
    }
  }

  for (let i = 0; i < options.size; i++) start();
  void probe();
  const giveUpAt = performance.now() + 30_000;
  while (ready().length < options.size) {
    if (performance.now() > giveUpAt || broken.length > 0) {
      killAll();
      throw new Error(`The instances did not start. ${broken.join('; ')}`);
    }
    await sleep(20);
  }
  return { ready, injectFaults, drainAll, killAll, tally, broken };
}

function readEntry(line: string): LogEntry | undefined {
  try {
    return JSON.parse(line) as LogEntry;
  } catch {
    return undefined;
  }
}
