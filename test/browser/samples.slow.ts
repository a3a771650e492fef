/** Copies every request sample that the API reference shows, as a reader does, and runs it. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../support/contractDocument.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { hasChromium, openBrowser, type Browser, type Visit } from './chromium.ts';

/** `make browser` creates this environment if the machine has Python. */
const VENV_PYTHON = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
const python = existsSync(VENV_PYTHON) ? VENV_PYTHON : 'python3';
const hasRequests = spawnSync(python, ['-c', 'import requests']).status === 0;

const run = promisify(execFile);
const env = { ...process.env, NO_PROXY: '*', no_proxy: '*' };

const LANGUAGES = [
  { tab: 'Shell', isInstalled: true, execute: (sample: string) => run('bash', ['-c', sample], { env }) },
  {
    tab: 'JavaScript',
    isInstalled: true,
    execute: (sample: string) => run(process.execPath, ['--input-type=module', '--eval', sample], { env }),
  },
  {
    tab: 'Python',
    isInstalled: hasRequests,
    // The sample is the call without its import.
    execute: (sample: string) => run(python, ['-c', `import requests\n${sample}`], { env }),
  },
];

const EXAMPLES = operations.flatMap(({ requestExamples }) =>
  Object.values(requestExamples).map(({ summary = '', value }) => ({ summary, value })),
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
    visited = await browser.visit(`${proxy.url}/docs#tag/payments/POST/api/v1/payments/intent`, {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    // The samples contain the API key that is entered on the page.
    await visited.page.getByRole('textbox', { name: 'Value' }).first().fill(target.apiKey);
  });
  afterAll(async () => {
    proxy?.close();
    await target?.close();
  });

  for (const { tab, isInstalled, execute } of LANGUAGES) {
    it.skipIf(!isInstalled).each(EXAMPLES)(
      `${tab}, "$summary": sends the request of this example and receives a 200`,
      async (example) => {
        const sample = await copySample(visited.page, tab, example);
        proxy.payments.length = 0;
        await execute(sample);
        expect(proxy.payments).toEqual([{ body: example.value, status: 200 }]);
      },
    );
  }
});

async function copySample(page: Page, tab: string, { summary, value }: (typeof EXAMPLES)[number]): Promise<string> {
  const card = page.locator('.request-card');
  await page.locator('.client-libraries', { hasText: tab }).first().click();
  await card.getByTestId('example-picker').click();
  await page.getByRole('option', { name: summary }).click();
  for (const shown of [tab, summary, String(value['amount'])])
    await expect.poll(() => card.innerText()).toContain(shown);
  await page.evaluate("navigator.clipboard.writeText('')");
  await card.getByRole('button', { name: /^Copy .* code$/ }).click();
  const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()');
  await expect.poll(clipboard).not.toBe('');
  return clipboard();
}

interface RecordingProxy {
  url: string;
  /** The payment requests received, with the status of each response. */
  payments: { body: unknown; status: number }[];
  close(): void;
}

/** Forwards every request to the target and records the payments. */
async function startRecordingProxy(target: Target): Promise<RecordingProxy> {
  const payments: RecordingProxy['payments'] = [];
  const server: Server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    const forwarded = forward(`${target.baseUrl}${url}`, { method, headers }, (response) => {
      outgoing.writeHead(response.statusCode!, response.headers);
      response.pipe(outgoing);
      if (method === 'POST') void body.then((parsed) => payments.push({ body: parsed, status: response.statusCode! }));
    });
    const body: Promise<unknown> = method === 'POST' ? json(incoming) : text(incoming);
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    payments,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
