import { isRetriable, readProblem } from './problems.ts';

export interface RetryLimits {
  /** Maximum number of attempts for one call, including the first. 4 by default. */
  attempts: number;
  /** Timeout of one attempt, in milliseconds. 15,000 by default: the service takes up to 10,000. */
  attemptMs: number;
  /** Timeout of one call, including all attempts and waits, in milliseconds. 60,000 by default. */
  totalMs: number;
}

export type Fetch = (request: Request) => Promise<Response>;

/** The outcome of the last attempt. `text` is the body of `response`. */
export type Outcome = { attempts: number } & Attempt;

type Attempt = { response: Response; text: string } | { cause: unknown };

/** Bounds of the exponential backoff, in milliseconds, used without `Retry-After`. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4_000;

/**
 * Sends the same request, with the same idempotency key, until it gets a response that must not be retried, or reaches the
 * limits. Honours `Retry-After`.
 *
 * Rejects only with the abort reason of the caller's signal.
 */
export async function sendWithRetries(request: Request, fetch: Fetch, limits: RetryLimits): Promise<Outcome> {
  // A monotonic clock.
  const endsAt = performance.now() + limits.totalMs;
  for (let attempts = 1; ; attempts++) {
    const leftMs = Math.max(1, Math.ceil(endsAt - performance.now()));
    const outcome = await attempt(request, fetch, Math.min(leftMs, limits.attemptMs));
    request.signal.throwIfAborted();
    const waitMs = waitAfter(outcome, attempts);
    const isLast = attempts >= limits.attempts || performance.now() + (waitMs ?? 0) >= endsAt;
    if (waitMs === undefined || isLast) return { ...outcome, attempts };
    await delay(waitMs, request.signal);
  }
}

async function attempt(request: Request, fetch: Fetch, timeoutMs: number): Promise<Attempt> {
  const controller = new AbortController();
  const end = () => controller.abort(request.signal.reason);
  const timer = setTimeout(() => controller.abort(new Error(`No response within ${timeoutMs} ms`)), timeoutMs);
  request.signal.addEventListener('abort', end);
  if (request.signal.aborted) end();
  try {
    // A redirect would send the API key and the payment to another origin.
    const response = await fetch(new Request(request.clone(), { signal: controller.signal, redirect: 'manual' }));
    if (response.type === 'opaqueredirect') return { cause: new OpaqueRedirect() };
    const text = await response.text();
    // A success with an incomplete or invalid body is retried.
    if (response.ok) JSON.parse(text);
    return { response, text };
  } catch (cause) {
    return { cause };
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', end);
  }
}

/** A redirect whose status the browser hides. Elsewhere, a redirect is an ordinary response. */
class OpaqueRedirect extends Error {
  constructor() {
    super('The service redirected the request, and redirects are not followed');
  }
}

/** The wait before the next attempt, in milliseconds; undefined if the outcome is final. */
function waitAfter(outcome: Attempt, attempts: number): number | undefined {
  // Full jitter, so that clients do not retry in lockstep.
  const waitMs = Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempts - 1));
  if ('cause' in outcome) return outcome.cause instanceof OpaqueRedirect ? undefined : waitMs;
  const { response, text } = outcome;
  if (response.ok || !isRetriable(readProblem(response, text))) return undefined;
  return retryAfterMs(response.headers.get('retry-after')) ?? waitMs;
}

/** Parses seconds or a date (RFC 9110, section 10.2.3); undefined for anything else. */
function retryAfterMs(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  // Date.parse accepts almost any text with a digit.
  const at = value.endsWith(' GMT') ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal.addEventListener('abort', end);
  });
}
