/** Copies every request sample that the API reference shows, as a reader does, and runs it. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as forward, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../support/contractDocument.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { hasChromium, openBrowser, type Browser, type Visit } from './chromium.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** `make browser` creates this environment if the machine has Python. */
const VENV_PYTHON = join(ROOT, '.venv/bin/python');
const python = existsSync(VENV_PYTHON) ? VENV_PYTHON : 'python3';
const hasRequests = spawnSync(python, ['-c', 'import requests']).status === 0;

const run = promisify(execFile);
const env = { ...process.env, NO_PROXY: '*', no_proxy: '*' };

const PACKAGE = '@carevalidate/payments-client';
const CLIENT = join(ROOT, 'src/client/index.ts');
const runNode = (program: string) =>
  run(process.execPath, ['--input-type=module', '--eval', program], { env, cwd: ROOT });

const LANGUAGES = [
  // The package is this repository's client.
  { label: 'Client', isInstalled: true, execute: (sample: string) => runNode(sample.replace(PACKAGE, CLIENT)) },
  { label: 'cURL', isInstalled: true, execute: (sample: string) => run('bash', ['-c', sample], { env }) },
  { label: 'JavaScript', isInstalled: true, execute: runNode },
  { label: 'Python', isInstalled: hasRequests, execute: (sample: string) => run(python, ['-c', sample], { env }) },
];

const EXAMPLES = operations.flatMap(({ operationId, path, requestExamples }) =>
  Object.entries(requestExamples).map(([name, { value }]) => ({ operationId, path, name, value })),
);

const targets = {
  'the live server': () => liveTarget({ DOCS: 'on' }),
  'the mock': () => mockTarget({ docs: true, apiKey: undefined }),
};

let browser: Browser;
beforeAll(async () => {
  if (hasChromium) browser = await openBrowser();
});
afterAll(() => browser?.close());

describe.skipIf(!hasChromium).each(Object.entries(targets))('the samples at /docs of %s', (_name, start) => {
  let target: Target;
  let proxy: RecordingProxy;
  let visited: Visit;
  beforeAll(async () => {
    target = await start();
    proxy = await startRecordingProxy(target);
    visited = await browser.visit(`${proxy.url}/docs`, { permissions: ['clipboard-read', 'clipboard-write'] });
  });
  afterAll(async () => {
    proxy?.close();
    await target?.close();
  });

  for (const { label, isInstalled, execute } of LANGUAGES) {
    it.skipIf(!isInstalled).each(EXAMPLES)(
      `${label}, $operationId, $name: sends the request of this example with an idempotency key, and receives a 200`,
      async (example) => {
        const sample = await copySample(visited.page, label, example);
        proxy.requests.length = 0;
        // The reader's own key.
        const { stdout } = await execute(sample.replace(/any_key|YOUR_SECRET_KEY_HERE/, target.apiKey));
        expect(proxy.requests).toEqual([
          { path: example.path, body: example.value, key: expect.stringMatching(/^[\da-f-]{36}$/), status: 200 },
        ]);
        expect(stdout).toMatch(/(pi|seti)_\w+_secret_\w+/);
      },
    );
  }

  it('Client: each compiles against the types of the client', async () => {
    const folder = await mkdtemp(join(ROOT, 'node_modules/.samples-'));
    const files = EXAMPLES.map(({ operationId, name }) => `${operationId}-${name}.mts`);
    for (const [index, example] of EXAMPLES.entries())
      await writeFile(join(folder, files[index]!), await copySample(visited.page, 'Client', example));
    const compilerOptions = { paths: { [PACKAGE]: [CLIENT] } };
    const settings = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, files, include: [] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
    const { status, stdout } = spawnSync('tsc', ['-p', folder], { encoding: 'utf8' });
    await rm(folder, { recursive: true });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});

async function copySample(
  page: Page,
  label: string,
  { operationId, name }: (typeof EXAMPLES)[number],
): Promise<string> {
  const card = page.locator(`[id="${operationId}"] .samples`);
  await card.getByText(label, { exact: true }).click();
  await card.getByRole('combobox', { name: 'Example' }).selectOption(name);
  await page.evaluate("navigator.clipboard.writeText('')");
  await card.getByRole('button', { name: /^Cop(y|ied)$/ }).click();
  const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()');
  await expect.poll(clipboard).not.toBe('');
  return clipboard();
}

interface RecordedRequest {
  path: string;
  body: unknown;
  key: IncomingHttpHeaders[string];
  /** Of the response. */
  status: number;
}

interface RecordingProxy {
  url: string;
  requests: RecordedRequest[];
  close(): void;
}

/** Forwards every request to the target and records those with a body. */
async function startRecordingProxy(target: Target): Promise<RecordingProxy> {
  const requests: RecordedRequest[] = [];
  const server: Server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming;
    const forwarded = forward(`${target.baseUrl}${path}`, { method, headers }, (response) => {
      outgoing.writeHead(response.statusCode!, response.headers);
      response.pipe(outgoing);
      if (method !== 'POST') return;
      const key = headers['idempotency-key'];
      void body.then((parsed) => requests.push({ path, body: parsed, key, status: response.statusCode! }));
    });
    const body: Promise<unknown> = method === 'POST' ? json(incoming) : text(incoming);
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
