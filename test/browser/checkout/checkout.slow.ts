/** The checkout in a real browser, on the mock: it runs up to the client secret, because there is no Stripe behind it. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, openBrowser, type Browser } from '../chromium.ts';
import { mockTarget, type Target } from '../../support/targets.ts';
import { checkoutServer } from './server.ts';

interface ReceivedRequest {
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

/** A checkout on the mock, whose first `unavailable` responses are a 503. */
async function checkout({ unavailable = 0, publishableKey = undefined as string | undefined } = {}) {
  const requests: ReceivedRequest[] = [];
  const api = createServer((request, outgoing) => {
    void forward();
    async function forward(): Promise<void> {
      const body = await buffer(request);
      const headers = request.headers as Record<string, string>;
      requests.push({
        key: headers['idempotency-key'],
        apiKey: headers['cv-api-key'],
        body: JSON.parse(body.toString()),
      });
      const prefer = requests.length <= unavailable ? { Prefer: 'code=503' } : {};
      const response = await fetch(`${mock.baseUrl}${request.url}`, {
        method: 'POST',
        headers: {
          'cv-api-key': headers['cv-api-key']!,
          'Content-Type': 'application/json',
          'Idempotency-Key': headers['idempotency-key']!,
          ...prefer,
        },
        body,
      });
      outgoing.writeHead(response.status, { 'Retry-After': response.headers.get('Retry-After') ?? '1' });
      outgoing.end(await response.text());
    }
  });
  const apiUrl = await listening(api);
  const address = await listening(checkoutServer({ apiUrl, apiKey: mock.apiKey, publishableKey }));
  return { address, requests };
}

describe.skipIf(!hasChromium)('the checkout', () => {
  it('prepares the payment, reports the missing publishable key, and sends requests to its own server only', async () => {
    const { address, requests } = await checkout();
    const { page, consoleMessages, origins } = await browser.visit(`${address}/`);
    await page.getByRole('button', { name: 'Pay $19.99' }).click();
    await expect
      .poll(() => page.getByRole('status').innerText())
      .toMatch(/^The payment pi_\w+ is prepared.*no publishable key/);
    expect(requests).toEqual([
      {
        key: expect.stringMatching(/^[0-9a-f-]{36}$/),
        apiKey: mock.apiKey,
        body: { amount: 19.99, metadata: { orderId: 'order-1047' } },
      },
    ]);
    expect(consoleMessages).toEqual([]);
    expect([...origins]).toEqual([address]);
  });

  it('never sends the API key to the browser', async () => {
    const { address } = await checkout();
    const { page } = await browser.visit(`${address}/`);
    const responseTexts: string[] = [];
    page.on('response', (response) => void response.text().then((text) => responseTexts.push(text)));
    await page.getByRole('button').click();
    await expect.poll(() => responseTexts.join('')).toContain('clientSecret');
    expect(responseTexts.join('') + (await page.content())).not.toContain(mock.apiKey);
  });

  it('keeps the idempotency key of a payment across failures and repeated clicks', async () => {
    const { address, requests } = await checkout({ unavailable: 1 });
    const { page } = await browser.visit(`${address}/`);
    const pay = page.getByRole('button');
    for (const requestCount of [2, 3]) {
      await pay.click();
      await expect.poll(() => requests.length, { timeout: 5_000 }).toBe(requestCount);
      await expect.poll(() => pay.isEnabled()).toBe(true);
    }
    expect(new Set(requests.map(({ key }) => key)).size).toBe(1);
  });

  it('shows an error if the payment cannot be prepared', async () => {
    const { address } = await checkout({ unavailable: 3 });
    const { page } = await browser.visit(`${address}/`);
    await page.getByRole('button').click();
    await expect
      .poll(() => page.getByRole('status').innerText(), { timeout: 8_000 })
      .toContain('could not be prepared');
  });

  it('with a publishable key, loads Stripe.js from js.stripe.com, and contacts no other host', async () => {
    const { address } = await checkout({ publishableKey: 'pk_test_checkout' });
    const { page, origins } = await browser.visit(`${address}/`);
    // Tests cannot reach Stripe, so this script replaces Stripe.js.
    const stripe = `globalThis.Stripe = (key) => ({ elements: ({ clientSecret }) => ({ create: () => ({ mount: (place) => {
      document.querySelector(place).textContent = key + ' ' + clientSecret.startsWith('pi_'); } }) }) });`;
    await page.route('https://js.stripe.com/**', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: stripe }),
    );
    await page.getByRole('button').click();
    await expect.poll(() => page.locator('#payment').innerText()).toBe('pk_test_checkout true');
    expect([...origins]).toEqual([address, 'https://js.stripe.com']);
  });
});
