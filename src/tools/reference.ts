/** `make reference TENANT=acme KEY=…`: how to find in Stripe what a request with that Idempotency-Key has created. */
import document from '../../generated/openapi.json' with { type: 'json' };
import { intentReference, parseClientKey, providerKey } from '../payments/idempotency.ts';
import { REFERENCE_KEYS } from '../payments/stripe/intents.ts';

// Both come in the environment: on a command line, everybody on the machine could read the key.
const { TENANT: tenant = '', KEY: key = '' } = process.env;
const { pattern } = document.components.parameters.IdempotencyKey.schema;
if (tenant === '' || !new RegExp(pattern).test(key)) {
  console.error(`usage: make reference TENANT=name, with the request's Idempotency-Key, bare or quoted, in KEY

KEY=… may stand in the environment. Without a key of the client's, take the reference from the log: cv_reference.`);
  process.exit(2);
}

const operationIds = Object.values(document.paths).flatMap((methods) =>
  Object.values(methods).map(({ operationId }) => operationId),
);
for (const operationId of operationIds) {
  const reference = intentReference(providerKey(tenant, operationId, parseClientKey(key)));
  // The second name is used where the caller's own metadata has the first.
  const query = REFERENCE_KEYS.map((name) => `metadata['${name}']:'${reference}'`).join(' OR ');
  console.log(`${operationId}
  in our log:  cv_reference ${reference}
  in Stripe:   ${query}`);
}
