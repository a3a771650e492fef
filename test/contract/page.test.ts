/** The responses on the published page, byte for byte, from the live server and from the mock. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { send } from '../support/exchange.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { maskSecret } from './judge.ts';

/** The examples of the page. Parsed as JSON, they keep the order of their fields. */
const PAGE = {
  success: `{
"status": 200,
"success": true,
"message": "Payment intent created successfully",
"data": {
"paymentIntentSecret": "pi_3SG0o8GkkQS2eXzh0BKpSaq0_secret_CBrwqmT726jzfcnvCt0qBcS9e"
}
}`,
  missingRequiredParameters: `{
"success": false,
"message": "Amount is required"
}`,
  invalidAmount: `{
"success": false,
"message": "Amount must be a positive number"
}`,
  invalidPaymentMethodTypes: `{
"success": false,
"message": "Invalid payment method types"
}`,
  unauthorized: `{
"status": 401,
"error": "Invalid API key"
}`,
  internalServerError: `{
"success": false,
"message": "Internal server error"
}`,
};

const compact = (example: keyof typeof PAGE) => maskSecret(JSON.stringify(JSON.parse(PAGE[example])));

const validBody = { amount: 100, paymentMethodTypes: ['affirm', 'klarna', 'card'] };

async function post({ baseUrl, apiKey }: Target, body: object = validBody, headers: Record<string, string> = {}) {
  const all = { Host: 'page.test', 'cv-api-key': apiKey, 'Content-Type': 'application/json', ...headers };
  const { status, text } = await send(baseUrl, {
    method: 'POST',
    path: '/api/v1/payments/intent',
    headers: Object.entries(all),
    body: JSON.stringify(body),
  });
  return { status, text: maskSecret(text) };
}

const targets = { 'the live server': () => liveTarget(), 'the mock': () => mockTarget() };

describe.each(Object.entries(targets))('%s responds as the page says', (_name, start) => {
  let target: Target;
  beforeAll(async () => {
    target = await start();
  });
  afterAll(() => target.close());
  beforeEach(() => target.stripe?.reset());

  it('200 Success', async () => {
    expect(await post(target)).toEqual({ status: 200, text: compact('success') });
  });

  it('400 Missing Required Parameters', async () => {
    expect(await post(target, {})).toEqual({ status: 400, text: compact('missingRequiredParameters') });
  });

  it('400 Invalid Amount', async () => {
    expect(await post(target, { amount: -1 })).toEqual({ status: 400, text: compact('invalidAmount') });
  });

  it('400 Invalid Payment Method Types', async () => {
    const body = { ...validBody, paymentMethodTypes: ['cash'] };
    expect(await post(target, body)).toEqual({ status: 400, text: compact('invalidPaymentMethodTypes') });
  });

  it('401 Unauthorized', async () => {
    const unknown = { 'cv-api-key': '' };
    expect(await post(target, validBody, unknown)).toEqual({ status: 401, text: compact('unauthorized') });
  });

  it('500 Internal Server Error', async () => {
    // Stripe refuses the key of the live server, which ignores Prefer.
    target.stripe?.play({ kind: 'status', status: 401, type: 'invalid_request_error', effect: 'none' });
    const prefer = { Prefer: 'code=500' };
    expect(await post(target, validBody, prefer)).toEqual({ status: 500, text: compact('internalServerError') });
  });
});
