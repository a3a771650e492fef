/** openapi-backend as its documentation shows it: one handler for every path, the library's own pipeline. */
import { OpenAPIBackend } from 'openapi-backend';
import { apiKey, centsOf, created, document, orderOf, refused, sdk, unauthorized } from './job.mjs';

/** Resolves with a function that takes a request and resolves with `[status, body]`. */
export async function engine() {
  const stripe = sdk();
  const api = new OpenAPIBackend({ definition: structuredClone(document) });
  api.registerSecurityHandler('apiKey', (context) => context.request.headers['cv-api-key'] === apiKey);
  api.register({
    createPaymentIntent: async (context) => {
      const body = context.request.requestBody;
      const cents = centsOf(body.amount);
      if (cents === undefined) return [400, refused('Invalid request')];
      return [200, created(await stripe.paymentIntents.create(orderOf(body, cents)))];
    },
    validationFail: (context) => [400, { ...refused('Invalid request'), errors: context.validation.errors }],
    unauthorizedHandler: () => [401, unauthorized],
    notFound: () => [404, refused('Not found')],
  });
  await api.init();
  return (request) => api.handleRequest(request);
}
