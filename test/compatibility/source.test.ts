import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { document } from '../support/contractDocument.ts';
import { freePort } from '../support/freePort.ts';
import { mockTarget, type Target } from '../support/targets.ts';
import { compareContracts } from './diff.ts';
import { readSource } from './source.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Starts a server, and returns its base URL. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json = JSON.stringify(document);

function* endless() {
  for (;;) yield ' '.repeat(1000);
}

describe('a deployment', () => {
  let mock: Target;
  beforeAll(async () => {
    mock = await mockTarget({ docs: true });
  });
  afterAll(() => mock.close());

  it.each(['', '/', '/docs', '/docs/openapi.json'])(
    'has a contract, found by its base URL followed by "%s"',
    async (path) => {
      const { name, document: served } = await readSource(mock.baseUrl + path);
      expect(name).toBe(`${mock.baseUrl}/docs/openapi.json`);
      expect(await compareContracts(served, document)).toMatchObject({ breaking: [], changes: [] });
    },
  );

  it('may have a base path', async () => {
    const url = await serve(({ url: path }, response) => response.end(path === '/pay/docs/openapi.json' ? json : ''));
    expect(await readSource(`${url}/pay/`)).toMatchObject({ name: `${url}/pay/docs/openapi.json` });
  });

  it('may have its contract anywhere, in YAML, behind a redirect', async () => {
    const url = await serve(({ url: path }, response) => {
      if (path === '/contract') response.end('openapi: 3.0.3\npaths: { /things: { get: { responses: {} } } }\n');
      else response.writeHead(302, { Location: '/contract' }).end();
    });
    expect(await readSource(`${url}/latest`)).toMatchObject({ document: { openapi: '3.0.3' } });
  });

  it('that has no contract is named, without the query', async () => {
    const url = await serve(({ url: path }, response) => {
      if (path === '/api?token=secret') response.end('<!doctype html><title>Hello</title>');
      else response.writeHead(404).end('openapi: 3.1.0');
    });
    await expect(readSource(`${url}/api?token=secret`)).rejects.toThrow(
      `${url}/api: not an OpenAPI 3 document with operations; ${url}/api/docs/openapi.json: status 404. ` +
        'A server has its contract at /docs/openapi.json if it runs with DOCS=on.',
    );
  });

  it('that cannot be reached is named', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    await expect(readSource(url)).rejects.toThrow(`${url}/: ECONNREFUSED`);
  });

  it('that never responds is given up', async () => {
    const url = await serve((_request, response) => response.write(' '));
    await expect(readSource(url, { timeoutMs: 100, bytes: 1000 })).rejects.toThrow(
      `${url}/: no whole response within 100 ms`,
    );
  });

  it('that sends without end is disconnected', async () => {
    const closed = Promise.withResolvers<unknown>();
    const url = await serve((_request, response) => {
      Readable.from(endless()).pipe(response).on('close', closed.resolve);
    });
    await expect(readSource(url, { timeoutMs: 60_000, bytes: 100_000 })).rejects.toThrow(
      `${url}/: more than 100000 bytes`,
    );
    await closed.promise;
  });

  it('is never sent a password, and none is printed', async () => {
    const error = await readSource('http://user:secret@127.0.0.1/').catch((reason: Error) => reason);
    expect(error).toMatchObject({ message: 'BASE: expected a URL without user name and password' });
  });
});

describe('a file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'contract-source-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is read, in YAML or JSON', async () => {
    const file = join(folder, 'contract.json');
    await writeFile(file, json);
    expect(await readSource(file)).toEqual({ name: file, document });
  });

  it.each([
    ['empty', '', 'not an OpenAPI 3 document with operations'],
    ['no OpenAPI', 'swagger: "2.0"', 'not an OpenAPI 3 document with operations'],
    ['without operations', 'openapi: 3.1.0\npaths: {}', 'not an OpenAPI 3 document with operations'],
    ['with a faulty path', 'openapi: 3.1.0\npaths: { /things: }', 'not an OpenAPI 3 document with operations'],
    ['no YAML', 'openapi: "3.1.0', 'neither YAML nor JSON (Missing closing "quote at line 1, column 16)'],
  ])('that is %s is refused: nothing would be compared', async (_what, text, reason) => {
    const file = join(folder, 'contract.yaml');
    await writeFile(file, text);
    await expect(readSource(file)).rejects.toThrow(`${file}: ${reason}`);
  });
});

describe('a git ref', () => {
  it('has the contract of its commit', async () => {
    const { name, document: committed } = await readSource('HEAD');
    expect(name).toBe('HEAD:openapi/openapi.yaml');
    expect(committed).toHaveProperty('info.version');
  });
});
