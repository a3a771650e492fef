/** A sample: a page in a browser that calls the mock. A project of yours imports '@carevalidate/payments-mock'. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startPaymentsMock, type PaymentsMock } from '../../../src/mock/index.ts';
import { hasChromium, openBrowser, type Browser } from '../chromium.ts';
import { servePages } from './pages.ts';

describe.runIf(hasChromium)('a page that takes a payment', () => {
  let mock: PaymentsMock;
  let browser: Browser;
  let pages: Awaited<ReturnType<typeof servePages>>;
  beforeAll(async () => {
    [mock, browser, pages] = await Promise.all([startPaymentsMock(), openBrowser(), servePages()]);
  });
  afterEach(() => mock.reset());
  afterAll(() => Promise.all([mock.close(), browser.close(), pages.close()]));

  const pay = async () => {
    const { page } = await browser.visit(`${pages.url}?api=${mock.url}`);
    await page.getByRole('button', { name: 'Pay' }).click();
    return page.getByRole('status');
  };

  it('shows the secret, even if the first two requests fail', async () => {
    mock.next('providerUnavailable', { times: 2 });
    const output = await pay();
    await expect.poll(() => output.textContent()).toMatch(/^pi_/);
    expect(mock.requests.map(({ scenario }) => scenario)).toEqual([
      'providerUnavailable',
      'providerUnavailable',
      'created',
    ]);
  });

  it('shows the name of an error', async () => {
    mock.next('amountTooLarge');
    const output = await pay();
    await expect.poll(() => output.textContent()).toBe('Failed: amountTooLarge');
  });
});
