/** The requests of the cases, and the curl commands that repeat them. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curlLine, send } from '../support/exchange.ts';
import { cases } from './cases.ts';

const API_KEY = 'cv_test_key';
const sent = cases.filter(({ arrange, bytes }) => !arrange && bytes === undefined);

let baseUrl: string;
const received: { method: string; path: string; headers: string[]; body: string }[] = [];
const server = createServer((request, response) => void receive(request, response));
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url, rawHeaders } = request;
  const headers = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
  // Headers that clients add, and the length of an empty body.
  const own = /^(user-agent|accept|connection|content-length: 0$)/i;
  const body = (await buffer(request)).toString('latin1');
  received.push({ method: method!, path: url!, headers: headers.filter((one) => !own.test(one)).sort(), body });
  response.end();
}

/** As if pasted: a terminal takes lines that are longer than an argument may be. */
async function paste(line: string): Promise<void> {
  const shell = execFile('sh', { env: { PATH: process.env['PATH'], NO_PROXY: '*', API_KEY } });
  shell.stdin!.end(line);
  await once(shell, 'exit');
}

describe('a request', () => {
  it('has the Host of its address, by which a proxy before a deployment routes', async () => {
    received.length = 0;
    await send(baseUrl, sent[0]!.request(API_KEY));
    expect(received[0]!.headers).toContain(`Host: ${new URL(baseUrl).host}`);
  });

  it('ends when its signal aborts', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const response = send(`http://127.0.0.1:${port}`, sent[0]!.request(API_KEY), AbortSignal.timeout(100));
    await expect(response).rejects.toThrow('aborted');
    silent.close();
  });

  it.each(sent.map((known) => [`${known.example}: ${known.title}`, known] as const))(
    'is repeated by its curl line: %s',
    async (_title, known) => {
      received.length = 0;
      const request = known.request(API_KEY);
      const line = curlLine(baseUrl, request, API_KEY);
      expect(line).not.toContain(API_KEY);
      await send(baseUrl, request);
      await paste(line);
      expect(received[1]).toEqual(received[0]);
    },
  );
});
