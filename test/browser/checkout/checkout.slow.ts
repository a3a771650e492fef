/** The checkout, used by a customer in a real browser, on the mock: up to the secret, and no further without Stripe. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, openBrowser, type Browser } from '../chromium.ts';
import { mockTarget, type Target } from '../../support/targets.ts';
import { checkoutServer } from './server.ts';

interface Asked {
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

/** A checkout whose payments API is the mock, behind so many answers of 503. */
async function checkout({ unavailable = 0, publishableKey = undefined as string | undefined } = {}) {
  const asked: Asked[] = [];
  const api = createServer((request, response) => {
    void answer();
    async function answer(): Promise<void> {
      const body = await buffer(request);
      const headers = request.headers as Record<string, string>;
      asked.push({ key: headers['idempotency-key'], apiKey: headers['cv-api-key'], body: JSON.parse(body.toString()) });
      const prefer = asked.length <= unavailable ? { Prefer: 'code=503' } : {};
      const answered = await fetch(`${mock.baseUrl}${request.url}`, {
        method: 'POST',
        headers: {
          'cv-api-key': headers['cv-api-key']!,
          'Content-Type': 'application/json',
          'Idempotency-Key': headers['idempotency-key']!,
          ...prefer,
        },
        body,
      });
      response.writeHead(answered.status, { 'Retry-After': answered.headers.get('Retry-After') ?? '1' });
      response.end(await answered.text());
    }
  });
  const apiUrl = await listening(api);
  const address = await listening(checkoutServer({ apiUrl, apiKey: mock.apiKey, publishableKey }));
  return { address, asked };
}

describe.skipIf(!hasChromium)('the checkout', () => {
  it('prepares the payment, tells that there is no publishable key, and asks nobody but its own server', async () => {
    const { address, asked } = await checkout();
    const { page, said, origins } = await browser.visit(`${address}/`);
    await page.getByRole('button', { name: 'Pay $19.99' }).click();
    await expect
      .poll(() => page.getByRole('status').innerText())
      .toMatch(/^The payment pi_\w+ is prepared.*no publishable key/);
    expect(asked).toEqual([
      {
        key: expect.stringMatching(/^[0-9a-f-]{36}$/),
        apiKey: mock.apiKey,
        body: { amount: 19.99, metadata: { orderId: 'order-1047' } },
      },
    ]);
    expect(said).toEqual([]);
    expect([...origins]).toEqual([address]);
  });

  it('never lets the API key near the browser', async () => {
    const { address } = await checkout();
    const { page } = await browser.visit(`${address}/`);
    const received: string[] = [];
    page.on('response', (response) => void response.text().then((text) => received.push(text)));
    await page.getByRole('button').click();
    await expect.poll(() => received.join('')).toContain('clientSecret');
    expect(received.join('') + (await page.content())).not.toContain(mock.apiKey);
  });

  it('keeps the idempotency key of a payment, over faults and over clicks', async () => {
    const { address, asked } = await checkout({ unavailable: 1 });
    const { page } = await browser.visit(`${address}/`);
    const pay = page.getByRole('button');
    for (const askedSoFar of [2, 3]) {
      await pay.click();
      await expect.poll(() => asked.length, { timeout: 5_000 }).toBe(askedSoFar);
      await expect.poll(() => pay.isEnabled()).toBe(true);
    }
    expect(new Set(asked.map(({ key }) => key)).size).toBe(1);
  });

  it('says so where the payment can not be prepared', async () => {
    const { address } = await checkout({ unavailable: 3 });
    const { page } = await browser.visit(`${address}/`);
    await page.getByRole('button').click();
    await expect
      .poll(() => page.getByRole('status').innerText(), { timeout: 8_000 })
      .toContain('could not be prepared');
  });

  it('with a publishable key, asks js.stripe.com for Stripe.js, and for nothing else', async () => {
    const { address } = await checkout({ publishableKey: 'pk_test_checkout' });
    const { page, origins } = await browser.visit(`${address}/`);
    // Stripe itself is out of reach of tests: this stands in for it.
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
