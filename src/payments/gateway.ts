/** What we ask of a payment provider, and the ways it fails. Knows neither HTTP, nor OpenAPI, nor Stripe. */

export interface PaymentGateway {
  /**
   * Creates one payment intent in US dollars, or finds the one made earlier under the same idempotency key.
   *
   * Throws GatewayError, and nothing else.
   */
  createIntent(order: IntentOrder): Promise<CreatedIntent>;
  /** Ends the connections to the provider. Calls under way are cut. */
  close(): Promise<void>;
}

export interface IntentOrder {
  /** Who pays: places with the provider are shared out by it, and the intent names it. */
  tenant: string;
  /** Whole US cents. */
  cents: number;
  /** The payment method types to offer; absent, the provider chooses. */
  methodTypes?: readonly string[];
  metadata: Readonly<Record<string, string>>;
  /** Equal for a request and its retries, different for any two others. ASCII, up to 255 characters. */
  idempotencyKey: string;
  /** Whether the client seems to be gone. Where an order is queued, it is asked before the provider is called, and never after. */
  isAbandoned?: () => boolean;
}

export interface CreatedIntent {
  clientSecret: string;
  /** The provider answered from its memory of an earlier request with the same key. */
  replayed: boolean;
  /** The provider's name for its answer, for its support. */
  requestId: string | undefined;
  /** Asked for, but not offered by the provider for this amount, currency and account. */
  droppedMethodTypes: readonly string[];
}

export type GatewayFault =
  | 'amountTooSmall'
  | 'amountTooLarge'
  | 'methodTypesRefused'
  | 'metadataRefused'
  /** The key was used before, with other parameters. */
  | 'keyReused'
  /** A request with the same key is still under way. */
  | 'keyInUse'
  /** Not reached, too slow, limiting us or failing. Whether an intent exists is unknown: ask again with the same key. */
  | 'unavailable'
  /** The provider refuses what only we can mend, or its answer is not the one asked for. */
  | 'broken';

/** What may be logged of a provider's answer: never its words, which can hold parts of keys. */
export interface FaultDetails {
  type?: string;
  code?: string;
  param?: string;
  statusCode?: number;
  requestId?: string;
  /** The provider answered from its memory of an earlier request with the same key. */
  replayed?: boolean;
}

export class GatewayError extends Error {
  readonly fault: GatewayFault;
  readonly details: FaultDetails;
  /** How long the provider asks to be left alone, in whole seconds. */
  readonly retryAfterSeconds: number | undefined;

  /** `reason` is ours and goes into the log: it must not quote the provider. */
  constructor(fault: GatewayFault, reason: string, details: FaultDetails = {}, retryAfterSeconds?: number) {
    super(reason);
    this.name = 'GatewayError';
    this.fault = fault;
    this.details = details;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
