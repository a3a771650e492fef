import { createHash } from 'node:crypto';
import { Refusal } from './errors.ts';
import { remember } from './bounded.ts';
import type { Intent } from './intents.ts';

/** A response, without the headers common to all. */
export interface StripeResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** The body, if it is an intent. */
  intent?: Intent;
}

interface KeyedRequest {
  /** Idempotency keys are scoped to an account. */
  account: string;
  key: string;
  /** The path and the parameters, in canonical form. */
  content: string;
  requestId: string;
}

/** Stripe's limit, https://docs.stripe.com/api/idempotent_requests. */
const MAX_KEY_LENGTH = 255;

interface StoredResult {
  fingerprint: string;
  requestId: string;
  /** Undefined while the first request is in progress. */
  response?: StripeResponse;
}

/**
 * Stripe's store of idempotency keys, as documented at https://docs.stripe.com/api/idempotent_requests: results are stored once
 * execution has begun, including 500s. Validation errors and conflicts with a request in progress are not.
 */
export class IdempotencyKeys {
  readonly #results = new Map<string, StoredResult>();

  /**
   * Replays the stored response, or executes and stores it. A Refusal thrown by `execute` releases the key.
   *
   * Throws a Refusal: 400 for a key used with other parameters, 409 for one whose first request is in progress.
   */
  async once(request: KeyedRequest, execute: () => Promise<StripeResponse>): Promise<StripeResponse> {
    const { key } = request;
    if (key.length > MAX_KEY_LENGTH) {
      throw new Refusal(400, `Idempotency keys can be up to ${MAX_KEY_LENGTH} characters long.`);
    }
    const name = `${request.account}\0${key}`;
    const fingerprint = createHash('sha256').update(request.content).digest('hex');
    const known = this.#results.get(name);
    if (known !== undefined) return replay(known, key, fingerprint);

    const stored: StoredResult = { fingerprint, requestId: request.requestId };
    remember(this.#results, name, stored);
    try {
      stored.response = await execute();
    } catch (error) {
      this.#results.delete(name);
      throw error;
    }
    return { ...stored.response, headers: { ...stored.response.headers, ...executedHeaders(stored) } };
  }
}

function replay(known: StoredResult, key: string, fingerprint: string): StripeResponse {
  // Stripe does not document which it checks first. Parameters first, because that error is final.
  if (known.fingerprint !== fingerprint) throw keyReused(key);
  if (known.response === undefined) throw keyInUse(key);
  const headers = { ...known.response.headers, ...executedHeaders(known), 'Idempotent-Replayed': 'true' };
  return { ...known.response, headers };
}

/**
 * Headers of the first response and of each replay. A retry would only be replayed ("we expect the stripe-should-retry header to
 * be false in most cases when a 500 is returned", stripe's RequestSender).
 */
function executedHeaders(stored: StoredResult): Record<string, string> {
  return { 'Original-Request': stored.requestId, 'Stripe-Should-Retry': 'false' };
}

function keyReused(key: string): Refusal {
  const message =
    'Keys for idempotent requests can only be used with the same parameters they were first used with. ' +
    `Try using a key other than '${key}' if you meant to execute a different request.`;
  return new Refusal(400, message, { type: 'idempotency_error' }, { 'Stripe-Should-Retry': 'false' });
}

/** Reports differ on its type (`invalid_request_error`, `idempotency_error`): rely on the status and the code. */
function keyInUse(key: string): Refusal {
  const message =
    'There is currently another in-progress request using this Idempotent Key (that probably means you submitted ' +
    `twice, and the other request is still going through): ${key}. Please try again later.`;
  return new Refusal(409, message, { code: 'idempotency_key_in_use' }, { 'Stripe-Should-Retry': 'true' });
}
