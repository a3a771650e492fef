/** The client in a real browser, on a page without https, where crypto.randomUUID is missing and redirects are hidden. */
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mockTarget, type Target } from '../support/targets.ts';
import { hasChromium, openBrowser, type Browser } from './chromium.ts';

const PAGE = 'http://shop.test';

let browser: Browser;
let mock: Target;
beforeAll(async () => {
  mock = await mockTarget();
  if (hasChromium) browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await mock.close();
});

/** Runs `call(paymentsClient)` on a page. Its server has the sources of the client, and forwards requests to the mock. */
async function runOnPage(call: string) {
  const { page, origins } = await browser.visit('about:blank');
  await page.route(`${PAGE}/**`, async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname.startsWith('/api/'))
      return route.fulfill({ response: await route.fetch({ url: `${mock.baseUrl}${pathname}` }) });
    if (pathname === '/') return route.fulfill({ contentType: 'text/html', body: '<!doctype html>' });
    const source = await readFile(new URL(`../..${pathname}`, import.meta.url), 'utf8');
    return route.fulfill({ contentType: 'text/javascript', body: stripTypeScriptTypes(source) });
  });
  await page.route('http://moved.test/**', (route) =>
    route.fulfill({ status: 307, headers: { Location: 'http://other.test/', 'Access-Control-Allow-Origin': '*' } }),
  );
  await page.goto(PAGE);
  const result: unknown = await page.evaluate(
    `import('/src/client/index.ts').then(({ paymentsClient }) => (${call})(paymentsClient))`,
  );
  return { result, origins, hasRandomUuid: await page.evaluate(`'randomUUID' in crypto`) };
}

const pay = (baseUrl: string, options: object = {}) =>
  `async (paymentsClient) => {
    const options = { baseUrl: '${baseUrl}', apiKey: '${mock.apiKey}', ...${JSON.stringify(options)} };
    return paymentsClient(options).createPaymentIntent({ amount: 19.99 });
  }`;

describe.skipIf(!hasChromium)('the client on a page without https', () => {
  it('creates a payment intent if it may run in browsers', async () => {
    const { result, hasRandomUuid } = await runOnPage(pay(PAGE, { dangerouslyAllowBrowser: true }));
    expect(hasRandomUuid).toBe(false);
    expect(result).toMatchObject({
      ok: true,
      data: { paymentIntentId: expect.stringMatching(/^pi_\w+$/) },
      idempotencyKey: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it('refuses to run otherwise, and sends nothing', async () => {
    await expect(runOnPage(pay(PAGE))).rejects.toThrow(/apiKey: .* dangerouslyAllowBrowser/);
  });

  it('follows no redirect, which the browser hides', async () => {
    const { result, origins } = await runOnPage(pay('http://moved.test', { dangerouslyAllowBrowser: true }));
    expect(result).toMatchObject({ ok: false, problem: { name: 'unknownResponse', status: 0 }, attempts: 1 });
    expect([...origins]).not.toContain('http://other.test');
  });
});
