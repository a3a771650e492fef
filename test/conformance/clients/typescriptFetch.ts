import { sendAll, type Call } from './calls';
import { Configuration, FailureFromJSON, InvalidApiKeyFromJSON, PaymentsApi, ResponseError } from './payments';

void sendAll(async (call) => {
  const api = new PaymentsApi(new Configuration({ basePath: call.url, apiKey: call.apiKey }));
  try {
    return { status: 200, errorCode: null, text: await secretOf(call, api) };
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    const { status, headers } = error.response;
    const body: unknown = await error.response.json();
    const message = status === 401 ? InvalidApiKeyFromJSON(body).error : FailureFromJSON(body).message;
    return { status, errorCode: headers.get('X-Error-Code'), text: message };
  }
});

async function secretOf(call: Call, api: PaymentsApi): Promise<string> {
  const { idempotencyKey, amount, paymentMethodTypes, metadata } = call;
  if (call.operationId === 'createSetupIntent') {
    return (await api.createSetupIntent({ idempotencyKey, setupIntentRequest: metadata && { metadata } }))
      .paymentSecret;
  }
  const types = paymentMethodTypes && new Set(paymentMethodTypes);
  const paymentIntentRequest = { amount: amount!, paymentMethodTypes: types, metadata };
  return (await api.createPaymentIntent({ idempotencyKey, paymentIntentRequest })).data.paymentIntentSecret;
}
