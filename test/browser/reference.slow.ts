/** The API reference, used in a real browser as its readers use it. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { document, scenarios } from '../support/contractDocument.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { hasChromium, openBrowser, type Browser, type Visit } from './chromium.ts';

const OPERATION = '#tag/payments/POST/api/v1/payments/intent';

let browser: Browser;
beforeAll(async () => {
  if (hasChromium) browser = await openBrowser();
});
afterAll(() => browser?.close());

const playground = (page: Page) => page.getByRole('dialog', { name: 'API Client' });

async function openPlayground({ page }: Visit): Promise<void> {
  await page.getByRole('button', { name: /^Test Request/ }).click();
  await playground(page).waitFor();
}

/** Sends the request and reads the response from the page. */
async function send(page: Page): Promise<{ status: string; body: string }> {
  const shown = playground(page).getByLabel('Response', { exact: true });
  const responseReceived = page.waitForResponse((response) => response.request().method() === 'POST');
  await playground(page).getByRole('button', { name: /^Send/ }).first().click();
  const response = await responseReceived;
  await shown.getByText(`${response.status()} `).first().waitFor();
  const [, status] = /\b(\d{3} [A-Z][A-Za-z ]+)/.exec(await shown.innerText())!;
  await shown.getByText('"').first().waitFor();
  return { status: status!.trim(), body: (await shown.locator('.cm-content').innerText()).replaceAll(/\s+/g, ' ') };
}

const targets = {
  'the live server': () => liveTarget({ DOCS: 'on' }),
  'the mock': () => mockTarget({ docs: true, apiKey: undefined }),
};

