import { findProblem } from '../../support/contractDocument.ts';
import type { Fetch } from '../../../src/client/attempt.ts';

/** What a network does with one request. */
export type Play = (request: Request) => Promise<Response>;

interface Seen {
  /** When it came, in milliseconds. */
  at: number;
  url: string;
  headers: Headers;
  redirect: Request['redirect'];
  body: string;
}

/** A network that plays one part after the other, the last one again and again. */
export function network(...plays: Play[]): { fetch: Fetch; seen: Seen[] } {
  const seen: Seen[] = [];
  const fetch: Fetch = async (request) => {
    request.signal.throwIfAborted();
    const at = Date.now();
    const { url, headers, redirect } = request;
    seen.push({ at, url, headers, redirect, body: await request.clone().text() });
    return plays[Math.min(seen.length, plays.length) - 1]!(request);
  };
  return { fetch, seen };
}

export const respond =
  (status: number, body: object | string | null, headers: Record<string, string> = {}): Play =>
  async () =>
    new Response(body !== null && typeof body === 'object' ? JSON.stringify(body) : body, { status, headers });

export const good = respond(200, { status: 200, data: { paymentIntentSecret: 'pi_1_secret_2' } });

export const unavailable = (headers: Record<string, string> = {}): Play =>
  respond(findProblem('providerUnavailable').status, findProblem('providerUnavailable').body, headers);

export const reset: Play = async () => {
  throw new TypeError('fetch failed', { cause: new Error('read ECONNRESET') });
};

/** What a browser makes of a redirect that it was told not to follow: no status, no headers, no body. */
export const hiddenRedirect: Play = async () =>
  Object.defineProperty(Response.error(), 'type', { value: 'opaqueredirect' });

/** What a fetch returns that does not honour `redirect: 'manual'`. */
export const followedRedirect: Play = async () =>
  Object.defineProperty(new Response('{}', { status: 503 }), 'redirected', { value: true });

/** Takes the request, and says nothing until somebody ends it. */
export const silent: Play = ({ signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
