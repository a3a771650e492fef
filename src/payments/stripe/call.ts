import type { Stripe } from 'stripe';

/** A call to Stripe for one order: everything that differs from another call. */
export interface StripeCall<Resource, Created> {
  /** The method of the SDK, such as `paymentIntents.create`. Names the span and labels the metric. */
  name: string;
  /** Sends the same bytes each time: attempts and retries of one order must not differ. */
  send(stripe: Stripe, options: Stripe.RequestOptions): Promise<Stripe.Response<Resource>>;
  /**
   * How a successful response differs from one to this call, as text for the log; undefined if it belongs to this call.
   *
   * `isEchoed`: the response echoes our idempotency key.
   */
  mismatchIn(response: object, isEchoed: boolean): string | undefined;
  /** Reads a response that belongs to this call. */
  read(response: Resource): Created;
}
