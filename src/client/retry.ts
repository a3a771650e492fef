import { sendOnce, type Call, type Outcome } from './attempt.ts';
import { isRetriable, type PaymentProblem } from './problems.ts';

export interface RetryLimits {
  /** Maximum number of attempts for one call, including the first. 4 by default. */
  attempts: number;
  /** Timeout of one attempt, in milliseconds. 15,000 by default: the service takes up to 10,000. */
  attemptMs: number;
  /** Timeout of one call, including all attempts and waits, in milliseconds. 60,000 by default. */
  totalMs: number;
}

/** One attempt, for a log or a metric. Without secrets. */
export interface AttemptReport {
  /** 1 for the first attempt of a call. */
  readonly attempt: number;
  readonly idempotencyKey: string;
  /** `ok`, or the name of the problem. */
  readonly outcome: 'ok' | PaymentProblem['name'];
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  /** The wait before the next attempt, in milliseconds; undefined after the last one. */
  readonly waitMs: number | undefined;
}

/** Bounds of the exponential backoff, in milliseconds, used without `Retry-After`. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4_000;

/**
 * Sends the same request, with the same idempotency key, until it gets a response that must not be retried, or reaches the
 * limits. Honours `Retry-After`.
 *
 * Rejects only with the abort reason of the caller's signal.
 */
export async function sendWithRetries<Data>(
  call: Call<Data>,
  limits: RetryLimits,
  onAttempt?: (report: AttemptReport) => void | Promise<void>,
): Promise<Outcome<Data> & { attempts: number }> {
  const { signal } = call.request;
  // A monotonic clock.
  const endsAt = performance.now() + limits.totalMs;
  for (let attempts = 1; ; attempts++) {
    signal.throwIfAborted();
    const leftMs = Math.max(1, Math.ceil(endsAt - performance.now()));
    const outcome = await sendOnce(call, Math.min(leftMs, limits.attemptMs));
    signal.throwIfAborted();
    const backoffMs = waitAfter(outcome, attempts);
    const isLast = attempts >= limits.attempts || performance.now() + (backoffMs ?? 0) >= endsAt;
    const waitMs = isLast ? undefined : backoffMs;
    // In a promise, so that an error in the callback does not fail the call.
    void Promise.resolve(reportAttempt(call.request, outcome, attempts, waitMs))
      .then(onAttempt)
      .catch(() => {});
    if (waitMs === undefined) return { ...outcome, attempts };
    await delay(waitMs, signal);
  }
}

/** The wait before the next attempt, in milliseconds; undefined if the outcome is final. */
function waitAfter(outcome: Outcome<unknown>, attempts: number): number | undefined {
  if ('data' in outcome || !isRetriable(outcome.problem)) return undefined;
  // Full jitter, so that clients do not retry in lockstep.
  const waitMs = Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempts - 1));
  return parseRetryAfter(outcome.response?.headers.get('retry-after')) ?? waitMs;
}

/** Parses seconds or a date (RFC 9110, section 10.2.3) into milliseconds from now; undefined for anything else. */
function parseRetryAfter(value: string | null | undefined): number | undefined {
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  // Date.parse accepts almost any text with a digit.
  const at = value.endsWith(' GMT') ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function reportAttempt(
  { headers }: Request,
  outcome: Outcome<unknown>,
  attempt: number,
  waitMs: number | undefined,
): AttemptReport {
  const { response } = outcome;
  return {
    attempt,
    idempotencyKey: headers.get('idempotency-key')!,
    outcome: 'data' in outcome ? 'ok' : outcome.problem.name,
    status: 'data' in outcome ? response?.status : outcome.problem.status,
    requestId: response?.headers.get('x-request-id') ?? undefined,
    waitMs,
  };
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
