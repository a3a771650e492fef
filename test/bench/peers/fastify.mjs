/** Fastify with its own schemas, as its documentation shows it. */
import fastify from 'fastify';
import {
  responseSchema,
  apiKey,
  bodySchema,
  centsOf,
  created,
  orderOf,
  PATH,
  port,
  refused,
  sdk,
  unauthorized,
} from './job.mjs';

const stripe = sdk();
const app = fastify();

app.post(PATH, {
  schema: { body: bodySchema, response: { 200: responseSchema } },
  onRequest: (request, reply, done) => {
    if (request.headers['cv-api-key'] === apiKey) return done();
    reply.code(401).send(unauthorized);
  },
  handler: async ({ body }, reply) => {
    const cents = centsOf(body.amount);
    if (cents === undefined) return reply.code(400).send(refused('Invalid request'));
    return created(await stripe.paymentIntents.create(orderOf(body, cents)));
  },
});

await app.listen({ host: '127.0.0.1', port });
