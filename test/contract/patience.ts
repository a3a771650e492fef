import { setTimeout as sleep } from 'node:timers/promises';
import type { WireResponse } from '../support/exchange.ts';
import type { Received } from './deployment.ts';

/** Where one connection in 20 is reset, five in a row are one request in three million. */
const REPEAT_PAUSES_MS = [50, 100, 200, 400];

/** A deployment that is overloaded for a moment, and does not say for how long. */
const BUSY_PAUSES_MS = [500, 1_000, 2_000, 4_000];

/** The longest wait for one request. Limits count for a minute. */
const LONGEST_MS = 90_000;

/** No response, or one of a gateway that gets none. */
export const isSilent = ({ status }: Received): boolean => status === undefined || status === 502 || status === 504;

/** The deployment's own limit, or its provider's failure: no response to this request, but to all at this time. */
export const isBusy = ({ status }: Received): boolean => status === 429 || status === 503;

/** What patience took. */
export interface Tally {
  /** Requests without a response that got one when they were repeated. */
  broken: number;
  waitedMs: number;
}

/**
 * Sends again where the connection breaks, and waits as long as the deployment asks for. What has timed out is not sent again.
 * Returns the last response.
 */
export async function sendPatiently(
  send: () => Promise<Received>,
  tally: Tally = { broken: 0, waitedMs: 0 },
): Promise<Received> {
  let repeats = 0;
  let waits = 0;
  let waitedMs = 0;
  for (;;) {
    const received = await send();
    if (isSilent(received)) {
      const pauseMs = REPEAT_PAUSES_MS[repeats++];
      if (pauseMs === undefined || (received.status === undefined && received.isTimeout)) return received;
      await sleep(pauseMs);
    } else if (received.status !== undefined && isBusy(received)) {
      const pauseMs = readRetryAfter(received) ?? BUSY_PAUSES_MS[waits++];
      if (pauseMs === undefined || waitedMs + pauseMs > LONGEST_MS) return received;
      waitedMs += pauseMs;
      tally.waitedMs += pauseMs;
      await sleep(pauseMs);
    } else {
      tally.broken += repeats;
      return received;
    }
  }
}

/** In milliseconds; a date counts from now. RFC 9110, section 10.2.3. */
function readRetryAfter({ headers }: WireResponse): number | undefined {
  const value = headers['retry-after'];
  if (typeof value !== 'string') return undefined;
  if (/^\d+$/.test(value)) return Math.max(Number(value), 1) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(date - Date.now(), 1000);
}
