import type { Socket } from 'node:net';
import { startTcpServer } from './redis.ts';

/** The part of Redis that rate limits need, in this process: for faults that a real Redis can't be made to have on time. */
export interface FakeRedis {
  url: string;
  /** `silent` never replies, `readOnly` rejects writes, and `senseless` replies OK to every command. */
  state: 'well' | 'silent' | 'readOnly' | 'senseless';
  /** The commands that it received, without those that open a connection. */
  commands: string[];
  /** The keys that have not expired. */
  keys: () => string[];
  connections: () => number;
  /** Sends unrequested bytes over all connections. */
  send: (bytes: string) => void;
  close: () => Promise<void>;
}

export async function startFakeRedis(): Promise<FakeRedis> {
  const entries = new Map<string, { count: number; expiresAt: number }>();
  const setCount = (key: string, seconds: number, count: number) => {
    entries.set(key, { count, expiresAt: Date.now() + seconds * 1_000 });
  };
  const findEntry = (key: string) => {
    const entry = entries.get(key);
    return entry && entry.expiresAt > Date.now() ? entry : undefined;
  };

  /** The only script that it knows, by text or by digest: increments a key, and returns the count and its expiry. */
  function increment(key: string, by: number, seconds: number): string {
    const latest = Date.now() + seconds * 1_000;
    const entry = findEntry(key);
    const { count, expiresAt } = entry && entry.expiresAt <= latest ? entry : { count: 0, expiresAt: latest };
    entries.set(key, { count: count + by, expiresAt });
    return `*2\r\n:${count + by}\r\n:${expiresAt - Date.now()}\r\n`;
  }

  function replyTo([name = '', ...args]: string[]): string {
    const command = name.toLowerCase();
    if (command === 'hello') return '%1\r\n+proto\r\n:3\r\n';
    if (command === 'info') return '$9\r\nloading:0\r\n';
    if (command === 'client') return '+OK\r\n';
    redis.commands.push([command, ...args].join(' '));
    if (redis.state === 'readOnly') return "-READONLY You can't write against a read only replica.\r\n";
    if (redis.state === 'senseless') return '+OK\r\n';
    if (command === 'set' && args[2] === 'EX') {
      setCount(args[0]!, Number(args[3]), 0);
      return '+OK\r\n';
    }
    if (command === 'eval' || command === 'evalsha') return increment(args[2]!, Number(args[3]), Number(args[4]));
    return `-ERR unknown command '${command}'\r\n`;
  }

  const connections = new Set<Socket>();
  const server = await startTcpServer((client) => {
    connections.add(client);
    let received = '';
    client.on('error', () => {});
    client.on('close', () => connections.delete(client));
    client.on('data', (chunk) => {
      received += chunk.toString();
      for (let parsed = parseCommand(received); parsed; parsed = parseCommand(received)) {
        received = parsed.rest;
        if (redis.state !== 'silent') client.write(replyTo(parsed.words));
      }
    });
  });
  const redis: FakeRedis = {
    url: `redis://127.0.0.1:${server.port}`,
    state: 'well',
    commands: [],
    keys: () => [...entries.keys()].filter(findEntry),
    connections: () => connections.size,
    send: (bytes) => connections.forEach((client) => client.write(bytes)),
    close: () => server.close(),
  };
  return redis;
}

/** `*2\r\n$4\r\nPING\r\n$1\r\nx\r\n` → PING, x; undefined while the command is incomplete. */
function parseCommand(received: string): { words: string[]; rest: string } | undefined {
  const [head = '', ...lines] = received.split('\r\n');
  const count = 2 * Number(head.slice(1));
  if (lines.length <= count) return undefined;
  return {
    words: lines.slice(0, count).filter((_line, index) => index % 2 === 1),
    rest: lines.slice(count).join('\r\n'),
  };
}
