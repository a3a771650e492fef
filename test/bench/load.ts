/**
 * Sends requests and times the answers, in a process of its own: `fork('load.ts')`, one Job as a message, one Timing back.
 *
 * Speaks HTTP over bare sockets, so that it takes less of the machine than what it measures.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Job {
  port: number;
  /** The whole request, head and body. */
  request: string;
  status: number;
  connections: number;
  /** So many requests, each connection sending its next when it has its answer. */
  requests: number;
  /** Sends at this rate instead, whether answers come or not, and times from when a request was due. */
  perSecond?: number;
}

export interface Timing {
  seconds: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Answers with another status than expected. */
  wrong: number;
}

/** No run lasts longer. */
const LIMIT_MS = 120_000;

process.on('message', (job: Job) => void run(job).then((timing) => process.send!(timing)));

async function run(job: Job): Promise<Timing> {
  const limit = setTimeout(() => process.exit(1), LIMIT_MS);
  const times: number[] = [];
  let wrong = 0;
  const lines = await Promise.all(Array.from({ length: job.connections }, () => open(job.port)));
  const send = async (line: Line, since = performance.now()) => {
    const status = await line.ask(job.request);
    times.push(performance.now() - since);
    if (status !== job.status) wrong += 1;
  };
  const startedAt = performance.now();
  await (job.perSecond === undefined ? closed() : atRate(job.perSecond));
  const seconds = (performance.now() - startedAt) / 1000;
  for (const line of lines) line.close();
  clearTimeout(limit);
  times.sort((one, other) => one - other);
  const quantile = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))]!;
  return { seconds, p50: quantile(0.5), p99: quantile(0.99), wrong };

  async function closed(): Promise<void> {
    let left = job.requests;
    await Promise.all(
      lines.map(async (line) => {
        while (left-- > 0) await send(line);
      }),
    );
  }

  async function atRate(perSecond: number): Promise<void> {
    const idle = [...lines];
    const under: Promise<void>[] = [];
    for (let sent = 0; sent < job.requests; sent++) {
      const dueAt = startedAt + (sent * 1000) / perSecond;
      const waitMs = dueAt - performance.now();
      if (waitMs > 1) await delay(waitMs);
      const line = idle.pop() ?? (await open(job.port));
      if (!lines.includes(line)) lines.push(line);
      under.push(send(line, Math.max(dueAt, performance.now() - 1)).then(() => void idle.push(line)));
    }
    await Promise.all(under);
  }
}

interface Line {
  /** Resolves with the status, when the whole answer is there. */
  ask(request: string): Promise<number>;
  close(): void;
}

async function open(port: number): Promise<Line> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let text = '';
  let answered: ((status: number) => void) | undefined;
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    if (!isWhole(text)) return;
    const status = Number(text.slice(9, 12));
    text = '';
    answered!(status);
  });
  // A connection that breaks counts as a wrong answer.
  socket.on('error', () => {}).on('close', () => answered?.(0));
  await new Promise((resolve) => {
    socket.once('connect', resolve).once('close', resolve);
  });
  return {
    ask: (request) =>
      new Promise((resolve) => {
        answered = resolve;
        if (socket.destroyed) resolve(0);
        else socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end)) ?? [];
  return length === undefined ? text.endsWith('\r\n0\r\n\r\n') : text.length >= end + 4 + Number(length);
}
