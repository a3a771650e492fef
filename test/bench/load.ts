/**
 * Sends requests and measures response times, in a process of its own: `fork('load.ts')`, one Job as a message, one Timing back.
 *
 * Uses HTTP over plain sockets, to use less CPU than the servers it measures.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Job {
  port: number;
  /** The complete request: head and body. */
  request: string;
  status: number;
  connections: number;
  /** Number of requests. Each connection sends its next request when it has received a response. */
  requests: number;
  /** Sends at this rate instead, whether responses arrive or not, and measures from the time a request was due. */
  perSecond?: number;
}

export interface Timing {
  seconds: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Number of responses with another status than expected. */
  wrong: number;
}

/** Time limit of a run. */
const LIMIT_MS = 120_000;

process.on('message', (job: Job) => void run(job).then((timing) => process.send!(timing)));

async function run(job: Job): Promise<Timing> {
  const limit = setTimeout(() => process.exit(1), LIMIT_MS);
  const times: number[] = [];
  let wrong = 0;
  const connections = await Promise.all(Array.from({ length: job.connections }, () => open(job.port)));
  const sendTimed = async (connection: Connection, since = performance.now()) => {
    const status = await connection.send(job.request);
    times.push(performance.now() - since);
    if (status !== job.status) wrong += 1;
  };
  const startedAt = performance.now();
  await (job.perSecond === undefined ? closedLoop() : openLoop(job.perSecond));
  const seconds = (performance.now() - startedAt) / 1000;
  for (const connection of connections) connection.close();
  clearTimeout(limit);
  times.sort((one, other) => one - other);
  const quantile = (fraction: number) => times[Math.min(times.length - 1, Math.floor(times.length * fraction))]!;
  return { seconds, p50: quantile(0.5), p99: quantile(0.99), wrong };

  async function closedLoop(): Promise<void> {
    let left = job.requests;
    await Promise.all(
      connections.map(async (connection) => {
        while (left-- > 0) await sendTimed(connection);
      }),
    );
  }

  async function openLoop(perSecond: number): Promise<void> {
    const idle = [...connections];
    const inFlight: Promise<void>[] = [];
    for (let sent = 0; sent < job.requests; sent++) {
      const dueAt = startedAt + (sent * 1000) / perSecond;
      const waitMs = dueAt - performance.now();
      if (waitMs > 1) await delay(waitMs);
      const connection = idle.pop() ?? (await open(job.port));
      if (!connections.includes(connection)) connections.push(connection);
      inFlight.push(
        sendTimed(connection, Math.max(dueAt, performance.now() - 1)).then(() => void idle.push(connection)),
      );
    }
    await Promise.all(inFlight);
  }
}

interface Connection {
  /** Resolves with the status, when the complete response has arrived. */
  send(request: string): Promise<number>;
  close(): void;
}

async function open(port: number): Promise<Connection> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let text = '';
  let onResponse: ((status: number) => void) | undefined;
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    if (!isComplete(text)) return;
    const status = Number(text.slice(9, 12));
    text = '';
    onResponse!(status);
  });
  // A broken connection counts as a wrong response.
  socket.on('error', () => {}).on('close', () => onResponse?.(0));
  await new Promise((resolve) => {
    socket.once('connect', resolve).once('close', resolve);
  });
  return {
    send: (request) =>
      new Promise((resolve) => {
        onResponse = resolve;
        if (socket.destroyed) resolve(0);
        else socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

function isComplete(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end)) ?? [];
  return length === undefined ? text.endsWith('\r\n0\r\n\r\n') : text.length >= end + 4 + Number(length);
}
