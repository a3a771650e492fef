import type { Socket } from 'node:net';
import { startTcpServer } from './redis.ts';

/** As much of a Redis as counting needs, in this process: for what a real one can't be made to do at a given moment. */
export interface FakeRedis {
  url: string;
  /** Unless it is well, it says nothing at all, takes no writes, or sends OK for everything. */
  state: 'well' | 'silent' | 'readOnly' | 'senseless';
  /** What it was told, but for the words of a connection's beginning. */
  commands: string[];
  /** What it holds now, as far as it hasn't expired. */
  keys: () => string[];
  connections: () => number;
  /** Sends bytes that nobody asked for over all connections. */
  send: (bytes: string) => void;
  close: () => Promise<void>;
}

export async function startFakeRedis(): Promise<FakeRedis> {
  const held = new Map<string, { count: number; expiresAt: number }>();
  const written = (key: string, seconds: number, count: number) => {
    held.set(key, { count, expiresAt: Date.now() + seconds * 1_000 });
  };
  const alive = (key: string) => {
    const entry = held.get(key);
    return entry && entry.expiresAt > Date.now() ? entry : undefined;
  };

  /** The one script that it knows, as it stands or by its digest: counts a key up, and says until when. */
  function counted(key: string, by: number, seconds: number): string {
    const latest = Date.now() + seconds * 1_000;
    const entry = alive(key);
    const { count, expiresAt } = entry && entry.expiresAt <= latest ? entry : { count: 0, expiresAt: latest };
    held.set(key, { count: count + by, expiresAt });
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
      written(args[0]!, Number(args[3]), 0);
      return '+OK\r\n';
    }
    if (command === 'eval' || command === 'evalsha') return counted(args[2]!, Number(args[3]), Number(args[4]));
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
      for (let read = commandIn(received); read; read = commandIn(received)) {
        received = read.rest;
        if (redis.state !== 'silent') client.write(replyTo(read.words));
      }
    });
  });
  const redis: FakeRedis = {
    url: `redis://127.0.0.1:${server.port}`,
    state: 'well',
    commands: [],
    keys: () => [...held.keys()].filter(alive),
    connections: () => connections.size,
    send: (bytes) => connections.forEach((client) => client.write(bytes)),
    close: () => server.close(),
  };
  return redis;
}

/** `*2\r\n$4\r\nPING\r\n$1\r\nx\r\n` → PING, x; undefined while a part of it is still to come. */
function commandIn(received: string): { words: string[]; rest: string } | undefined {
  const [head = '', ...lines] = received.split('\r\n');
  const count = 2 * Number(head.slice(1));
  if (lines.length <= count) return undefined;
  return {
    words: lines.slice(0, count).filter((_line, index) => index % 2 === 1),
    rest: lines.slice(count).join('\r\n'),
  };
}
