/** The checkout in a real browser, on the mock. In place of Stripe: its demo form, or a script that behaves like Stripe.js. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hasChromium, openBrowser, type Browser } from '../chromium.ts';
import { mockTarget, type Target } from '../../support/targets.ts';
import { checkoutServer } from './server.ts';

interface ReceivedRequest {
  path: string | undefined;
  key: string | undefined;
  apiKey: string | undefined;
  body: unknown;
}

let browser: Browser;
let mock: Target;
const servers: Server[] = [];
beforeAll(async () => {
  mock = await mockTarget();
  if (hasChromium) browser = await openBrowser();
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await browser?.close();
  await mock.close();
});

async function listening(server: Server): Promise<string> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A checkout on the mock, which records the requests and responds to the first with a scenario each. */
async function checkout({ scenarios = [] as string[], publishableKey = undefined as string | undefined } = {}) {
  const requests: ReceivedRequest[] = [];
  const api = createServer((request, outgoing) => {
    void forward();
    async function forward(): Promise<void> {
      const body = await buffer(request);
      const headers = request.headers as Record<string, string>;
      const { 'idempotency-key': key, 'cv-api-key': apiKey } = headers;
      const scenario = scenarios[requests.length];
      requests.push({ path: request.url, key, apiKey, body: JSON.parse(body.toString()) });
      const response = await fetch(`${mock.baseUrl}${request.url}`, {
        method: 'POST',
        headers: {
          'cv-api-key': apiKey!,
          'Content-Type': 'application/json',
          'Idempotency-Key': key!,
          ...(scenario && { 'Mock-Scenario': scenario }),
        },
        body,
      });
      outgoing.writeHead(response.status, { 'X-Error-Code': response.headers.get('X-Error-Code') ?? '' });
      outgoing.end(await response.text());
    }
  });
  const apiUrl = await listening(api);
  const address = await listening(checkoutServer({ apiUrl, apiKey: mock.apiKey, publishableKey }));
  return { address, requests, keys: () => new Set(requests.map(({ key }) => key)).size };
}

const payButton = (page: Page) => page.getByRole('button', { name: 'Pay $19.99' });
const status = (page: Page) => page.getByRole('status').innerText();

async function pay(page: Page, outcome: string): Promise<void> {
  await page.getByLabel('Outcome').selectOption(outcome);
  await payButton(page).click();
}

const IS_SETTLED = [
  ['It succeeds', 'Paid. Thank you for your order.'],
  ['It is being processed', 'Your payment is being processed. We will tell you when it has arrived.'],
] as const;

describe.skipIf(!hasChromium)('the checkout', () => {
  it('shows the form when the page has loaded, and sends requests to its own server only', async () => {
    const { address, requests } = await checkout();
    const { page, consoleMessages, origins } = await browser.visit(`${address}/`);
    await expect.poll(() => page.getByRole('group', { name: 'Demo form' }).innerText()).toContain('Nothing is paid');
    const orderId = await page.locator('small').innerText();
    expect(requests).toEqual([
      {
        path: '/api/v1/payments/intent',
        key: expect.stringMatching(/^[0-9a-f-]{36}$/),
        apiKey: mock.apiKey,
        body: { amount: 19.99, metadata: { orderId } },
      },
    ]);
    expect(consoleMessages).toEqual([]);
    expect([...origins]).toEqual([address]);
  });

  it.each(IS_SETTLED)('is paid at the first click, and does not ask again: %s', async (outcome, text) => {
    const { address } = await checkout();
    const { page } = await browser.visit(`${address}/`);
    await pay(page, outcome);
    await expect.poll(() => status(page)).toBe(text);
    expect(page.url()).toContain('redirect_status=succeeded');
    const visits = [() => page.reload(), () => page.goto(address), () => page.goBack()];
    for (const visit of visits) {
      await visit();
      await expect.poll(() => status(page)).toBe(text);
      expect(await payButton(page).isVisible()).toBe(false);
    }
  });

  it('can be paid after an attempt that failed at the bank', async () => {
    const { address, keys } = await checkout();
    const { page } = await browser.visit(`${address}/`);
    await pay(page, 'It fails at the bank');
    await expect.poll(() => status(page)).toBe('The payment failed, and you were not charged. Please try again.');
    await pay(page, 'It succeeds');
    await expect.poll(() => status(page)).toBe('Paid. Thank you for your order.');
    expect(keys()).toBe(1);
  });

  it('can be paid after a card was declined', async () => {
    const { address } = await checkout();
    const { page } = await browser.visit(`${address}/`);
    await pay(page, 'The card is declined');
    await expect.poll(() => status(page)).toBe('Your card was declined.');
    await pay(page, 'It succeeds');
    await expect.poll(() => status(page)).toBe('Paid. Thank you for your order.');
  });

  it('creates one intent per cart, however often the page is loaded', async () => {
    const { address, requests, keys } = await checkout();
    const { page } = await browser.visit(`${address}/`);
    await expect.poll(() => payButton(page).isEnabled()).toBe(true);
    await page.reload();
    await expect.poll(() => payButton(page).isEnabled()).toBe(true);
    expect(requests.length).toBe(2);
    expect(keys()).toBe(1);
  });

  it('creates another intent for another customer, and for a new order', async () => {
    const { address, keys } = await checkout();
    await browser.visit(`${address}/`);
    const { page } = await browser.visit(`${address}/`);
    await pay(page, 'It succeeds');
    await page.getByRole('button', { name: 'Start a new order' }).click();
    await expect.poll(keys).toBe(3);
    await expect.poll(() => payButton(page).isEnabled()).toBe(true);
  });

  it('saves a card', async () => {
    const { address, requests } = await checkout();
    const { page } = await browser.visit(`${address}/card`);
    await page.getByRole('button', { name: 'Save card' }).click();
    await expect.poll(() => status(page)).toBe('Your card is saved.');
    const orderId = await page.locator('small').innerText();
    expect(requests[0]).toMatchObject({ path: '/api/v1/payments/setup', body: { metadata: { orderId } } });
  });

  it('never sends the API key to the browser', async () => {
    const { address } = await checkout();
    const { page } = await browser.visit('about:blank');
    const responseTexts: string[] = [];
    page.on('response', (response) => void response.text().then((text) => responseTexts.push(text)));
    await page.goto(address);
    await expect.poll(() => responseTexts.join('')).toContain('clientSecret');
    expect(responseTexts.join('') + (await page.content())).not.toContain(mock.apiKey);
  });

  it('survives an outage of the API with one idempotency key', async () => {
    const { address, requests, keys } = await checkout({ scenarios: ['internalError', 'internalError'] });
    const { page } = await browser.visit(`${address}/`);
    await expect.poll(() => payButton(page).isEnabled()).toBe(true);
    expect(requests.length).toBe(3);
    expect(keys()).toBe(1);
  });

  it('shows an error if the intent could not be created, and can be tried again', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    const { address, keys } = await checkout({ scenarios: ['invalidApiKey'] });
    const { page } = await browser.visit(`${address}/`);
    await expect.poll(() => status(page)).toBe('The form could not be prepared, and nothing was charged.');
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^order-\w+: invalidApiKey, request /));
    await page.getByRole('link', { name: 'Try again' }).click();
    await expect.poll(() => payButton(page).isEnabled()).toBe(true);
    expect(keys()).toBe(1);
  });
});

