/** Hono with zod-openapi, as its documentation shows it. */
import { serve } from '@hono/node-server';
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { apiKey, centsOf, created, METHOD_TYPES, orderOf, PATH, port, refused, sdk, unauthorized } from './job.mjs';

const stripe = sdk();
const app = new OpenAPIHono();

const body = z.object({
  amount: z.number().min(0.5).max(999_999.99),
  paymentMethodTypes: z.array(z.enum(METHOD_TYPES)).min(1).optional(),
  metadata: z.record(z.string(), z.string().max(500)).optional(),
});
const responseBody = z.object({
  status: z.int(),
  success: z.boolean(),
  message: z.string(),
  data: z.object({ paymentIntentSecret: z.string() }),
});
const json = (schema) => ({ description: 'Response', content: { 'application/json': { schema } } });

const route = createRoute({
  method: 'post',
  path: PATH,
  middleware: [
    async (context, next) => (context.req.header('cv-api-key') === apiKey ? next() : context.json(unauthorized, 401)),
  ],
  request: { body: { required: true, content: { 'application/json': { schema: body } } } },
  responses: { 200: json(responseBody), 400: json(z.object({})), 401: json(z.object({})) },
});

app.openapi(route, async (context) => {
  const order = context.req.valid('json');
  const cents = centsOf(order.amount);
  if (cents === undefined) return context.json(refused('Invalid request'), 400);
  return context.json(created(await stripe.paymentIntents.create(orderOf(order, cents))), 200);
});

serve({ fetch: app.fetch, hostname: '127.0.0.1', port });
