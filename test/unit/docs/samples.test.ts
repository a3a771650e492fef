import { expect, it } from 'vitest';
import { readReference } from '../../../src/docs/reference.ts';
import { requestSamples } from '../../../src/docs/samples.ts';

const operationWith = (parameters: readonly object[]) =>
  readReference({
    info: { title: 'Payments' },
    security: [{ apiKey: [] }],
    paths: { '/intent': { post: { operationId: 'createPaymentIntent', parameters } } },
    components: { securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'cv-api-key' } } },
  }).operations[0]!;

const target = { baseUrl: 'http://127.0.0.1:1', apiKey: 'any_key' };
const idempotent = operationWith([{ name: 'Idempotency-Key', in: 'header' }]);
const sample = (language: string, body: unknown, operation = idempotent) =>
  requestSamples(operation, body, target).find((each) => each.language === language)!.code;

const body = {
  amount: 100,
  paymentMethodTypes: ['card'],
  metadata: { email: 'a@b.test', orderId: 'a long one, 1047' },
};

it('the client comes first', () => {
  expect(requestSamples(idempotent, {}, target).map(({ label }) => label)).toEqual([
    'Client',
    'cURL',
    'JavaScript',
    'Python',
  ]);
});

it('calls the method of the client that is named like the operation', () => {
  expect(sample('client', body)).toBe(`import { paymentsClient } from '@carevalidate/payments-client';

const payments = paymentsClient({
  baseUrl: 'http://127.0.0.1:1',
  apiKey: 'any_key',
});
const result = await payments.createPaymentIntent({
  amount: 100,
  paymentMethodTypes: ['card'],
  metadata: {
    email: 'a@b.test',
    orderId: 'a long one, 1047',
  },
}, {
  idempotencyKey: crypto.randomUUID(),
});
if (result.ok) console.log(result.data);
else console.log(result.problem.name, result.problem.body);`);
});

it('is a curl command', () => {
  expect(sample('curl', { amount: 1, metadata: { name: "O'Neil" } }))
    .toBe(String.raw`curl -X POST 'http://127.0.0.1:1/intent' \
  -H 'cv-api-key: any_key' \
  -H 'Content-Type: application/json' \
  -H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)" \
  -d '{
  "amount": 1,
  "metadata": { "name": "O'\''Neil" }
}'`);
});

it('is a fetch in JavaScript', () => {
  expect(sample('javascript', { amount: 1.15 })).toBe(`const response = await fetch('http://127.0.0.1:1/intent', {
  method: 'POST',
  headers: {
    'cv-api-key': 'any_key',
    'Content-Type': 'application/json',
    'Idempotency-Key': crypto.randomUUID(),
  },
  body: JSON.stringify({ amount: 1.15 }),
});
console.log(response.status, await response.json());`);
});

it('is a request in Python', () => {
  expect(sample('python', body)).toBe(`import uuid

import requests

response = requests.post(
    "http://127.0.0.1:1/intent",
    headers={
        "cv-api-key": "any_key",
        "Idempotency-Key": str(uuid.uuid4()),
    },
    json={
        "amount": 100,
        "paymentMethodTypes": ["card"],
        "metadata": {
            "email": "a@b.test",
            "orderId": "a long one, 1047",
        },
    },
)
print(response.status_code, response.json())`);
});

it('writes each kind of value as the language does', () => {
  const values = { 'order-id': "it's", empty: {}, none: [], flags: [true, false, null] };
  expect(sample('client', values)).toContain(`{
  'order-id': "it's",
  empty: {},
  none: [],
  flags: [true, false, null],
}`);
  expect(sample('python', values)).toContain('"flags": [True, False, None],');
});

it('has no idempotency key where the operation takes none', () => {
  const code = requestSamples(operationWith([]), {}, target).map((each) => each.code);
  expect(code.slice(1).filter((each) => each.includes('Idempotency-Key'))).toEqual([]);
});
