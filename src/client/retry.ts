import { isRetriable, readProblem } from './problems.ts';

/** How long and how often one request is asked for. */
export interface RetryLimits {
  /** The first one included. */
  attempts: number;
  /** For one attempt, in milliseconds: above the ten seconds that the service takes at most. */
  attemptMs: number;
  /** For all of them with the waits between, in milliseconds. */
  totalMs: number;
}

export type Fetch = (request: Request) => Promise<Response>;

/** What came of all attempts. `response` is whole: its body is here. */
export type Outcome = { attempts: number } & ({ response: Response; text: string } | { cause: unknown });

/** The waits before the second, third… attempt, in milliseconds, where the service says nothing. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4_000;

/**
 * Sends the same request, with the same headers and so the same idempotency key, until it has an answer that the contract
 * lets stand, or the limits are reached. Waits as long as `Retry-After` says.
 *
 * Rejects only with the caller's reason to abort.
 */
export async function sendWithRetries(request: Request, fetch: Fetch, limits: RetryLimits): Promise<Outcome> {
  // By a clock that nobody sets.
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

type Attempt = { response: Response; text: string } | { cause: unknown };

async function attempt(request: Request, fetch: Fetch, timeoutMs: number): Promise<Attempt> {
  const ending = new AbortController();
  const end = () => ending.abort(request.signal.reason);
  const timer = setTimeout(() => ending.abort(new Error(`No answer within ${timeoutMs} ms`)), timeoutMs);
  request.signal.addEventListener('abort', end);
  if (request.signal.aborted) end();
  try {
    // A redirect would take the API key, and the payment, to whatever origin it names.
    const response = await fetch(new Request(request.clone(), { signal: ending.signal, redirect: 'manual' }));
    if (response.type === 'opaqueredirect') return { cause: new HiddenRedirect() };
    const text = await response.text();
    // A success that is cut, or is no JSON, is none: the same request will show.
    if (response.ok) JSON.parse(text);
    return { response, text };
  } catch (cause) {
    return { cause };
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', end);
  }
}

/** A redirect as a browser shows it to a page: without its status. Elsewhere it is a response like any other. */
class HiddenRedirect extends Error {
  constructor() {
    super('The service redirected the request, and redirects are not followed');
  }
}

/** How long to wait before the next attempt, in milliseconds; undefined where this answer stands. */
function waitAfter(outcome: Attempt, attempts: number): number | undefined {
  // Any time up to the double of the last one, so that many clients don't come back at once.
  const waitMs = Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempts - 1));
  if ('cause' in outcome) return outcome.cause instanceof HiddenRedirect ? undefined : waitMs;
  const { response, text } = outcome;
  if (response.ok || !isRetriable(readProblem(response.status, text))) return undefined;
  return retryAfterMs(response.headers.get('retry-after')) ?? waitMs;
}

/** Seconds or a date (RFC 9110, section 10.2.3); what is neither says nothing. */
function retryAfterMs(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  // Date.parse sees a date in nearly everything that has a digit in it.
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
