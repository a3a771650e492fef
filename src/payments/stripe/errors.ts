import type { FaultDetails, GatewayFault } from '../gateway.ts';
import type { ResponseHeaders, TransportErrorKind } from './httpClient.ts';

/** How an attempt ended without the intent. What Stripe sent is as it came: see loggable() before it goes anywhere. */
export interface Failure {
  outcome: FailedOutcome;
  /** Ours, fit for a log. */
  reason: string;
  statusCode?: number | undefined;
  type?: string | undefined;
  code?: string | undefined;
  param?: string | undefined;
  headers: ResponseHeaders;
}

export type FailedOutcome =
  /** An error in the API's form that names our idempotency key. */
  | 'refused'
  /** An error in the API's form that names no key. It may be about another request: Stripe names the key it was sent. */
  | 'unattributed'
  /** A success that is not this order's, or a response to another key. An alarm: connections or Stripe mix up customers. */
  | 'mismatched'
  /** The request could not be written at all. */
  | 'unsent'
  | TransportErrorKind;

const FAULT_BY_CODE = new Map<string | undefined, GatewayFault>([
  ['amount_too_small', 'amountTooSmall'],
  ['amount_too_large', 'amountTooLarge'],
  ['payment_method_unactivated', 'methodTypesRefused'],
  ['payment_method_unsupported_type', 'methodTypesRefused'],
]);

const FAULT_BY_PARAM = new Map<string | undefined, GatewayFault>([
  ['allowed_payment_method_types', 'methodTypesRefused'],
  ['payment_method_types', 'methodTypesRefused'],
  ['metadata', 'metadataRefused'],
]);

type Decisive = Pick<Failure, 'outcome' | 'statusCode' | 'type' | 'code' | 'param'>;

/**
 * The one translation from Stripe's failures into ours. Decides on status, type, code and parameter, never on text.
 *
 * Source: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-codes
 */
export function classifyFailure({ outcome, ...response }: Decisive): GatewayFault {
  switch (outcome) {
    case 'unreachable':
    case 'timeout':
    case 'cut':
      return 'unavailable';
    case 'mismatched':
    case 'unsent':
      return 'broken';
    case 'unattributed':
      // Only Stripe's refusal of our secret key is final without naming our idempotency key: it comes before that is read.
      return response.statusCode === 401 || response.statusCode === 403 ? 'broken' : 'unavailable';
    // What is no answer of the API still has a status: a proxy's 502 in HTML, a 200 with a login page.
    case 'unusable':
    case 'refused':
      return classifyResponse(response);
    default:
      return outcome satisfies never;
  }
}

function classifyResponse({ statusCode = 0, type, code, param }: Omit<Decisive, 'outcome'>): GatewayFault {
  if (statusCode === 429 || statusCode >= 500) return 'unavailable';
  if (code === 'lock_timeout' || code === 'rate_limit') return 'unavailable';
  // Before the type: Stripe gives these two the type idempotency_error as well.
  if (statusCode === 409 || code === 'idempotency_key_in_use') return 'keyInUse';
  // A wrong key of ours, a missing right, a redirect (Stripe has none: then baseUrl is no Stripe), a success of no use.
  if (statusCode !== 400) return 'broken';
  if (type === 'idempotency_error') return 'keyReused';
  return FAULT_BY_CODE.get(code) ?? FAULT_BY_PARAM.get(readParameterName(param)) ?? 'broken';
}

/** Whether the same request, sent again under its key, may end better. */
export function isWorthRepeating(failure: Failure): boolean {
  switch (failure.outcome) {
    case 'unsent':
      return false;
    // Whatever their headers said, what they were about never arrived. Stripe sends it again under the same key.
    case 'unreachable':
    case 'timeout':
    case 'cut':
    case 'mismatched':
      return true;
    case 'unusable':
      return !isRedirect(failure);
    case 'refused':
      return isTemporaryRefusal(failure);
    case 'unattributed':
      // Whatever it says may be said to somebody else, but for a 429: asking for less concerns all of us.
      return failure.statusCode !== 429 || isTemporaryRefusal(failure);
    default:
      return failure.outcome satisfies never;
  }
}

/**
 * Whether the connection may be one response behind: then none of those open now may serve the retry, or anybody else.
 *
 * An overloaded Stripe, or its edge, may send a 429 or a 5xx without our key: new connections would add to its load.
 */
export function isOutOfStep({ outcome, statusCode = 0 }: Pick<Failure, 'outcome' | 'statusCode'>): boolean {
  return outcome === 'mismatched' || (outcome === 'unattributed' && statusCode !== 429 && statusCode < 500);
}

function isRedirect({ statusCode = 0 }: Failure): boolean {
  return statusCode >= 300 && statusCode < 400;
}

/** Stripe's own word goes first. A plain 429 is not repeated: it asks for less. */
function isTemporaryRefusal({ statusCode = 0, code, headers }: Failure): boolean {
  const shouldRetry = headers['stripe-should-retry'];
  if (shouldRetry === 'true' || shouldRetry === 'false') return shouldRetry === 'true';
  return statusCode === 409 || statusCode >= 500 || code === 'lock_timeout' || code === 'idempotency_key_in_use';
}

/** What may be logged. A parameter's own key is the caller's (`metadata[jane@example.com]`), so only its name stays. */
export function logFields({ statusCode, type, code, param, headers }: Failure): FaultDetails {
  const details = {
    statusCode,
    type: safeIdentifier(type),
    code: safeIdentifier(code),
    param: safeIdentifier(readParameterName(param)),
    requestId: safeIdentifier(headers['request-id']),
    replayed: headers['idempotent-replayed'] === 'true' || undefined,
  };
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined));
}

/** The value if it is a plain identifier; anything else could hold whatever somebody put there. */
export function safeIdentifier(value: string | undefined): string | undefined {
  return value !== undefined && /^[\w.-]{1,100}$/.test(value) ? value : undefined;
}

/** allowed_payment_method_types[0] → allowed_payment_method_types */
function readParameterName(param: string | undefined): string | undefined {
  return param?.split('[', 1)[0];
}
