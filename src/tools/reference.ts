/** `make reference TENANT=acme KEY=…`: prints how to find the intent of a request at Stripe, by its Idempotency-Key. */
import document from '../../generated/openapi.json' with { type: 'json' };
import { dereference, readOperations } from '../contract/document.ts';
import { parseClientKey } from '../contract/idempotencyKey.ts';
import { intentReference, providerKey } from '../payments/idempotency.ts';
import { REFERENCE_KEYS } from '../payments/stripe/intents.ts';

// Read from the environment, because anyone on the machine can read a command line.
const { TENANT: tenant = '', KEY: key = '' } = process.env;
const { pattern } = document.components.parameters.IdempotencyKey.schema;
if (tenant === '' || !new RegExp(pattern).test(key)) {
  console.error(`usage: make reference TENANT=name, with the request's Idempotency-Key, bare or quoted, in KEY

KEY may be set in the environment. If the client sent no key, take the reference from the log: cv_reference.`);
  process.exit(2);
}

for (const { id: operationId } of readOperations(dereference(document))) {
  const reference = intentReference(providerKey(tenant, operationId, parseClientKey(key)));
  // The second key is used if the caller's metadata contains the first.
  const query = REFERENCE_KEYS.map((name) => `metadata['${name}']:'${reference}'`).join(' OR ');
  console.log(`${operationId}
  in our log:  cv_reference ${reference}
  in Stripe:   ${query}`);
}
