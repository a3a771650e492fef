/** The port to a payment provider, and its failures. Independent of HTTP, OpenAPI and Stripe. */

/**
 * Each `create…` creates one intent, or finds the one made earlier under the same idempotency key.
 *
 * They throw GatewayError, and nothing else.
 */
export interface PaymentGateway {
  /** Creates a payment intent in US dollars. */
  createPaymentIntent(order: PaymentOrder): Promise<CreatedPaymentIntent>;
  /** Creates a setup intent, with which a customer saves a payment method for later. */
  createSetupIntent(order: Order): Promise<CreatedIntent>;
  /** Closes the connections to the provider, and aborts calls in flight. */
  close(): Promise<void>;
}

/** What every call to the provider needs. */
export interface Order {
  /** The tenant whose API key was used. Concurrency is shared by tenant, and the intent's metadata holds the name. */
  tenant: string;
  metadata: Readonly<Record<string, string>>;
  /** Equal for a request and its retries, different for any two others. ASCII, up to 255 characters. */
  idempotencyKey: string;
  /** Whether the client has disconnected. Checked only for queued orders, before the provider is called. */
  isAbandoned?: () => boolean;
}

export interface PaymentOrder extends Order {
  /** Whole US cents. */
  cents: number;
  /** Payment method types to offer. Default: the provider chooses. */
  methodTypes?: readonly string[];
}

export interface CreatedIntent {
  clientSecret: string;
  /** The provider replayed its response to an earlier request with the same key. */
  replayed: boolean;
  /** The provider's request ID, for its support. */
  requestId: string | undefined;
}

export interface CreatedPaymentIntent extends CreatedIntent {
  /** Requested, but not offered by the provider for this amount, currency and account. */
  droppedMethodTypes: readonly string[];
}

export type GatewayFault =
  | 'amountTooSmall'
  | 'amountTooLarge'
  | 'methodTypesRefused'
  | 'metadataRefused'
  /** The key was used before, with other parameters. */
  | 'keyReused'
  /** A request with the same key is still in progress. */
  | 'keyInUse'
  /** Unreachable, slow, rate limiting or failing. Whether an intent exists is unknown: retry with the same key. */
  | 'unavailable'
  /** The provider rejects the request for a reason only we can fix, or its response does not match the order. */
  | 'broken';

/** Fields of a provider's response that may be logged. Never its messages, which can contain parts of keys. */
export interface FaultDetails {
  type?: string;
  code?: string;
  param?: string;
  statusCode?: number;
  requestId?: string;
  replayed?: boolean;
}

export class GatewayError extends Error {
  readonly fault: GatewayFault;
  readonly details: FaultDetails;
  /** The provider's Retry-After, in whole seconds. */
  readonly retryAfterSeconds: number | undefined;

  /** `reason` is logged, so it must not quote the provider. */
  constructor(fault: GatewayFault, reason: string, details: FaultDetails = {}, retryAfterSeconds?: number) {
    super(reason);
    this.name = 'GatewayError';
    this.fault = fault;
    this.details = details;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
