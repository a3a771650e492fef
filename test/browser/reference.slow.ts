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
import { document, operations, scenarios } from '../support/contractDocument.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { hasChromium, openBrowser, type Browser, type Visit } from './chromium.ts';

let browser: Browser;
beforeAll(async () => {
  if (hasChromium) browser = await openBrowser();
});
afterAll(() => browser?.close());

const errors = scenarios.filter(({ status }) => status >= 300);
const errorNames = [...new Set(errors.map(({ example }) => example))];
const messages = errors.map(({ body }) => Object.values(body).find((value) => typeof value === 'string') as string);
const headers = [
  ...new Set(
    operations.flatMap(({ responses }) => Object.values(responses).flatMap((each) => Object.keys(each.headers))),
  ),
];
const fields = ['amount', 'paymentMethodTypes', 'metadata', 'metadata.email', 'metadata.phone', 'idempotencyKey'];

const phone = (width: number, colorScheme: 'light' | 'dark') => ({
  viewport: { width, height: 844 },
  isMobile: true,
  hasTouch: true,
  colorScheme,
});

/** The text that is painted: innerText leaves out what is not rendered. */
const visibleText = async (page: Page) => (await page.locator('main').innerText()).replaceAll(/\s+/g, ' ');

/** What axe finds inside the element, and what it can't decide. */
async function runAxe(page: Page, selector: string): Promise<{ findings: unknown[]; passes: string[] }> {
  type Rules = { id: string; nodes: { html: string }[] }[];
  const { violations, incomplete, passes } = await page.evaluate<Record<string, Rules>>(`axe.run('${selector}')`);
  const findings = [...violations!, ...incomplete!].map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]);
  return { findings, passes: passes!.map(({ id }) => id) };
}

