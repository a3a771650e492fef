import { setTimeout as sleep } from 'node:timers/promises';
import { Stripe } from 'stripe';
import { callSpan } from '../../observability/tracing.ts';
import { GatewayError, type CreatedIntent, type Order, type PaymentGateway } from '../gateway.ts';
import type { StripeCall } from './call.ts';
import {
  classifyFailure,
  isOutOfSync,
  isRetriable,
  logFields,
  safeIdentifier,
  type FailedOutcome,
  type Failure,
} from './errors.ts';
import { TransportError, stripeHttpClient, type ResponseHeaders } from './httpClient.ts';
import { paymentIntentCall } from './paymentIntents.ts';
import { setupIntentCall } from './setupIntents.ts';

/** Pinned, because an SDK update would change the default, and with it what a retry across a deploy sends and gets. */
const API_VERSION = '2026-10-28.endive';

const MAX_ATTEMPTS = 3;

/** With less time left, another attempt would add load and rarely succeed. */
const MIN_ATTEMPT_MS = 250;

/** Before the second attempt; doubled before the third. Random, so that callers do not retry in lockstep. */
const PAUSE_MS = { from: 300, to: 500 };

/** The longest Retry-After passed on to a caller. */
const MAX_RETRY_AFTER_SECONDS = 60;

export interface StripeGatewayOptions {
  secretKey: string;
  /** Scheme, host and port of Stripe. Default: https://api.stripe.com. */
  baseUrl?: URL;
  /** For one order, including all attempts and pauses. */
  deadlineMs?: number;
  /** For one attempt, including connecting and the whole response. Above Stripe's slow tail: a retry must not collide with it. */
  attemptTimeoutMs?: number;
  connectTimeoutMs?: number;
  /** Called after each attempt, for metrics and logs. Must not throw. */
  onAttempt?: (attempt: Attempt) => void;
}

export interface Attempt {
  /** The name of the call, such as `paymentIntents.create`. */
  call: string;
  outcome: 'created' | FailedOutcome;
  durationMs: number;
  statusCode: number | undefined;
  /** Stripe's `Request-Id`. */
  requestId: string | undefined;
}

/** What the response to every call has. */
type Common = Pick<CreatedIntent, 'replayed' | 'requestId'>;

type Result<Created> =
  | { outcome: 'created'; statusCode: number; headers: ResponseHeaders; created: Created & Common }
  | Failure;

/**
 * Payments by Stripe.
 *
 * Each call makes at most three attempts, with the same idempotency key and parameters, within one deadline. Only a response that
 * provably belongs to this order counts, as success or as error: until one arrives, the outcome is unknown.
 */
export function stripeGateway({
  secretKey,
  baseUrl = new URL('https://api.stripe.com'),
  deadlineMs = 10_000,
  attemptTimeoutMs = 6_000,
  connectTimeoutMs = 1_000,
  onAttempt = () => {},
}: StripeGatewayOptions): PaymentGateway {
  const http = stripeHttpClient({ connectTimeoutMs });
  const stripe = stripeSdk(secretKey, baseUrl, http);
  const closing = new AbortController();

  async function run<Resource, Created>(
    { idempotencyKey }: Order,
    call: StripeCall<Resource, Created>,
  ): Promise<Created & Common> {
    checkIdempotencyKey(idempotencyKey);
    const endsAt = performance.now() + deadlineMs;
    let isInProgress = false;
    for (let attempt = 1; ; attempt++) {
      const result = await attemptOnce(call, idempotencyKey, Math.min(attemptTimeoutMs, endsAt - performance.now()));
      if (result.outcome === 'created') return result.created;

      const pauseMs = pauseAfter(attempt, result.headers);
      const isLate = performance.now() + pauseMs + MIN_ATTEMPT_MS > endsAt;
      // Our own earlier attempt holds the key. Its result is the one we want, so keep retrying until the deadline.
      const isOwnAttempt = isInProgress && classifyFailure(result) === 'keyInUse';
      if ((attempt >= MAX_ATTEMPTS && !isOwnAttempt) || isLate || closing.signal.aborted || !isRetriable(result)) {
        throw gatewayError(result, isInProgress);
      }
      isInProgress ||= mayBeInProgress(result);
      await sleep(pauseMs, undefined, { signal: closing.signal }).catch(() => {});
    }
  }

  async function attemptOnce<Resource, Created>(
    call: StripeCall<Resource, Created>,
    idempotencyKey: string,
    timeoutMs: number,
  ): Promise<Result<Created>> {
    const startedAt = performance.now();
    // For the SDK, a timeout of 0 means none. It accepts no fractions.
    const options = { idempotencyKey, timeout: Math.max(1, Math.floor(timeoutMs)) };
    const send = () =>
      withoutStacks(() => call.send(stripe, options)).then(
        (response) => readResult(response, call, idempotencyKey),
        (error: unknown) => readFailure(error, idempotencyKey),
      );
    const result = await callSpan(`Stripe ${call.name}`, send, ({ outcome }) => outcome === 'created');
    if (result.outcome !== 'created' && isOutOfSync(result)) http.renewConnections();
    const { outcome, statusCode, headers } = result;
    const requestId = safeIdentifier(headers['request-id']);
    onAttempt({ call: call.name, outcome, durationMs: performance.now() - startedAt, statusCode, requestId });
    return result;
  }

  return {
    createPaymentIntent: async (order) => run(order, paymentIntentCall(order)),
    createSetupIntent: async (order) => run(order, setupIntentCall(order)),
    async close() {
      closing.abort();
      await http.close();
    },
  };
}

