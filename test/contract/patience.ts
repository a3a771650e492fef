import { setTimeout as sleep } from 'node:timers/promises';
import type { WireResponse } from '../support/exchange.ts';

/** Without a Retry-After: a deployment that starts again, or is overloaded for a moment. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000];

/** The longest wait for one request. Limits count for a minute. */
const LONGEST_MS = 90_000;

/** The deployment's own limit, or its provider's failure: no response to this request, but to all at this time. */
export const isBusy = ({ status }: WireResponse): boolean => status === 429 || status === 503;

/** Sends again as often as the deployment asks for it, and returns the last response. Calls `onWait` before each wait. */
export async function waitAsTold(
  send: () => Promise<WireResponse>,
  onWait: (ms: number) => void = () => {},
): Promise<WireResponse> {
  let waitedMs = 0;
  for (let count = 0; ; count++) {
    const response = await send();
    if (!isBusy(response)) return response;
    const ms = readRetryAfter(response) ?? PAUSES_MS[count];
    if (ms === undefined || waitedMs + ms > LONGEST_MS) return response;
    waitedMs += ms;
    onWait(ms);
    await sleep(ms);
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