const playground = (page: Page) => page.getByRole('dialog', { name: 'API Client' });

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

  const visit = (fragment = '', options = {}): Promise<Visit> =>
    browser.visit(`${target.baseUrl}/docs${fragment}`, options);

  describe('to read', () => {
    it.each([
      ['without JavaScript', { javaScriptEnabled: false }, 'screen'],
      ['in print', {}, 'print'],
    ] as const)('%s, shows every error, field, header and operation', async (_how, options, media) => {
      const { page } = await visit('', options);
      await page.emulateMedia({ media });
      const text = await visibleText(page);
      const expected = [
        ...errorNames,
        ...messages,
        ...fields,
        ...headers,
        ...operations.flatMap(({ operationId, path, requestExamples }) => [
          operationId,
          path,
          ...Object.values(requestExamples).map(({ summary }) => summary!),
        ]),
        'Initial Payment Intent API documentation',
      ];
      expect(expected.filter((words) => !text.includes(words))).toEqual([]);
    });

    it('sends requests to its own server only, and logs nothing to the console', async () => {
      const { page, consoleMessages, origins } = await visit();
      await page.getByRole('heading', { name: document.info.title, exact: true }).waitFor();
      // Longer than the browser waits before it warns about a preloaded font that was not used.
      await page.waitForTimeout(4_000);
      expect(consoleMessages).toEqual([]);
      expect([...origins]).toEqual([target.baseUrl]);
    });

    it.each(errorNames)('opens at #%s, below the bar', async (name) => {
      const { page } = await visit(`#${name}`);
      const heading = page.getByRole('heading', { name, exact: true, level: 4 });
      const [{ y, height }, bar] = [(await heading.boundingBox())!, (await page.locator('header').boundingBox())!];
      expect(y).toBeGreaterThan(bar.height);
      expect(y + height).toBeLessThan(page.viewportSize()!.height);
      await page.context().close();
    });

    it.each([
      [390, 'light'],
      [390, 'dark'],
      [320, 'light'],
    ] as const)('fits a screen of %d pixels (%s) without horizontal scrolling', async (width, colorScheme) => {
      const { page } = await visit('', phone(width, colorScheme));
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      const background = await page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
      expect(background).toBe(colorScheme === 'dark' ? 'rgb(16, 20, 19)' : 'rgb(255, 255, 255)');
    });

    it('has its contents behind a button on a phone, and closes them when one is chosen', async () => {
      const { page } = await visit('', phone(390, 'light'));
      const contents = page.getByRole('navigation', { name: 'Contents' });
      expect(await contents.isVisible()).toBe(false);
      await page.getByRole('button', { name: 'Contents' }).click();
      await contents.getByRole('link', { name: 'amountTooSmall' }).click();
      await contents.waitFor({ state: 'hidden' });
      expect(page.url()).toContain('#amountTooSmall');
    });

    it.each([
      ['light', 1440],
      ['dark', 1440],
      ['light', 390],
      ['dark', 390],
    ] as const)('has no barrier that axe finds (%s, %d pixels wide)', async (colorScheme, width) => {
      // axe is added to the page, whose policy would block it.
      const { page } = await visit('', { colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
      await page.addScriptTag({ path: fileURLToPath(import.meta.resolve('axe-core/axe.min.js')) });
      const whole = await runAxe(page, 'html');
      expect(whole.findings).toEqual([]);
      expect(whole.passes).toContain('color-contrast');
      await page.getByRole('combobox', { name: 'Search' }).fill('amount');
      await page.getByRole('option').first().waitFor();
      expect((await runAxe(page, 'header')).findings).toEqual([]);
    });
  });

  describe('the search', () => {
    let page: Page;
    beforeAll(async () => {
      ({ page } = await visit());
    });
    const search = () => page.getByRole('combobox', { name: 'Search' });
    const results = () => page.getByRole('listbox', { name: 'Results' }).getByRole('option');

    it.each([...errorNames, ...fields, ...headers, 'cv-api-key', 'Idempotency-Key', 'Rate limits'])(
      'finds %s first',
      async (name) => {
        await search().fill(name.toLowerCase());
        expect(await results().first().innerText()).toMatch(new RegExp(`^${name.replaceAll('.', '\\.')}\\s`));
      },
    );

    it('finds an error by its message', async () => {
      await search().fill('at most two decimal');
      await expect.poll(() => results().allInnerTexts()).toContainEqual(expect.stringContaining('amountTooPrecise'));
    });

    it('is used by keyboard: / to search, an arrow to choose, Enter to go', async () => {
      await search().fill('');
      await page.locator('main').click({ position: { x: 5, y: 5 } });
      await page.keyboard.press('/');
      await page.keyboard.type('retry-after');
      const second = results().nth(1);
      await page.keyboard.press('ArrowDown');
      expect(await second.getAttribute('aria-selected')).toBe('true');
      expect(await search().getAttribute('aria-activedescendant')).toBe(await second.getAttribute('id'));
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('Enter');
      expect(page.url()).toMatch(/#Retry-After$/);
      expect(await results().count()).toBe(0);
    });
  });

  describe('the playground', () => {
    it('is loaded only when a reader tries an operation', async () => {
      const { page } = await visit();
      const loaded: string[] = [];
      page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
      await page.getByRole('link', { name: 'Try it' }).last().hover();
      expect(loaded.filter((path) => /playground|scalar/.test(path))).toEqual([]);
      await page.getByRole('link', { name: 'Try it' }).last().click();
      await playground(page).waitFor();
      expect(loaded).toContainEqual(expect.stringMatching(/^\/docs\/scalar-[\d.]+\.js$/));
      await expect.poll(() => playground(page).innerText()).toContain(operations.at(-1)!.path);
    });

    it('shows a 200 for a request sent with an amount and an API key, and a 401 without the key', async () => {
      const { page, consoleMessages, origins } = await visit('/playground.html#createPaymentIntent');
      await playground(page).waitFor();
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
      expect(consoleMessages.filter((line) => !line.includes('401 (Unauthorized)'))).toEqual([]);
      expect([...origins]).toEqual([target.baseUrl]);
    });

    it('is used by keyboard alone, and leads back to the operation when it is closed', async () => {
      const { page } = await visit('#createSetupIntent');
      await page.getByRole('link', { name: 'Try it' }).last().focus();
      await page.keyboard.press('Enter');
      await playground(page).waitFor();
      const responseReceived = page.waitForResponse((response) => response.request().method() === 'POST');
      await page.keyboard.press('Control+Enter');
      const response = await responseReceived;
      expect(response.url()).toBe(`${target.baseUrl}/api/v1/payments/setup`);
      expect([200, 401]).toContain(response.status());
      await page.keyboard.press('Escape');
      await page.waitForURL(`${target.baseUrl}/docs#createSetupIntent`);
    });

    it('offers production and staging, and sends no request to either until one is chosen', async () => {
      const { page } = await visit('/playground.html#createPaymentIntent');
      await playground(page)
        .getByRole('button', { name: new RegExp(new URL(target.baseUrl).host) })
        .first()
        .click();
      for (const { url } of document.servers) await expect.poll(() => page.getByText(url).count()).toBeGreaterThan(0);
    });
  });
});

describe.skipIf(!hasChromium)('the playground of the mock', () => {
  it('has a list of scenarios, and shows the response of the chosen one', async () => {
    const target = await mockTarget({ docs: true, apiKey: undefined });
    const { page } = await browser.visit(`${target.baseUrl}/docs/playground.html#createPaymentIntent`);
    const row = playground(page).locator('tr', { hasText: 'Mock-Scenario' });
    await row.getByRole('button', { name: 'created' }).click();
    for (const name of ['created', ...errorNames])
      await expect
        .poll(() =>
          page
            .getByRole('option', { name, exact: true })
            .or(page.getByRole('menuitem', { name, exact: true }))
            .count(),
        )
        .toBe(1);
    await page
      .getByRole('option', { name: 'providerUnavailable' })
      .or(page.getByRole('menuitem', { name: 'providerUnavailable' }))
      .click();
    const { status } = await send(page);
    await target.close();
    expect(status).toBe('503 Service Unavailable');
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

  it("works on any web server, below any path, and calls the mock on the reader's machine", async () => {
    const { page, consoleMessages, origins } = await browser.visit(`${address}/below/#createPaymentIntent`);
    expect(await visibleText(page)).toContain("'http://127.0.0.1:4010'");
    await page.getByRole('link', { name: 'Try it' }).first().click();
    await playground(page).waitFor();
    expect(await playground(page).innerText()).toContain('http://127.0.0.1:4010');
    await page.keyboard.press('Escape');
    await page.waitForURL(`${address}/below/#createPaymentIntent`);
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
