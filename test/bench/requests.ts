import { API_KEY } from './processes.ts';

export const ORDER = {
  amount: 19.99,
  paymentMethodTypes: ['affirm', 'klarna', 'card'],
  metadata: { email: 'testemail@example.com', phone: '+1404567890' },
};

/** A complete HTTP request as text. */
export function createRequest(body: object, path = '/api/v1/payments/intent'): string {
  const text = JSON.stringify(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    `cv-api-key: ${API_KEY}`,
    'Content-Type: application/json',
    'User-Agent: bench',
    'Accept: */*',
    `Content-Length: ${Buffer.byteLength(text)}`,
  ];
  return `${head.join('\r\n')}\r\n\r\n${text}`;
}

/** The request of the API's page, which causes a call to Stripe. */
export const PAYMENT = createRequest(ORDER);

/** Rejected by the schema of every server with a 400; Stripe is not called. */
export const REFUSED = createRequest({ ...ORDER, amount: -1 });
