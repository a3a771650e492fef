import { sendAll, type Call } from './calls';
import { createPaymentIntent, createSetupIntent } from './payments';

// Its functions send to a path; the address is its caller's to add.
const { fetch } = globalThis;

void sendAll(async (call) => {
  globalThis.fetch = (path, options) => fetch(`${call.url}${String(path)}`, options);
  const response = await send(call);
  return { status: response.status, errorCode: response.headers.get('X-Error-Code'), text: textOf(response) };
});

function send({ operationId, apiKey, idempotencyKey, amount, paymentMethodTypes, metadata }: Call) {
  const headers = { 'cv-api-key': apiKey, ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }) };
  return operationId === 'createSetupIntent'
    ? createSetupIntent(metadata && { metadata }, { headers })
    : createPaymentIntent({ amount: amount!, paymentMethodTypes, metadata }, { headers });
}

function textOf(response: Awaited<ReturnType<typeof send>>): string {
  if (response.status === 401) return response.data.error;
  if (response.status !== 200) return response.data.message;
  return 'paymentSecret' in response.data ? response.data.paymentSecret : response.data.data.paymentIntentSecret;
}
