import { connect, type Socket } from 'node:net';
import { Stripe } from 'stripe';
import { vi } from 'vitest';
import type { FakeStripe } from '../../../src/fake-stripe/server.ts';

export const KEY = 'sk_test_51FakeStripe0000';

/** The real SDK, without retries and telemetry. */
export function sdk(fake: FakeStripe, key = KEY): Stripe {
  const { hostname, port } = new URL(fake.url);
  return new Stripe(key, {
    apiVersion: '2026-10-28.endive',
    host: hostname,
    port,
    protocol: 'http',
    telemetry: false,
    maxNetworkRetries: 0,
  });
}

/** Creates a payment intent with plain HTTP, without the SDK. */
export const post = (fake: FakeStripe, body = 'amount=1999&currency=usd', headers?: Record<string, string>) =>
  postTo(fake, '/v1/payment_intents', body, headers);

/** Creates an intent in the collection at the path. */
export async function postTo(
  fake: FakeStripe,
  path: string,
  body: string,
  headers: Record<string, string> = {},
  init: RequestInit = {},
): Promise<Response> {
  return fetch(fake.url + path, {
    method: 'POST',
    body,
    headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    ...init,
  });
}

/** Creates an intent, and disconnects once Stripe has the request. Rejects unless the response came first. */
export async function postAndDisconnect(
  fake: FakeStripe,
  path: string,
  body: string,
  headers?: Record<string, string>,
): Promise<string> {
  const client = new AbortController();
  const countBefore = fake.ledger.requestCount;
  const text = postTo(fake, path, body, headers, { signal: client.signal }).then(async (response) => response.text());
  await vi.waitUntil(() => fake.ledger.requests.slice(countBefore).some(({ rawBody }) => rawBody !== ''));
  client.abort();
  return text;
}

/** One TCP connection, which records every byte that it receives. */
export class Wire {
  readonly #socket: Socket;
  received = '';
  /** Resolves with the error that ended the connection, or with undefined when it was closed normally. */
  readonly ended: Promise<NodeJS.ErrnoException | undefined>;

  constructor(fake: FakeStripe) {
    this.#socket = connect(Number(new URL(fake.url).port), '127.0.0.1');
    this.#socket.setEncoding('utf8').on('data', (text: string) => {
      this.received += text;
    });
    this.ended = new Promise((resolve) => {
      this.#socket.once('error', resolve).once('close', () => {
        resolve(undefined);
      });
    });
  }

  create(path: string, body: string): this {
    const head = `POST ${path} HTTP/1.1\r\nHost: stripe\r\nAuthorization: Bearer ${KEY}\r\n`;
    const type = `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n`;
    this.#socket.write(`${head}${type}\r\n${body}`);
    return this;
  }

  /** Waits until `count` responses with status 200 have begun. */
  async responses(count: number): Promise<void> {
    await vi.waitUntil(() => this.received.split('HTTP/1.1 200 OK').length === count + 1);
  }

  close(): void {
    this.#socket.destroy();
  }
}
