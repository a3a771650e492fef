import type { components, paths } from '../../generated/openapi.d.ts';
import { readProblem, type PaymentProblem } from './problems.ts';
import { sendWithRetries, type Fetch, type Outcome, type RetryLimits } from './retry.ts';

export type { components, operations, paths } from '../../generated/openapi.d.ts';
export type { ContractProblem, NoResponse, PaymentProblem, ProblemName, UnknownResponse } from './problems.ts';

export type PaymentIntentRequest = components['schemas']['PaymentIntentRequest'];
export type PaymentMethodType = components['schemas']['PaymentMethodType'];
export type PaymentIntent = Created['data'];
export type SetupIntentRequest = components['schemas']['SetupIntentRequest'];
export type SetupIntent = Pick<components['schemas']['SetupIntentCreated'], 'paymentSecret'>;

type Created = components['schemas']['PaymentIntentCreated'];

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

  async function post<Data>(
    path: keyof paths,
    body: { idempotencyKey?: string },
    { idempotencyKey = body.idempotencyKey ?? crypto.randomUUID(), signal, headers }: CallOptions,
    readData: (body: unknown) => Data | undefined,
  ): Promise<PaymentResult<Data>> {
    const request = new Request(`${baseUrl.replace(/\/$/, '')}${path}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'cv-api-key': apiKey,
        ...headers,
        'Idempotency-Key': idempotencyKey,
      },
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
    const outcome = await sendWithRetries(request, fetch, { attempts, attemptMs, totalMs } satisfies RetryLimits);
    return readResult(outcome, idempotencyKey, readData);
  }

  return {
    createPaymentIntent: (payment, callOptions = {}) =>
      post('/api/v1/payments/intent', payment, callOptions, (body) => (body as Partial<Created> | null)?.data),
    createSetupIntent: (setup = {}, callOptions = {}) =>
      post('/api/v1/payments/setup', setup, callOptions, (body) => {
        const { paymentSecret } = (body ?? {}) as Partial<SetupIntent>;
        return paymentSecret === undefined ? undefined : { paymentSecret };
      }),
  };
}

/** Checked here, because fetch would throw an error that quotes the key. */
function checkApiKey(apiKey: string): void {
  try {
    new Headers().set('cv-api-key', apiKey);
  } catch {
    throw new TypeError('apiKey: expected characters that a header can hold, without line breaks');
  }
}

function readResult<Data>(
  outcome: Outcome,
  idempotencyKey: string,
  readData: (body: unknown) => Data | undefined,
): PaymentResult<Data> {
  const { attempts } = outcome;
  if ('cause' in outcome) {
    const problem = { name: 'noResponse', status: undefined, body: undefined, cause: outcome.cause } as const;
    return { ok: false, problem, idempotencyKey, attempts, requestId: undefined };
  }
  const { response, text } = outcome;
  const call = { idempotencyKey, attempts, requestId: response.headers.get('x-request-id') ?? undefined };
  const data = response.ok ? readData(JSON.parse(text)) : undefined;
  return data === undefined
    ? { ok: false, problem: readProblem(response, text), ...call }
    : { ok: true, data, ...call };
}
