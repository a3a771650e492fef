import type { FaultDetails, GatewayFault } from '../gateway.ts';
import type { ResponseHeaders, TransportErrorKind } from './httpClient.ts';

/** A failed attempt. Stripe's values are unfiltered: log only what logFields() returns. */
export interface Failure {
  outcome: FailedOutcome;
  /** Our own text, safe to log. */
  reason: string;
  statusCode?: number | undefined;
  type?: string | undefined;
  code?: string | undefined;
  param?: string | undefined;
  headers: ResponseHeaders;
}

export type FailedOutcome =
  /** A Stripe error that echoes our idempotency key. */
  | 'refused'
  /** A Stripe error without an idempotency key. Stripe echoes the key, so the error may belong to another request. */
  | 'unattributed'
  /** A success for another order, or a response to another key. An alarm: connections or Stripe mix up customers. */
  | 'mismatched'
  /** The request could not be sent. */
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

type ClassifiedFields = Pick<Failure, 'outcome' | 'statusCode' | 'type' | 'code' | 'param'>;

/**
 * Maps Stripe's failures to ours: by status, type, code and parameter, never by message.
 *
 * Source: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-codes
 */
export function classifyFailure({ outcome, ...response }: ClassifiedFields): GatewayFault {
  switch (outcome) {
    case 'unreachable':
    case 'timeout':
    case 'cut':
      return 'unavailable';
    case 'mismatched':
    case 'unsent':
      return 'broken';
    case 'unattributed':
      // Stripe rejects a secret key before it reads the idempotency key, so this error is final without an echo.
      return response.statusCode === 401 || response.statusCode === 403 ? 'broken' : 'unavailable';
    // Responses that do not come from the API have a status too: a proxy's 502 in HTML, a 200 with a login page.
    case 'unusable':
    case 'refused':
      return classifyResponse(response);
    default:
      return outcome satisfies never;
  }
}

function classifyResponse({ statusCode = 0, type, code, param }: Omit<ClassifiedFields, 'outcome'>): GatewayFault {
  if (statusCode === 429 || statusCode >= 500) return 'unavailable';
  if (code === 'lock_timeout' || code === 'rate_limit') return 'unavailable';
  // Checked before the type, because Stripe also gives these two the type idempotency_error.
  if (statusCode === 409 || code === 'idempotency_key_in_use') return 'keyInUse';
  // Our key is wrong or lacks a permission, or a redirect (Stripe has none: baseUrl is wrong), or an unusable success.
  if (statusCode !== 400) return 'broken';
  if (type === 'idempotency_error') return 'keyReused';
  return FAULT_BY_CODE.get(code) ?? FAULT_BY_PARAM.get(readParameterName(param)) ?? 'broken';
}

/** Whether a retry with the same idempotency key may succeed. */
export function isRetriable(failure: Failure): boolean {
  switch (failure.outcome) {
    case 'unsent':
      return false;
    // The result never arrived, whatever the headers said. Stripe replays it for the same key.
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
      // The response may belong to another request. A 429 applies to all requests.
      return failure.statusCode !== 429 || isTemporaryRefusal(failure);
    default:
      return failure.outcome satisfies never;
  }
}

/**
 * Whether the connection may be one response behind: then no connection that is open now may serve another request.
 *
 * An overloaded Stripe, or its edge, may send a 429 or a 5xx without our key: new connections would add to its load.
 */
export function isOutOfSync({ outcome, statusCode = 0 }: Pick<Failure, 'outcome' | 'statusCode'>): boolean {
  return outcome === 'mismatched' || (outcome === 'unattributed' && statusCode !== 429 && statusCode < 500);
}

const isRedirect = ({ statusCode = 0 }: Failure): boolean => statusCode >= 300 && statusCode < 400;

/** Stripe-Should-Retry decides. Without it, a 429 for rate is not retried. */
function isTemporaryRefusal({ statusCode = 0, code, headers }: Failure): boolean {
  const shouldRetry = headers['stripe-should-retry'];
  if (shouldRetry === 'true' || shouldRetry === 'false') return shouldRetry === 'true';
  return statusCode === 409 || statusCode >= 500 || code === 'lock_timeout' || code === 'idempotency_key_in_use';
}

/** Fields safe to log. The key of a parameter is the caller's data (`metadata[jane@example.com]`): only the name is kept. */
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

/** The value if it is a plain identifier. Other text could contain customer data. */
export function safeIdentifier(value: string | undefined): string | undefined {
  return value !== undefined && /^[\w.-]{1,100}$/.test(value) ? value : undefined;
}

/** allowed_payment_method_types[0] → allowed_payment_method_types */
const readParameterName = (param: string | undefined): string | undefined => param?.split('[', 1)[0];
