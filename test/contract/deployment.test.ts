/** How a run reaches a deployment: below a path, behind gateways and proxies, over TLS. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as open, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { selfSigned } from '../support/selfSigned.ts';
import { mockTarget, type Target } from '../support/targets.ts';
import { cases } from './cases.ts';
import { openDeployment } from './deployment.ts';
import { findObstacle } from './probes.ts';
import { createReport, type Report } from './report.ts';
import { runCases } from './run.ts';
import { readSettings } from './settings.ts';

let mock: Target;
const folder = mkdtempSync(join(tmpdir(), 'deployment-'));
beforeAll(async () => {
  mock = await mockTarget();
});
afterAll(async () => {
  await mock.close();
  rmSync(folder, { recursive: true });
});

const started: (() => void)[] = [];
afterEach(() => started.splice(0).forEach((close) => close()));

/** Starts the server on 127.0.0.1, and returns its port. */
async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => void sockets.add(socket));
  started.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Passes on every byte to the mock, decrypted. */
const terminateTls = (name: string, lastYear?: number) => {
  const certificate = selfSigned(name, lastYear);
  const { hostname, port } = new URL(mock.baseUrl);
  const server = createTlsServer(certificate, (socket) => {
    const onward = connect(Number(port), hostname);
    for (const end of [socket, onward]) end.on('error', () => [socket, onward].forEach((one) => one.destroy()));
    socket.pipe(onward).pipe(socket);
  });
  return { server, certificate: certificate.cert };
};

function forward(request: IncomingMessage, response: ServerResponse, path: string): void {
  const { method, rawHeaders: headers } = request;
  const onward = open(mock.baseUrl, { method, path, headers, setHost: false }, (back) => {
    response.writeHead(back.statusCode!, back.headers);
    back.pipe(response);
  });
  request.pipe(onward);
}

const some = cases.filter(({ creates, arrange }) => !creates && !arrange).slice(0, 60);

async function runWith(args: readonly string[], env: Record<string, string> = {}): Promise<Report> {
  const settings = readSettings([`API_KEY=${mock.apiKey}`, ...args], env);
  const deployment = openDeployment(settings);
  expect(await findObstacle(settings, deployment)).toBe(undefined);
  return createReport(settings, await runCases(some, [], settings, deployment));
}

async function findObstacleAt(baseUrl: string, env: Record<string, string> = {}): Promise<string | undefined> {
  const settings = readSettings([`BASE_URL=${baseUrl}`, 'API_KEY=key'], env);
  return findObstacle(settings, openDeployment(settings));
}

/** The command in a process of its own: Node reads the file of authorities when it starts. */
async function runCommand(env: Record<string, string>): Promise<{ exitCode: number; output: string }> {
  const command = fileURLToPath(new URL('cli.ts', import.meta.url));
  const child = spawn(process.execPath, [command, `REPORT=${folder}`], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1', API_KEY: mock.apiKey, ...env },
  });
  const [output, errors, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { exitCode, output: output + errors };
}

const writeAuthority = (certificate: string): string => {
  const file = join(folder, 'authority.pem');
  writeFileSync(file, certificate);
  return file;
};

const skipReasons = ({ cases: reported }: Report) =>
  new Set(reported.flatMap(({ example, skipReason }) => (skipReason ? [`${example}: ${skipReason}`] : [])));

it('below a path, with a password and more headers', async () => {
  const port = await listen(
    createServer((request, response) => {
      const { authorization, 'x-gate': gate } = request.headers;
      const isIn = authorization === `Basic ${btoa('me:p@ss')}` && gate === 'open';
      if (isIn && request.url!.startsWith('/pay/me/')) forward(request, response, request.url!.slice('/pay/me'.length));
      else response.writeHead(403).end();
    }),
  );
  const report = await runWith([`BASE_URL=http://me:p%40ss@127.0.0.1:${port}/pay/me/`, 'HEADER=X-Gate: open']);
  expect(report.conclusion).toMatch(/^The contract is kept/);
  expect(skipReasons(report)).toContain('invalidRequest: malformed HTTP, which reaches no server below a path');
});