describe.skipIf(!hasChromium).each(Object.entries(targets))('the API reference at /docs of %s', (_name, start) => {
  let target: Target;
  beforeAll(async () => {
    target = await start();
  });
  afterAll(() => target.close());

  const visit = (options = {}) => browser.visit(`${target.baseUrl}/docs${OPERATION}`, options);

  it('shows a 200 for a request sent with an amount and an API key, and a 401 without the key', async () => {
    const visited = await visit();
    await openPlayground(visited);
    const { page } = visited;
    const key = playground(page).getByRole('textbox', { name: 'Value' });
    await key.fill(target.apiKey);
    await playground(page).locator('tr#amount').getByLabel('Body Value').fill('19.99');

    const sent = page.waitForRequest((request) => request.method() === 'POST');
    const created = await send(page);
    expect(created.status).toBe('200 OK');
    expect(created.body).toMatch(
      /"status": 200, "success": true, "message": "Payment intent created successfully".*"pi_\w+_secret_\w+"/,
    );
    expect((await sent).url()).toBe(`${target.baseUrl}/api/v1/payments/intent`);
    expect((await sent).postDataJSON()).toMatchObject({
      amount: 19.99,
      paymentMethodTypes: ['affirm', 'klarna', 'card'],
    });

    await key.fill('');
    const refused = await send(page);
    expect(refused.status).toBe('401 Unauthorized');
    expect(refused.body).toContain('"status": 401, "error": "Invalid API key"');
    // A browser logs every response with a status above 399 to the console.
    expect(visited.consoleMessages.filter((line) => !line.includes('401 (Unauthorized)'))).toEqual([]);
    expect([...visited.origins]).toEqual([target.baseUrl]);
  });

  it('sends requests to its own server only, and logs nothing to the console', async () => {
    const { page, consoleMessages, origins } = await browser.visit(`${target.baseUrl}/docs`);
    await page.getByRole('heading', { name: 'Payment Intent API' }).first().waitFor();
    await page
      .getByRole('button', { name: /^Intent/ })
      .or(page.getByRole('link', { name: /^Intent/ }))
      .first()
      .click();
    await page.getByRole('button', { name: /^Test Request/ }).waitFor();
    // Longer than the browser waits before it warns about a preloaded font that was not used.
    await page.waitForTimeout(4_000);
    expect(consoleMessages).toEqual([]);
    expect([...origins]).toEqual([target.baseUrl]);
  });

  it('shows everything that the published page shows', async () => {
    const { page } = await browser.visit(`${target.baseUrl}/docs`);
    const text = async () => (await page.locator('#reference').innerText()).replaceAll(/\s+/g, ' ');
    await expect.poll(text).toContain('Initial Payment Intent API documentation');
    const overview = await text();
    for (const { example, body } of scenarios) {
      expect(overview).toContain(example);
      expect(overview).toContain(Object.values(body).find((value) => typeof value === 'string'));
    }

    await page.goto(`${target.baseUrl}/docs${OPERATION}`);
    await expect.poll(text).toContain('data.paymentIntentSecret'.split('.')[1]);
    const operation = await text();
    for (const output of ['Creates a Stripe payment intent', '/api/v1/payments/intent', 'Idempotency-Key'])
      expect(operation).toContain(output);
    for (const field of ['amount', 'required', 'paymentMethodTypes', 'metadata', 'email', 'phone'])
      expect(operation).toContain(field);
    for (const output of [
      'HTTP status code',
      'Indicates if the payment intent was created',
      'Success message describing',
      'Secret key for client-side payment processing',
    ])
      expect(operation).toContain(output);
    for (const { status } of scenarios) expect(operation).toContain(String(status));
  });

  it('offers production and staging, and sends no request to either until one is chosen', async () => {
    const { page } = await browser.visit(`${target.baseUrl}/docs`);
    await page
      .getByRole('button', { name: new RegExp(new URL(target.baseUrl).host) })
      .first()
      .click();
    for (const { url } of document.servers) await expect.poll(() => page.getByText(url).count()).toBeGreaterThan(0);
  });

  it.each([
    ['light', 390],
    ['dark', 390],
    ['light', 320],
  ] as const)('fits a phone screen (%s, %d pixels wide) without horizontal scrolling', async (colorScheme, width) => {
    const phone = { viewport: { width, height: 844 }, isMobile: true, hasTouch: true, colorScheme };
    for (const place of ['', OPERATION]) {
      const { page } = await browser.visit(`${target.baseUrl}/docs${place}`, phone);
      await page
        .getByRole('heading', { name: place ? 'Intent' : 'Payment Intent API', exact: true })
        .first()
        .waitFor();
      await page.waitForTimeout(1_000);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      expect(await page.evaluate("document.body.classList.contains('dark-mode')")).toBe(colorScheme === 'dark');
    }
  });

  it('can be used by keyboard alone: open the playground, send a request, close it', async () => {
    const visited = await visit();
    const { page } = visited;
    const open = page.getByRole('button', { name: /^Test Request/ });
    await open.focus();
    await page.keyboard.press('Enter');
    await playground(page).waitFor();
    const responseReceived = page.waitForResponse((response) => response.request().method() === 'POST');
    await page.keyboard.press('Control+Enter');
    expect([200, 401]).toContain((await responseReceived).status());
    await page.keyboard.press('Escape');
    await playground(page).waitFor({ state: 'hidden' });
  });
});

describe.skipIf(!hasChromium)('the API reference as a static site', () => {
  let folder: string;
  let files: Server;
  let address: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docs-site-'));
    const script = fileURLToPath(new URL('../../src/tools/docsSite.ts', import.meta.url));
    await promisify(execFile)(process.execPath, [script, folder]);
    files = fileServer(folder).listen(0, '127.0.0.1');
    await new Promise((resolve) => files.once('listening', resolve));
    address = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    files?.closeAllConnections();
    files?.close();
    if (folder) await rm(folder, { recursive: true });
  });

  it("works on any web server, below any path, and its samples call the mock on the reader's machine", async () => {
    const { page, consoleMessages, origins } = await browser.visit(`${address}/below/${OPERATION}`);
    await page.getByRole('button', { name: /^Test Request/ }).waitFor();
    await expect
      .poll(() => page.locator('.request-card').innerText())
      .toContain('http://127.0.0.1:4010/api/v1/payments/intent');
    expect(consoleMessages).toEqual([]);
    expect([...origins]).toEqual([address]);
  });
});

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** A plain web server that serves the folder below `/below/`. */
function fileServer(folder: string): Server {
  return createServer((request, response) => {
    const path = normalize(new URL(request.url!, 'http://files.test').pathname)
      .replace(/^\/below\//, '/')
      .replace(/\/$/, '/index.html');
    readFile(join(folder, path)).then(
      (body) => response.writeHead(200, { 'Content-Type': TYPES[extname(path)] }).end(body),
      () => response.writeHead(404).end(),
    );
  });
}
