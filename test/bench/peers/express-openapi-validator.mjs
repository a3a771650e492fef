/** express-openapi-validator on the document, as its documentation shows it. */
import express from 'express';
import * as OpenApiValidator from 'express-openapi-validator';
import { apiKey, centsOf, created, document, orderOf, PATH, port, refused, sdk } from './job.mjs';

const stripe = sdk();
const app = express();

app.use(express.json());
app.use(
  OpenApiValidator.middleware({
    apiSpec: structuredClone(document),
    validateSecurity: { handlers: { apiKey: (request) => request.headers['cv-api-key'] === apiKey } },
  }),
);
app.post(PATH, async ({ body }, response) => {
  const cents = centsOf(body.amount);
  if (cents === undefined) return response.status(400).json(refused('Invalid request'));
  return response.json(created(await stripe.paymentIntents.create(orderOf(body, cents))));
});
// Express recognises an error handler by its four parameters.
app.use((error, _request, response, _next) => {
  response.status(error.status ?? 500).json({ ...refused(error.message), errors: error.errors });
});

app.listen(port, '127.0.0.1');
