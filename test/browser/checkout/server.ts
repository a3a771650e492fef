/**
 * `make checkout`: a small shop, as an example to copy. Its server stands between the page and the payments API (a
 * backend-for-frontend): the API key stays here, and the page receives only a client secret.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
// In your project: '@carevalidate/payments-client'.
import { paymentsClient, type PaymentIntent, type PaymentResult, type SetupIntent } from '../../../src/client/index.ts';

export interface Checkout {
  /** The payments API: the mock, the local server, staging. */
  apiUrl: string;
  apiKey: string;
  /** `pk_…`. If undefined, Stripe.js is not loaded, and the page has a demo form. */
  publishableKey: string | undefined;
}

/** A real shop keeps it in its database. A cart whose content changes needs a new idempotency key. */
interface Cart {
  orderId: string;
  /** US dollars. The customer could change a price that the browser sends. */
  amount: number;
  /** One per cart: however often its page is loaded, there is one intent. */
  idempotencyKey: string;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

export function checkoutServer({ apiUrl, apiKey, publishableKey }: Checkout): Server {
  // The customer is waiting for the form.
  const payments = paymentsClient({ baseUrl: apiUrl, apiKey, totalMs: 20_000 });
  /** By the value of the cookie. */
  const carts = new Map<string, Cart>();

  const findCart = ({ headers }: IncomingMessage) => carts.get(/\bcart=([\w-]+)/.exec(headers.cookie ?? '')?.[1] ?? '');

  function createCart(response: ServerResponse): Cart {
    const id = randomUUID();
    const cart = { orderId: `order-${randomUUID().slice(0, 8)}`, amount: 19.99, idempotencyKey: randomUUID() };
    carts.set(id, cart);
    // Lax, not Strict: the customer may come back from the site of a bank. Add Secure where there is https.
    response.setHeader('Set-Cookie', `cart=${id}; HttpOnly; SameSite=Lax; Path=/`);
    return cart;
  }

  const page =
    (describe: (cart: Cart) => Record<'intent' | 'title' | 'item' | 'price' | 'button', string>): Handler =>
    async (request, response) => {
      const cart = findCart(request) ?? createCart(response);
      const values = { ...describe(cart), orderId: cart.orderId, publishableKey: publishableKey ?? '' };
      let html = await read('page.html');
      for (const [name, value] of Object.entries(values)) html = html.replaceAll(`{{${name}}}`, () => value);
      send(response, 200, 'text/html', html);
    };

  /** Responds with the client secret of the cart's intent. */
  const intent =
    (create: (cart: Cart) => Promise<PaymentResult<PaymentIntent | SetupIntent>>): Handler =>
    async (request, response) => {
      const cart = findCart(request);
      if (!cart) return sendJson(response, 409, { message: 'Your cart has expired.' });
      const result = await create(cart);
      if (result.ok) {
        const { data } = result;
        const clientSecret = 'paymentSecret' in data ? data.paymentSecret : data.paymentIntentSecret;
        return sendJson(response, 200, { clientSecret });
      }
      // The cause is for us: the customer can only try again.
      console.error(`${cart.orderId}: ${result.problem.name}, request ${result.requestId}`);
      const message = 'The form could not be prepared, and nothing was charged.';
      return sendJson(response, 502, { message });
    };

  const routes: Record<string, Handler> = {
    'GET /': page(({ amount }) => {
      const price = `$${amount.toFixed(2)}`;
      return { intent: 'payment', title: 'Your order', item: 'Consultation', price, button: `Pay ${price}` };
    }),
    'GET /card': page(() => ({
      intent: 'setup',
      title: 'Your card',
      item: 'Saved for your next order',
      price: '',
      button: 'Save card',
    })),
    'POST /payment-intent': intent(({ amount, orderId, idempotencyKey }) =>
      payments.createPaymentIntent({ amount, metadata: { orderId } }, { idempotencyKey }),
    ),
    'POST /setup-intent': intent(({ orderId, idempotencyKey }) =>
      payments.createSetupIntent({ metadata: { orderId } }, { idempotencyKey }),
    ),
    'POST /cart': (_request, response) => {
      createCart(response);
      response.writeHead(303, { Location: '/' }).end();
    },
    'GET /page.js': async (_request, response) => send(response, 200, 'text/javascript', await read('page.js')),
    'GET /demoStripe.js': async (_request, response) =>
      send(response, 200, 'text/javascript', await read('demoStripe.js')),
    'GET /page.css': async (_request, response) => send(response, 200, 'text/css', await read('page.css')),
  };

  return createServer((request, response) => {
    for (const [name, value] of Object.entries(createHeaders(publishableKey))) response.setHeader(name, value);
    // The query is the page's: Stripe adds it to the address to which the customer returns.
    const handle = routes[`${request.method} ${request.url!.split('?')[0]}`];
    if (!handle) return send(response, 404, 'text/plain', 'not found');
    void Promise.try(handle, request, response).catch((error: unknown) => {
      console.error(error);
      sendJson(response, 500, { message: 'Something went wrong, and nothing was charged.' });
    });
  });
}

/** Stripe's hosts only where Stripe.js is loaded: https://docs.stripe.com/security/guide#content-security-policy. */
function createHeaders(publishableKey: string | undefined): Record<string, string> {
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
      `connect-src 'self'${stripe.connect}; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
    'Cache-Control': 'no-store',
    // Without the path and the query, in which Stripe puts the client secret.
    'Referrer-Policy': 'strict-origin',
    'X-Content-Type-Options': 'nosniff',
  };
}

const read = (name: string) => readFile(new URL(name, import.meta.url), 'utf8');

const sendJson = (response: ServerResponse, status: number, body: object) =>
  send(response, status, 'application/json', JSON.stringify(body));

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` }).end(body);
}