/** Behaves like Stripe.js. An intent is paid if its secret says so, or by another tab just before the first confirmation. */
const STRIPE_JS = `globalThis.Stripe = (key) => ({
  elements: ({ clientSecret }) => ({ create: () => {
    const listeners = {};
    return {
      on: (event, listener) => { listeners[event] = listener; },
      mount: (place) => {
        document.querySelector(place).textContent = key + ' ' + clientSecret;
        if (location.hash === '#broken') listeners.loaderror({ error: { message: 'client_secret does not match' } });
        else listeners.ready();
      },
    };
  } }),
  retrievePaymentIntent: async (secret) => ({ paymentIntent: { status: secret.includes('paid') ? 'succeeded' : 'requires_payment_method' } }),
  confirmPayment: async ({ confirmParams }) => {
    if (location.hash === '#paid') return { error: { message: 'unexpected state', payment_intent: { status: 'succeeded' } } };
    location.assign(confirmParams.return_url + '?payment_intent_client_secret=pi_paid_secret_1');
    return new Promise(() => {});
  },
});`;

async function visitWithStripe(query: string) {
  const { address } = await checkout({ publishableKey: 'pk_test_checkout' });
  const { page, origins } = await browser.visit('about:blank');
  await page.route('https://js.stripe.com/**', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: STRIPE_JS }),
  );
  await page.goto(`${address}/${query}`);
  return { page, address, origins };
}

const PAID = 'Paid. Thank you for your order.';

describe.skipIf(!hasChromium)('the checkout with a publishable key', () => {
  it('mounts Elements at load, pays at the first click, and contacts no host but Stripe', async () => {
    const { page, address, origins } = await visitWithStripe('');
    await expect.poll(() => page.locator('#element').innerText()).toMatch(/^pk_test_checkout pi_\w+_secret_/);
    await payButton(page).click();
    await expect.poll(() => status(page)).toBe(PAID);
    expect([...origins]).toEqual([address, 'https://js.stripe.com']);
  });

  it('shows a paid order where the customer returns in another browser, without the cookie', async () => {
    const { page } = await visitWithStripe('?payment_intent_client_secret=pi_paid_secret_1');
    await expect.poll(() => status(page)).toBe(PAID);
    expect(await payButton(page).isVisible()).toBe(false);
  });

  it('never takes the secret of the form from the address, which a stranger may have written', async () => {
    const { page } = await visitWithStripe('?payment_intent_client_secret=pi_stranger_secret_1');
    await expect.poll(() => page.locator('#element').innerText()).toMatch(/^pk_test_checkout pi_\w+_secret_/);
    expect(await page.locator('#element').innerText()).not.toContain('stranger');
  });

  it('shows a paid order where it was paid in another tab', async () => {
    const { page } = await visitWithStripe('#paid');
    await payButton(page).click();
    await expect.poll(() => status(page)).toBe(PAID);
    expect(await payButton(page).isVisible()).toBe(false);
  });

  it("shows Stripe's error where Elements cannot use the secret", async () => {
    const { page } = await visitWithStripe('#broken');
    await expect.poll(() => status(page)).toBe('client_secret does not match');
  });
});
