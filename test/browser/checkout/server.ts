/**
 * `make checkout`: a shop of one page, as an example to copy. Its server stands between the page and the payments API (a
 * backend-for-frontend): the API key stays here, and the page receives only a client secret.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

export interface Checkout {
  /** The payments API: the mock, the local server, staging. */
  apiUrl: string;
  apiKey: string;
  /** `pk_…`. If undefined, Stripe.js is not loaded, and the page shows that. */
  publishableKey: string | undefined;
}

/** The orders and their prices. A price sent by the browser could be changed by the customer. */
const ORDERS: Record<string, { amount: number; metadata: { orderId: string } }> = {
  'order-1047': { amount: 19.99, metadata: { orderId: 'order-1047' } },
};

export function checkoutServer(checkout: Checkout): Server {
  /** One idempotency key per payment, however often its page sends the request. A real shop stores it with the order. */
  const keys = new Map<string, string>();

  const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>> = {
    'GET /': async (_request, response) => {
      const page = await readFile(new URL('page.html', import.meta.url), 'utf8');
      write(response, 200, 'text/html', page.replace('{{publishableKey}}', checkout.publishableKey ?? ''));
    },
    'GET /page.js': async (_request, response) => file(response, 'page.js', 'text/javascript'),
    'GET /page.css': async (_request, response) => file(response, 'page.css', 'text/css'),
    'POST /intent': async (request, response) => {
      const { orderId } = (await json(request)) as { orderId: string };
      const order = ORDERS[orderId];
      if (!order) return write(response, 404, 'application/json', '{"message":"No such order"}');
      const key = keys.get(orderId) ?? randomUUID();
      keys.set(orderId, key);
      const { status, body } = await createIntent(checkout, order, key);
      return write(response, status, 'application/json', JSON.stringify(body));
    },
  };

  return createServer((request, response) => {
    for (const [name, value] of Object.entries(headers(checkout))) response.setHeader(name, value);
    const handle = routes[`${request.method} ${request.url}`];
    if (!handle) return write(response, 404, 'text/plain', 'not found');
    // The customer can only try again; the cause is not for them.
    handle(request, response).catch(() => write(response, 502, 'application/json', '{"message":"Please try again"}'));
  });
}

/** Creates the intent. After a 500, a 503 or no response the payment may exist: a retry with the same key finds it. */
async function createIntent(
  checkout: Checkout,
  order: object,
  idempotencyKey: string,
  triesLeft = 2,
): Promise<{ status: number; body: object }> {
  const response = await fetch(`${checkout.apiUrl}/api/v1/payments/intent`, {
    method: 'POST',
    headers: { 'cv-api-key': checkout.apiKey, 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey },
    body: JSON.stringify(order),
    signal: AbortSignal.timeout(15_000),
  }).catch(() => undefined);
  if (response?.status === 200) {
    const { data } = (await response.json()) as { data: { paymentIntentSecret: string } };
    return { status: 200, body: { clientSecret: data.paymentIntentSecret } };
  }
  const mayHaveWorked = response === undefined || response.status === 500 || response.status === 503;
  if (mayHaveWorked && triesLeft > 0) {
    const seconds = Number(response?.headers.get('Retry-After') ?? 1);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return createIntent(checkout, order, idempotencyKey, triesLeft - 1);
  }
  return {
    status: 502,
    body: { message: 'The payment could not be prepared. Nothing was charged; please try again.' },
  };
}

/** Stripe's hosts only where Stripe.js is loaded: https://docs.stripe.com/security/guide#content-security-policy. */
function headers({ publishableKey }: Checkout): Record<string, string> {
  const stripe = publishableKey
    ? {
        script: ' https://js.stripe.com https://*.js.stripe.com',
        frame: 'https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com',
        connect: ' https://api.stripe.com',
        style: " 'unsafe-inline'",
      }
    : { script: '', frame: "'none'", connect: '', style: '' };
  return {
    'Content-Security-Policy':
      `default-src 'none'; script-src 'self'${stripe.script}; style-src 'self'${stripe.style}; frame-src ${stripe.frame}; ` +
      `connect-src 'self'${stripe.connect}; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'strict-origin',
    'X-Content-Type-Options': 'nosniff',
  };
}

async function file(response: ServerResponse, name: string, type: string): Promise<void> {
  write(response, 200, type, await readFile(new URL(name, import.meta.url), 'utf8'));
}

function write(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` }).end(body);
}
