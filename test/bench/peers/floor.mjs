/** The floor: node:http, hand-written checks, undici. No framework, no SDK, no contract. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { stringify } from 'node:querystring';
import { Pool } from 'undici';
// Not job.mjs, which loads the SDK.
const PATH = '/api/v1/payments/intent';
const stripe = new Pool(process.env.BENCH_STRIPE_URL, { connections: 64 });

createServer((request, response) => {
  if (request.url !== PATH || request.method !== 'POST') return sendJson(response, 404, refused('Not found'));
  if (request.headers['cv-api-key'] !== process.env.BENCH_API_KEY) {
    return sendJson(response, 401, { status: 401, error: 'Invalid API key' });
  }
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => void pay(Buffer.concat(chunks), response));
}).listen(Number(process.env.PORT), '127.0.0.1');

async function pay(bytes, response) {
  const body = parse(bytes);
  const cents = Math.round(body?.amount * 100);
  const isWrong = typeof body?.amount !== 'number' || cents / 100 !== body.amount || cents < 50 || cents > 99_999_999;
  if (isWrong || !isTypes(body.paymentMethodTypes ?? ['card']) || !isMetadata(body.metadata ?? {})) {
    return sendJson(response, 400, refused('Invalid request'));
  }
  const form = { amount: cents, currency: 'usd' };
  for (const [key, value] of Object.entries(body.metadata ?? {})) form[`metadata[${key}]`] = value;
  body.paymentMethodTypes?.forEach((type, index) => (form[`allowed_payment_method_types[${index}]`] = type));
  const { statusCode, body: stream } = await stripe.request({
    method: 'POST',
    path: '/v1/payment_intents',
    headers: {
      Authorization: 'Bearer sk_test_bench',
      'Content-Type': 'application/x-www-form-urlencoded',
      'Idempotency-Key': randomUUID(),
    },
    body: stringify(form),
  });
  const intent = await stream.json();
  if (statusCode !== 200) return sendJson(response, 503, refused('Payment provider is unavailable'));
  return sendJson(response, 200, {
    status: 200,
    success: true,
    message: 'Payment intent created successfully',
    data: { paymentIntentSecret: intent.client_secret },
  });
}

function parse(bytes) {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

const isTypes = (value) => Array.isArray(value) && value.length > 0 && value.every((type) => typeof type === 'string');

const isMetadata = (value) =>
  typeof value === 'object' && !Array.isArray(value) && Object.values(value).every((text) => typeof text === 'string');

const refused = (message) => ({ success: false, message });

function sendJson(response, status, body) {
  const text = JSON.stringify(body);
  response
    .writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
    })
    .end(text);
}
