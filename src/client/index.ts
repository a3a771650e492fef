import createClient from 'openapi-fetch';
import type { components, paths } from '../../generated/openapi.d.ts';
import { readProblem, type PaymentProblem } from './problems.ts';
import { sendWithRetries, type Fetch, type Outcome, type RetryLimits } from './retry.ts';

export type { components, operations, paths } from '../../generated/openapi.d.ts';
export type { ContractProblem, NoAnswer, PaymentProblem, ProblemName, UnknownAnswer } from './problems.ts';

export type PaymentIntentRequest = components['schemas']['PaymentIntentRequest'];
export type PaymentMethodType = components['schemas']['PaymentMethodType'];
export type PaymentIntent = components['schemas']['PaymentIntentCreated']['data'];

export interface PaymentsClientOptions {
  /** Where the service is: `https://…`, or the mock's `http://127.0.0.1:4010`. */
  baseUrl: string;
  /** Your secret key. It belongs on a server, never in a browser or an app. */
  apiKey: string;
  /** At most so many attempts for one call, the first included. 4 by default. */
  attempts?: number;
  /** At most so long for one attempt, in milliseconds. 15,000 by default: the service takes up to 10,000. */
  attemptMs?: number;
  /** At most so long for one call, all attempts and waits included, in milliseconds. 60,000 by default. */
  totalMs?: number;
  /** In place of the global `fetch`. */
  fetch?: Fetch;
}

export interface CallOptions {
  /**
   * Names this payment: give the same key to ask again for the same payment, say after a restart of yours. Without one, each
   * call is a payment of its own, whose retries share a random key.
   */
  idempotencyKey?: string;
  /** Ends the call; it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** For this request alone, say `Mock-Scenario`. */
  headers?: Readonly<Record<string, string>>;
}

/** What came of a call: the data, or a problem by its name. */
export type PaymentResult<Data> = ({ ok: true; data: Data } | { ok: false; problem: PaymentProblem }) & {
  /** The key under which to ask again for the same payment. */
  readonly idempotencyKey: string;
  /** How often it was asked for. */
  readonly attempts: number;
  /** The name of the last request, for questions to us. */
  readonly requestId: string | undefined;
};

export interface PaymentsClient {
  /** Creates a payment intent, once, however often it has to ask. Rejects only when `signal` ends it. */
  createPaymentIntent(payment: PaymentIntentRequest, options?: CallOptions): Promise<PaymentResult<PaymentIntent>>;
}

/**
 * A client of the payments service, by its contract. It follows no redirect: the API key goes to `baseUrl` and nowhere else.
 *
 * Throws a TypeError where `apiKey` can't be sent in a header.
 */
export function paymentsClient(options: PaymentsClientOptions): PaymentsClient {
  const { baseUrl, apiKey, attempts = 4, attemptMs = 15_000, totalMs = 60_000 } = options;
  checkApiKey(apiKey);
  const fetch = options.fetch ?? ((request: Request) => globalThis.fetch(request));
  return {
    async createPaymentIntent(payment, { idempotencyKey = crypto.randomUUID(), signal, headers = {} } = {}) {
      let outcome: Outcome | undefined;
      const client = createClient<paths>({
        baseUrl,
        headers: { 'cv-api-key': apiKey },
        fetch: async (request) => {
          outcome = await sendWithRetries(request, fetch, { attempts, attemptMs, totalMs } satisfies RetryLimits);
          // What failed is told of below. For openapi-fetch it is an answer like any other.
          return 'response' in outcome ? new Response(outcome.text || null, outcome.response) : Response.error();
        },
      });
      const { data } = await client.POST('/api/v1/payments/intent', {
        params: { header: { 'Idempotency-Key': idempotencyKey } },
        headers,
        body: payment,
        ...(signal && { signal }),
      });
      return readResult(outcome!, idempotencyKey, data?.data);
    },
  };
}

/** What fetch throws later, at each call, quotes the key. */
function checkApiKey(apiKey: string): void {
  try {
    new Headers().set('cv-api-key', apiKey);
  } catch {
    throw new TypeError('apiKey: expected characters that a header can hold, without line breaks');
  }
}

function readResult<Data>(outcome: Outcome, idempotencyKey: string, data: Data | undefined): PaymentResult<Data> {
  const { attempts } = outcome;
  if ('cause' in outcome) {
    const problem = { name: 'noAnswer', status: undefined, body: undefined, cause: outcome.cause } as const;
    return { ok: false, problem, idempotencyKey, attempts, requestId: undefined };
  }
  const { response, text } = outcome;
  const call = { idempotencyKey, attempts, requestId: response.headers.get('x-request-id') ?? undefined };
  return data === undefined
    ? { ok: false, problem: readProblem(response.status, text), ...call }
    : { ok: true, data, ...call };
}
