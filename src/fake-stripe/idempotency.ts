import { createHash } from 'node:crypto';
import { Refusal } from './errors.ts';
import { remember } from './bounded.ts';
import type { PaymentIntent } from './paymentIntents.ts';

/** What goes on the wire, except for the headers that every answer has. */
export interface StripeResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** What the body says, when it is an intent. */
  intent?: PaymentIntent;
}

/** The request that an idempotency key stands for. */
interface KeyedRequest {
  /** Keys belong to an account: two accounts with the same key never meet. */
  account: string;
  key: string;
  /** The path and the parameters, in a form that is equal for equal requests. */
  content: string;
  requestId: string;
}

/** Stripe's limit, https://docs.stripe.com/api/idempotent_requests. */
const MAX_KEY_LENGTH = 255;

interface Kept {
  fingerprint: string;
  requestId: string;
  /** Undefined while the first request is under way. */
  response?: StripeResponse;
}

/**
 * Stripe's memory of idempotency keys, as documented at https://docs.stripe.com/api/idempotent_requests: a result is
 * kept once execution has begun, 500s included; what fails validation, or meets a request under way, is not.
 */
export class IdempotencyKeys {
  readonly #kept = new Map<string, Kept>();

  /**
   * Answers from memory, or executes and keeps the answer. A Refusal thrown by `execute` frees the key again.
   *
   * Throws a Refusal: 400 for a key used with other parameters, 409 for one whose first request is under way.
   */
  async once(request: KeyedRequest, execute: () => Promise<StripeResponse>): Promise<StripeResponse> {
    const { key } = request;
    if (key.length > MAX_KEY_LENGTH) throw keyTooLong();
    const name = `${request.account}\0${key}`;
    const fingerprint = createHash('sha256').update(request.content).digest('hex');
    const known = this.#kept.get(name);
    if (known !== undefined) return replay(known, key, fingerprint);

    const kept: Kept = { fingerprint, requestId: request.requestId };
    remember(this.#kept, name, kept);
    try {
      kept.response = await execute();
    } catch (error) {
      this.#kept.delete(name);
      throw error;
    }
    return { ...kept.response, headers: { ...kept.response.headers, ...executedHeaders(kept) } };
  }
}

function replay(known: Kept, key: string, fingerprint: string): StripeResponse {
  // Which of the two Stripe checks first isn't documented. Parameters first: what can't become right isn't worth a retry.
  if (known.fingerprint !== fingerprint) throw keyReused(key);
  if (known.response === undefined) throw keyInUse(key);
  const headers = { ...known.response.headers, ...executedHeaders(known), 'Idempotent-Replayed': 'true' };
  return { ...known.response, headers };
}

/**
 * On the first answer as on each replay. Retrying would only bring the same again, which is why Stripe says so ("we
 * expect the stripe-should-retry header to be false in most cases when a 500 is returned", stripe's RequestSender).
 */
function executedHeaders(kept: Kept): Record<string, string> {
  return { 'Original-Request': kept.requestId, 'Stripe-Should-Retry': 'false' };
}

function keyTooLong(): Refusal {
  return new Refusal(400, `Idempotency keys can be up to ${MAX_KEY_LENGTH} characters long.`);
}

function keyReused(key: string): Refusal {
  const message =
    'Keys for idempotent requests can only be used with the same parameters they were first used with. ' +
    `Try using a key other than '${key}' if you meant to execute a different request.`;
  return new Refusal(400, message, { type: 'idempotency_error' }, { 'Stripe-Should-Retry': 'false' });
}

/** Reports differ on its type (`invalid_request_error`, `idempotency_error`): go by the status and the code. */
function keyInUse(key: string): Refusal {
  const message =
    'There is currently another in-progress request using this Idempotent Key (that probably means you submitted ' +
    `twice, and the other request is still going through): ${key}. Please try again later.`;
  return new Refusal(409, message, { code: 'idempotency_key_in_use' }, { 'Stripe-Should-Retry': 'true' });
}