describe('a proxy', () => {
  it('forwards http', async () => {
    const hosts = new Set<string | undefined>();
    const port = await listen(
      createServer((request, response) => {
        hosts.add(request.headers['proxy-authorization']);
        forward(request, response, request.url!.replace(/^http:\/\/api\.test/, ''));
      }),
    );
    const report = await runWith(['BASE_URL=http://api.test'], { http_proxy: `me:secret@127.0.0.1:${port}` });
    expect(report.conclusion).toMatch(/^The contract is kept/);
    expect(skipReasons(report)).toContain('invalidRequest: malformed HTTP, which passes no proxy');
    expect(hosts).toEqual(new Set([`Basic ${btoa('me:secret')}`]));
  });

  it('opens tunnels for https', async () => {
    const { server, certificate } = terminateTls('api.test');
    const target = await listen(server);
    const proxy = createServer().on('connect', (request: IncomingMessage, socket: Socket) => {
      expect(request.url).toBe('api.test:443');
      const onward = connect(target, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
      for (const end of [socket, onward]) end.on('error', () => [socket, onward].forEach((one) => one.destroy()));
      socket.pipe(onward).pipe(socket);
    });
    const env = {
      BASE_URL: 'https://api.test',
      HTTPS_PROXY: `http://127.0.0.1:${await listen(proxy)}`,
      NODE_EXTRA_CA_CERTS: writeAuthority(certificate),
    };
    const { exitCode, output } = await runCommand(env);
    expect(output).toMatch(/The contract is kept/);
    expect(output).toContain('malformed HTTP, which passes no proxy');
    expect(exitCode).toBe(0);
  });

  it('that refuses a tunnel is named, without its password', async () => {
    const proxy = createServer().on('connect', (_request, socket: Socket) => {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    });
    const env = { HTTPS_PROXY: `http://me:secret@127.0.0.1:${await listen(proxy)}` };
    const obstacle = await findObstacleAt('https://api.test', env);
    expect(obstacle).toMatch(/^https:\/\/api\.test does not respond: the proxy did not open a connection \(.* 407 /);
    expect(obstacle).not.toContain('secret');
  });

  it('is not asked for hosts in NO_PROXY', async () => {
    const env = { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: 'nowhere.invalid' };
    expect(await findObstacleAt('http://nowhere.invalid', env)).toMatch(
      /there is no host of this name|cannot be resolved/,
    );
  });
});

describe('TLS', () => {
  it('with an authority of one’s own, malformed HTTP included', async () => {
    const { server, certificate } = terminateTls('localhost');
    const baseUrl = `https://localhost:${await listen(server)}`;
    const { exitCode, output } = await runCommand({
      BASE_URL: baseUrl,
      NODE_EXTRA_CA_CERTS: writeAuthority(certificate),
    });
    expect(output).toMatch(/The contract is kept/);
    expect(exitCode).toBe(0);
    const { cases: reported } = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Report;
    const malformed = reported.filter(({ example }) => example === 'headersTooLarge' || example === 'invalidRequest');
    expect(new Set(malformed.map(({ verdict }) => verdict))).toEqual(new Set(['passed']));
  });

  it('with an unknown authority is reported, and how to make it known', async () => {
    const port = await listen(terminateTls('localhost').server);
    expect(await findObstacleAt(`https://localhost:${port}`)).toMatch(
      /does not respond: its certificate comes from an authority that is unknown here: NODE_EXTRA_CA_CERTS=<file>/,
    );
  });

  it.each([
    ['for another name', 'elsewhere.test', undefined, 'its certificate is for another name'],
    ['that has expired', 'localhost', 2021, 'its certificate has expired'],
  ])('with a certificate %s is reported', async (_what, name, lastYear, words) => {
    const { server, certificate } = terminateTls(name, lastYear);
    const env = {
      BASE_URL: `https://localhost:${await listen(server)}`,
      NODE_EXTRA_CA_CERTS: writeAuthority(certificate),
    };
    const { exitCode, output } = await runCommand(env);
    expect(output).toContain(`does not respond: ${words} (`);
    expect(exitCode).toBe(2);
  });

  it('where the server speaks none is reported', async () => {
    const { port } = new URL(mock.baseUrl);
    expect(await findObstacleAt(`https://localhost:${port}`)).toMatch(
      /it does not speak TLS there: is its address http/,
    );
  });

  it('where the address says http is reported', async () => {
    const port = await listen(terminateTls('localhost').server);
    expect(await findObstacleAt(`http://localhost:${port}`)).toMatch(/the connection was closed before a response/);
  });
});
