/** The handlers for MSW in a real browser: bundled by Vite, behind a service worker. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MswMock } from '../../../src/mock/msw.ts';
import { hasChromium, openBrowser, type Browser, type Visit } from '../chromium.ts';
import { servePages } from './pages.ts';

declare const window: { mock: MswMock };

const pay = async ({ page }: Visit) => {
  await page.getByRole('button', { name: 'Pay' }).click();
  return page.getByRole('status');
};

describe.runIf(hasChromium)('a page whose requests MSW handles', () => {
  let browser: Browser;
  let pages: Awaited<ReturnType<typeof servePages>>;
  beforeAll(async () => {
    [browser, pages] = await Promise.all([openBrowser(), servePages()]);
  });
  afterAll(() => Promise.all([browser.close(), pages.close()]));

  async function visit(): Promise<Visit> {
    const visited = await browser.visit(`${pages.url}mocked.html`);
    await visited.page.locator('html[data-mocked]').waitFor();
    return visited;
  }
  it('gets the responses of the contract, without a server, and may not evaluate code', async () => {
    const visited = await visit();
    const output = await pay(visited);
    await expect.poll(() => output.textContent()).toMatch(/^pi_\w+_secret_\w+$/);
    expect(visited.consoleMessages).toEqual([]);
  });

  it('is told what to get, and tells what it received', async () => {
    const visited = await visit();
    await visited.page.evaluate(() => void window.mock.next(['providerUnavailable', 'amountTooLarge']));
    const output = await pay(visited);
    await expect.poll(() => output.textContent()).toBe('Failed: amountTooLarge');
    const requests = await visited.page.evaluate(() => window.mock.requests);
    expect(requests).toMatchObject([
      { method: 'POST', path: '/api/v1/payments/intent', body: { amount: 19.99 }, scenario: 'providerUnavailable' },
      { scenario: 'amountTooLarge', reason: 'chosen by next' },
    ]);
    expect(requests[1]!.headers['idempotency-key']).toBe(requests[0]!.headers['idempotency-key']);
  });
});
