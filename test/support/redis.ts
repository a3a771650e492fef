import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './freePort.ts';

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

/** For the title of tests that need a Redis: a skip says what to install. */
export const needsRedis = hasRedis ? '' : ' [SKIPPED: no redis-server on PATH; apt-get install redis-server]';

export interface RedisServer {
  port: number;
  url: string;
  /** Pauses the process: connections stay open, and no command gets a reply. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface RedisOptions {
  password?: string;
}

/** A real Redis on 127.0.0.1, without persistence. */
export async function startRedis({ password }: RedisOptions = {}): Promise<RedisServer> {
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'redis-'));
  let server = await launch();

  async function launch(): Promise<ChildProcess> {
    const settings = [
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      directory,
    ];
    const more = password === undefined ? [] : ['--requirepass', password];
    const child = spawn('redis-server', [...settings, ...more]);
    const output: string[] = [];
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (text: Buffer) => {
        output.push(text.toString());
        if (output.join('').includes('Ready to accept connections')) resolve();
      });
      child.once('exit', () => reject(new Error(`redis-server exited:\n${output.join('')}`)));
    });
    return child;
  }

  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  }

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    kill,
    async restart() {
      server = await launch();
    },
    async close() {
      await kill();
      await rm(directory, { recursive: true });
    },
  };
}

export interface TcpServer {
  port: number;
  /** How many clients are connected. */
  connections: () => number;
  close(): Promise<void>;
}

/** Sends the same bytes for everything that it receives. */
export function startBabbler(bytes: string): Promise<TcpServer> {
  return startTcpServer((client) => {
    client.on('error', () => {});
    client.on('data', () => client.write(bytes));
  });
}

export async function startTcpServer(serve: (client: Socket) => void): Promise<TcpServer> {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    serve(client);
  });
  const port = await listen(server);
  return {
    port,
    connections: () => clients.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of clients) client.destroy();
      }),
  };
}

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}
