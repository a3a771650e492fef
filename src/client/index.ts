import type { components, paths } from '../../generated/openapi.d.ts';
import type { Fetch } from './attempt.ts';
import type { PaymentProblem } from './problems.ts';
import { sendWithRetries, type AttemptReport, type RetryLimits } from './retry.ts';

export type { components, operations, paths } from '../../generated/openapi.d.ts';
export type { ContractProblem, NoResponse, PaymentProblem, ProblemName, UnknownResponse } from './problems.ts';
export type { AttemptReport } from './retry.ts';

type PaymentIntentCreated = components['schemas']['PaymentIntentCreated'];
type SetupIntentCreated = components['schemas']['SetupIntentCreated'];

export type PaymentIntentRequest = components['schemas']['PaymentIntentRequest'];
export type PaymentMethodType = components['schemas']['PaymentMethodType'];
/** `paymentIntentId` (`pi_…`) is the part of the secret that may be stored and logged. */
export type PaymentIntent = PaymentIntentCreated['data'] & { readonly paymentIntentId: string };
export type SetupIntentRequest = components['schemas']['SetupIntentRequest'];
/** `setupIntentId` (`seti_…`) is the part of the secret that may be stored and logged. */
export type SetupIntent = Pick<SetupIntentCreated, 'paymentSecret'> & { readonly setupIntentId: string };

export interface PaymentsClientOptions extends Partial<RetryLimits> {
  /** The service's URL: `https://…`, or the mock's `http://127.0.0.1:4010`. */
  baseUrl: string;
  /** Your secret key. It belongs on a server, never in a browser or an app. */
  apiKey: string;
  /** Replaces the global `fetch`. It must honour the request's `redirect: 'manual'`, or the API key follows each redirect. */
  fetch?: Fetch;
  /** Is called after each attempt, for logs and metrics. The call does not wait for it, and ignores its errors. */
  onAttempt?: (report: AttemptReport) => void | Promise<void>;
  /** Allows a browser, whose user can read the key: for the mock, with a key that is no secret. */
  dangerouslyAllowBrowser?: boolean;
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
  /**
   * Creates one payment intent, however many attempts it takes.
   *
   * Rejects if `signal` aborts it, or with a TypeError if a header of the call is invalid.
   */
  createPaymentIntent(payment: PaymentIntentRequest, options?: CallOptions): Promise<PaymentResult<PaymentIntent>>;
  /** Creates one setup intent, to save a payment method. Retries and rejects like `createPaymentIntent`. */
  createSetupIntent(setup?: SetupIntentRequest, options?: CallOptions): Promise<PaymentResult<SetupIntent>>;
}

/**
 * A client of the payments service. It follows no redirects, so that the API key is sent to `baseUrl` only.
 *
 * Throws a TypeError if an option is invalid, or in a browser without `dangerouslyAllowBrowser`. No error quotes a secret.
 */
export function paymentsClient(options: PaymentsClientOptions): PaymentsClient {
  const { apiKey, onAttempt, attempts = 4, attemptMs = 15_000, totalMs = 60_000 } = options;
  const fetch = options.fetch ?? ((request: Request) => globalThis.fetch(request));
  const baseUrl = parseBaseUrl(options.baseUrl);
  if (!createHeaders({ apiKey: apiKey ?? '' }).get('apiKey')) throw new TypeError('apiKey: missing');
  if ('document' in globalThis && !options.dangerouslyAllowBrowser) {
    throw new TypeError(
      'apiKey: a browser would show it to its user. Call the service from your server, or, with a key of the mock, set dangerouslyAllowBrowser',
    );
  }

  async function post<Data>(
    path: keyof paths,
    body: { idempotencyKey?: string },
    { idempotencyKey = body.idempotencyKey ?? createKey(), signal, headers }: CallOptions,
    readData: (body: unknown) => Data | undefined,
  ): Promise<PaymentResult<Data>> {
    const request = new Request(`${baseUrl}${path}`, {
      method: 'POST',
      headers: createHeaders({
        'Content-Type': 'application/json',
        ...headers,
        'cv-api-key': apiKey,
        'Idempotency-Key': idempotencyKey,
      }),
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
    const limits = { attempts, attemptMs, totalMs };
    const { response, ...outcome } = await sendWithRetries({ request, fetch, readData }, limits, onAttempt);
    const requestId = response?.headers.get('x-request-id') ?? undefined;
    return { ok: 'data' in outcome, ...outcome, idempotencyKey, requestId } as PaymentResult<Data>;
  }

  return {
    createPaymentIntent: (payment, callOptions = {}) =>
      post('/api/v1/payments/intent', payment, callOptions, (body) => {
        const { data } = (body ?? {}) as Partial<PaymentIntentCreated>;
        return readSecret(data?.paymentIntentSecret, (secret, id) => ({
          paymentIntentSecret: secret,
          paymentIntentId: id,
        }));
      }),
    createSetupIntent: (setup = {}, callOptions = {}) =>
      post('/api/v1/payments/setup', setup, callOptions, (body) => {
        const { paymentSecret } = (body ?? {}) as Partial<SetupIntentCreated>;
        return readSecret(paymentSecret, (secret, id) => ({ paymentSecret: secret, setupIntentId: id }));
      }),
  };
}

/** Checked here, because fetch refuses a URL with a password by an error that quotes it. */
function parseBaseUrl(baseUrl: string): string {
  try {
    const { protocol, username, password, search, hash, origin, pathname } = new URL(baseUrl);
    const isPlain = `${username}${password}${search}${hash}` === '';
    if (isPlain && ['http:', 'https:'].includes(protocol)) return `${origin}${pathname}`.replace(/\/$/, '');
  } catch {
    // Reported below.
  }
  throw new TypeError('baseUrl: expected https://host/path, or http, without user name, password, query or fragment');
}

/** Throws a TypeError if a value can't be sent in a header: an error of the platform would quote it. */
function createHeaders(values: Readonly<Record<string, string>>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(values)) {
    try {
      headers.set(name, value);
    } catch {
      throw new TypeError(`${name}: expected characters that a header can hold, without line breaks`);
    }
  }
  return headers;
}

/** 128 random bits. Not crypto.randomUUID, which browsers have on https pages only. */
function createKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Creates data of a client secret and its id: `pi_1_secret_2`, `pi_1`. Undefined for anything that is no secret. */
function readSecret<Data>(secret: unknown, createData: (secret: string, id: string) => Data): Data | undefined {
  if (typeof secret !== 'string') return undefined;
  const [, id] = /^(\w+?)_secret_\w/.exec(secret) ?? [];
  return id === undefined ? undefined : createData(secret, id);
}
