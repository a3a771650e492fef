/**
 * A cheap Stripe stub for benchmarks: echoes amount and metadata, in a response of the size of Stripe's, after
 * BENCH_DELAY_MS. `node stripeStub.ts`, with PORT in the environment.
 */
import { createServer } from 'node:http';
import { parse } from 'node:querystring';

const delayMs = Number(process.env['BENCH_DELAY_MS'] ?? 0);
let count = 0;

const createIntent = (form: Record<string, unknown>, id: string): object => ({
  id,
  object: 'payment_intent',
  amount: Number(form['amount']),
  amount_capturable: 0,
  amount_details: { tip: {} },
  amount_received: 0,
  application: null,
  application_fee_amount: null,
  automatic_payment_methods: null,
  canceled_at: null,
  cancellation_reason: null,
  capture_method: 'automatic_async',
  client_secret: `${id}_secret_CBrwqmT726jzfcnvCt0qBcS9e`,
  confirmation_method: 'automatic',
  created: 1_764_000_000,
  currency: form['currency'],
  customer: null,
  description: null,
  excluded_payment_method_types: null,
  last_payment_error: null,
  latest_charge: null,
  livemode: false,
  metadata: Object.fromEntries(
    Object.entries(form).flatMap(([name, value]) => (name.startsWith('metadata[') ? [[name.slice(9, -1), value]] : [])),
  ),
  next_action: null,
  on_behalf_of: null,
  payment_method: null,
  payment_method_options: {
    affirm: {},
    card: { installments: null, mandate_options: null, network: null, request_three_d_secure: 'automatic' },
    klarna: { preferred_locale: null },
  },
  payment_method_types: Object.entries(form).flatMap(([name, value]) =>
    name.startsWith('allowed_payment_method_types[') ? [value] : [],
  ),
  processing: null,
  receipt_email: null,
  review: null,
  setup_future_usage: null,
  shipping: null,
  source: null,
  statement_descriptor: null,
  statement_descriptor_suffix: null,
  status: 'requires_payment_method',
  transfer_data: null,
  transfer_group: null,
});

const server = createServer((request, response) => {
  let text = '';
  request.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  request.on('end', () => {
    const id = `pi_bench${(count += 1)}`;
    const body = JSON.stringify(createIntent(parse(text), id));
    const respond = () =>
      response
        .writeHead(200, {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
          'Idempotency-Key': request.headers['idempotency-key'] ?? '',
          'Request-Id': `req_bench${count}`,
          'Stripe-Version': request.headers['stripe-version'] ?? '',
        })
        .end(body);
    if (delayMs > 0) setTimeout(respond, delayMs);
    else respond();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.env['PORT']), '127.0.0.1');
