/** Shared by all peers: the request, the Stripe client, the API key. */
import { readFileSync } from 'node:fs';
import { Stripe } from 'stripe';

export const PATH = '/api/v1/payments/intent';
export const port = Number(process.env.PORT);
export const apiKey = process.env.BENCH_API_KEY;
export const stripeUrl = new URL(process.env.BENCH_STRIPE_URL);

const contract = JSON.parse(readFileSync(new URL('../../../generated/openapi.json', import.meta.url), 'utf8'));
export const METHOD_TYPES = contract.components.schemas.PaymentMethodType.enum;

/** The SDK with its defaults, on the address of the local stub. */
export const sdk = () =>
  new Stripe('sk_test_bench', { protocol: 'http', host: stripeUrl.hostname, port: Number(stripeUrl.port) });

/** Whole cents, or undefined. */
export function centsOf(dollars) {
  const cents = Math.round(dollars * 100);
  return cents / 100 === dollars ? cents : undefined;
}

export const orderOf = ({ paymentMethodTypes, metadata }, cents) => ({
  amount: cents,
  currency: 'usd',
  metadata: metadata ?? {},
  ...(paymentMethodTypes && { allowed_payment_method_types: paymentMethodTypes }),
});

export const created = (intent) => ({
  status: 200,
  success: true,
  message: 'Payment intent created successfully',
  data: { paymentIntentSecret: intent.client_secret },
});

export const refused = (message) => ({ success: false, message });

export const unauthorized = { status: 401, error: 'Invalid API key' };

export const bodySchema = {
  type: 'object',
  required: ['amount'],
  properties: {
    amount: { type: 'number', minimum: 0.5, maximum: 999999.99 },
    paymentMethodTypes: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', enum: METHOD_TYPES },
    },
    metadata: { type: 'object', maxProperties: 50, additionalProperties: { type: 'string', maxLength: 500 } },
  },
};

export const responseSchema = {
  type: 'object',
  properties: {
    status: { type: 'integer' },
    success: { type: 'boolean' },
    message: { type: 'string' },
    data: { type: 'object', properties: { paymentIntentSecret: { type: 'string' } } },
  },
};

const json = (schema) => ({ description: 'Response', content: { 'application/json': { schema } } });

/** The same operation for the peers that read an OpenAPI document; in OpenAPI 3.0, which all of them support. */
export const document = {
  openapi: '3.0.3',
  info: { title: 'Payment Intent API', version: '1.0.0' },
  paths: {
    [PATH]: {
      post: {
        operationId: 'createPaymentIntent',
        security: [{ apiKey: [] }],
        requestBody: { required: true, content: { 'application/json': { schema: bodySchema } } },
        responses: { 200: json(responseSchema), 400: json({ type: 'object' }), 401: json({ type: 'object' }) },
      },
    },
  },
  components: { securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'cv-api-key' } } },
};
