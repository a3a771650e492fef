import { sendAll, type Call } from './calls';
import { createPaymentIntent, createSetupIntent, type Failure, type InvalidApiKey } from './payments';
import { createClient } from './payments/client';

void sendAll(async (call) => {
  const { data, error, response } = await send(call);
  if (!response) throw error;
  const text = data ?? (error && messageOf(error));
  return { status: response.status, errorCode: response.headers.get('X-Error-Code'), text: text! };
});

async function send({ operationId, url, apiKey, idempotencyKey, amount, paymentMethodTypes, metadata }: Call) {
  const options = {
    client: createClient({ baseUrl: url, auth: apiKey }),
    headers: idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey },
  };
  if (operationId === 'createSetupIntent') {
    const setup = await createSetupIntent({ ...options, body: metadata && { metadata } });
    return { ...setup, data: setup.data?.paymentSecret };
  }
  const payment = await createPaymentIntent({ ...options, body: { amount: amount!, paymentMethodTypes, metadata } });
  return { ...payment, data: payment.data?.data.paymentIntentSecret };
}

const messageOf = (body: Failure | InvalidApiKey) => ('error' in body ? body.error : body.message);