function stripeSdk(secretKey: string, { protocol, hostname, port }: URL, httpClient: Stripe.HttpClient): Stripe {
  const isPlain = protocol === 'http:';
  return new Stripe(secretKey, {
    apiVersion: API_VERSION,
    httpClient,
    protocol: isPlain ? 'http' : 'https',
    host: hostname,
    port: port || (isPlain ? 80 : 443),
    // Retries are made here: the SDK's ignore Retry-After and have no deadline.
    maxNetworkRetries: 0,
    telemetry: false,
    appInfo: { name: 'payments-service' },
  });
}

/**
 * Runs without stack traces. The SDK captures one in each call, at a sixth of the cost of the whole request, for errors that
 * go no further than readFailure. Errors created later, while the call is in flight, have their stacks.
 */
function withoutStacks<Value>(begin: () => Value): Value {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return begin();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Throws for a key that the SDK would send altered, or not at all. */
function checkIdempotencyKey(key: string): void {
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new GatewayError('broken', 'idempotency key: expected 1 to 255 visible ASCII characters');
  }
}

function readResult<Resource, Created>(
  response: Stripe.Response<Resource>,
  call: StripeCall<Resource, Created>,
  idempotencyKey: string,
): Result<Created> {
  const { statusCode } = response.lastResponse;
  const headers: ResponseHeaders = response.lastResponse.headers;
  const mismatch = keyMismatchIn(headers, idempotencyKey) ?? call.mismatchIn(response, isEchoed(headers));
  if (mismatch !== undefined) return { outcome: 'mismatched', reason: mismatch, statusCode, headers };
  const created = {
    ...call.read(response),
    replayed: headers['idempotent-replayed'] === 'true',
    requestId: safeIdentifier(headers['request-id']),
  };
  return { outcome: 'created', statusCode, headers, created };
}

/** The error of an attempt as data. The SDK's error stops here: it contains headers and Stripe's messages. */
function readFailure(error: unknown, idempotencyKey: string): Failure {
  if (error instanceof Stripe.errors.StripeConnectionError && error.detail instanceof TransportError) {
    const { kind, message, statusCode, headers } = error.detail;
    return { outcome: kind, reason: message, statusCode, headers };
  }
  if (error instanceof Stripe.errors.StripeError && error.statusCode !== undefined) {
    const { statusCode, rawType: type, code, param } = error;
    const headers: ResponseHeaders = error.headers ?? {};
    const mismatch = keyMismatchIn(headers, idempotencyKey);
    if (mismatch !== undefined) return { outcome: 'mismatched', reason: mismatch, statusCode, headers };
    const refusal = { statusCode, type, code, param, headers };
    if (isEchoed(headers)) return { outcome: 'refused', reason: 'a Stripe API error', ...refusal };
    return { outcome: 'unattributed', reason: 'an error that does not echo our idempotency key', ...refusal };
  }
  return { outcome: 'unsent', reason: 'the request could not be written', headers: {} };
}

/** Whether a response echoes an idempotency key, as Stripe's do. keyMismatchIn has already excluded other keys. */
const isEchoed = (headers: ResponseHeaders): boolean => headers['idempotency-key'] !== undefined;

function keyMismatchIn(headers: ResponseHeaders, idempotencyKey: string): string | undefined {
  return (headers['idempotency-key'] ?? idempotencyKey) === idempotencyKey
    ? undefined
    : 'a response to another idempotency key';
}

/** In milliseconds: at least Stripe's Retry-After. One that is not in seconds is ignored. */
function pauseAfter(attempt: number, headers: ResponseHeaders): number {
  const pauseMs = (PAUSE_MS.from + Math.random() * (PAUSE_MS.to - PAUSE_MS.from)) * 2 ** Math.min(attempt - 1, 1);
  return Math.max(pauseMs, Number(headers['retry-after'] ?? 0) * 1000 || 0);
}

/** Whether Stripe may still be processing the failed attempt. */
const mayBeInProgress = ({ outcome }: Failure): boolean => outcome !== 'refused' && outcome !== 'unreachable';

function gatewayError(failure: Failure, isInProgress: boolean): GatewayError {
  const classified = classifyFailure(failure);
  // Our own earlier attempt holds the key. The caller, who may not have sent a key, is not at fault.
  const fault = classified === 'keyInUse' && isInProgress ? 'unavailable' : classified;
  const reason = `${failure.outcome}: ${failure.reason}`;
  return new GatewayError(fault, reason, logFields(failure), retryAfterSeconds(failure.headers));
}

/** Stripe's Retry-After, capped, because a proxy in between could send any value. */
function retryAfterSeconds({ 'retry-after': retryAfter = '' }: ResponseHeaders): number | undefined {
  return /^[1-9]\d{0,8}$/.test(retryAfter) ? Math.min(Number(retryAfter), MAX_RETRY_AFTER_SECONDS) : undefined;
}
