/** fastify-openapi-glue on the document, as its documentation shows it. */
import fastify from 'fastify';
import openapiGlue from 'fastify-openapi-glue';
import { apiKey, centsOf, created, document, orderOf, port, refused, sdk, unauthorized } from './job.mjs';

const stripe = sdk();
const app = fastify();

class Service {
  async createPaymentIntent({ body }, reply) {
    const cents = centsOf(body.amount);
    if (cents === undefined) return reply.code(400).send(refused('Invalid request'));
    return created(await stripe.paymentIntents.create(orderOf(body, cents)));
  }
}

class Security {
  async apiKey(request) {
    if (request.headers['cv-api-key'] !== apiKey)
      throw Object.assign(new Error(unauthorized.error), { statusCode: 401 });
  }
}

app.register(openapiGlue, {
  specification: structuredClone(document),
  serviceHandlers: new Service(),
  securityHandlers: new Security(),
});

await app.listen({ host: '127.0.0.1', port });
