import createClient, { type Client } from 'openapi-fetch';
import type { components, paths } from '../../generated/openapi.d.ts';
import { readProblem, type PaymentProblem } from './problems.ts';
import { sendWithRetries, type Fetch, type Outcome, type RetryLimits } from './retry.ts';

export type { components, operations, paths } from '../../generated/openapi.d.ts';
export type { ContractProblem, NoResponse, PaymentProblem, ProblemName, UnknownResponse } from './problems.ts';

export type PaymentIntentRequest = components['schemas']['PaymentIntentRequest'];
export type PaymentMethodType = components['schemas']['PaymentMethodType'];
export type PaymentIntent = components['schemas']['PaymentIntentCreated']['data'];
export type SetupIntentRequest = components['schemas']['SetupIntentRequest'];
export type SetupIntent = Pick<components['schemas']['SetupIntentCreated'], 'paymentSecret'>;

export interface PaymentsClientOptions extends Partial<RetryLimits> {
  /** The service's URL: `https://…`, or the mock's `http://127.0.0.1:4010`. */
  baseUrl: string;
  /** Your secret key. It belongs on a server, never in a browser or an app. */
  apiKey: string;
  /** Replaces the global `fetch`. */
  fetch?: Fetch;
}

export interface CallOptions {
  /**
   * Identifies this payment or setup. Use the same key to request the same one again, for example after your process restarted.
   * Default: the request's `idempotencyKey`, or a random key, shared by the retries of this call only.
   */
  idempotencyKey?: string;
  /** Aborts the call, which then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Headers of this request, for example `Mock-Scenario`. */
  headers?: Readonly<Record<string, string>>;
}

/** The result of a call: the data, or a named problem. */
export type PaymentResult<Data> = ({ ok: true; data: Data } | { ok: false; problem: PaymentProblem }) & {
  /** The key with which to request the same payment or setup again. */
  readonly idempotencyKey: string;
  /** The number of attempts made. */
  readonly attempts: number;
  /** The `X-Request-Id` of the last response, for support. */
  readonly requestId: string | undefined;
};

export interface PaymentsClient {
  /** Creates one payment intent, however many attempts it takes. Rejects only if `signal` aborts it. */
  createPaymentIntent(payment: PaymentIntentRequest, options?: CallOptions): Promise<PaymentResult<PaymentIntent>>;
  /** Creates one setup intent, to save a payment method. Retries and rejects like `createPaymentIntent`. */
  createSetupIntent(setup?: SetupIntentRequest, options?: CallOptions): Promise<PaymentResult<SetupIntent>>;
}

/**
 * A client of the payments service. It follows no redirects, so that the API key is sent to `baseUrl` only.
 *
 * Throws a TypeError if `apiKey` can't be sent in a header.
 */
export function paymentsClient(options: PaymentsClientOptions): PaymentsClient {
  const { baseUrl, apiKey, attempts = 4, attemptMs = 15_000, totalMs = 60_000 } = options;
  checkApiKey(apiKey);
  const fetch = options.fetch ?? ((request: Request) => globalThis.fetch(request));

  /** Sends a request with `post`, which returns the data of a success. */
  async function call<Data>(
    body: { idempotencyKey?: string },
    { idempotencyKey = body.idempotencyKey ?? crypto.randomUUID(), signal, headers = {} }: CallOptions,
    post: (client: Client<paths>, init: RequestInit) => Promise<Data | undefined>,
  ): Promise<PaymentResult<Data>> {
    let outcome: Outcome | undefined;
    const client = createClient<paths>({
      baseUrl,
      headers: { 'cv-api-key': apiKey },
      fetch: async (request) => {
        outcome = await sendWithRetries(request, fetch, { attempts, attemptMs, totalMs } satisfies RetryLimits);
        // readResult handles failures; openapi-fetch just needs a response.
        return 'response' in outcome ? new Response(outcome.text || null, outcome.response) : Response.error();
      },
    });
    const params = { header: { 'Idempotency-Key': idempotencyKey } };
    const data = await post(client, { params, headers, ...(signal && { signal }) });
    return readResult(outcome!, idempotencyKey, data);
  }

  return {
    createPaymentIntent: (payment, callOptions = {}) =>
      call(payment, callOptions, async (client, init) => {
        const { data } = await client.POST('/api/v1/payments/intent', { ...init, body: payment });
        return data?.data;
      }),
    createSetupIntent: (setup = {}, callOptions = {}) =>
      call(setup, callOptions, async (client, init) => {
        const { data } = await client.POST('/api/v1/payments/setup', { ...init, body: setup });
        return data?.paymentSecret === undefined ? undefined : { paymentSecret: data.paymentSecret };
      }),
  };
}

interface RequestInit {
  params: { header: { 'Idempotency-Key': string } };
  headers: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** Checked here, because fetch would throw an error that quotes the key. */
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
    const problem = { name: 'noResponse', status: undefined, body: undefined, cause: outcome.cause } as const;
    return { ok: false, problem, idempotencyKey, attempts, requestId: undefined };
  }
  const { response, text } = outcome;
  const call = { idempotencyKey, attempts, requestId: response.headers.get('x-request-id') ?? undefined };
  return data === undefined
    ? { ok: false, problem: readProblem(response, text), ...call }
    : { ok: true, data, ...call };
}
