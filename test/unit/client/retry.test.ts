import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sendWithRetries, type Outcome, type RetryLimits } from '../../../src/client/retry.ts';
import { good, network, reset, respond, silent, unavailable, type Play } from './networks.ts';

const limits: RetryLimits = { attempts: 4, attemptMs: 15_000, totalMs: 60_000 };
const START = Date.UTC(2026, 0, 1);

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
  // The clock jumps to what is next whenever nothing else is to be done.
  vi.setTimerTickMode('nextTimerAsync');
  vi.spyOn(Math, 'random').mockReturnValue(1);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The outcome of a request, with the times of its attempts and of its end in milliseconds. */
async function sent(plays: Play[], some: Partial<RetryLimits> = {}) {
  const { fetch, seen } = network(...plays);
  const request = new Request('http://payments.test/', { method: 'POST', body: '{"amount":1}' });
  const outcome = await sendWithRetries(request, fetch, { ...limits, ...some });
  return { outcome, seen, begun: seen.map(({ at }) => at - START), endedAt: Date.now() - START };
}

describe('sendWithRetries', () => {
  it('sends the request once where the response is final', async () => {
    const { outcome, begun } = await sent([good]);
    expect(outcome).toMatchObject({ attempts: 1, text: expect.stringContaining('pi_1_secret_2') });
    expect(begun).toEqual([0]);
  });

  it('sends the same body again where it is not', async () => {
    const { outcome, seen } = await sent([unavailable(), reset, good]);
    expect(outcome.attempts).toBe(3);
    expect(seen.map(({ body }) => body)).toEqual(['{"amount":1}', '{"amount":1}', '{"amount":1}']);
  });

  it.each<[string, Play]>([
    ['is no JSON', respond(200, '<html>')],
    ['is cut', respond(200, '{"status":')],
    ['is empty', respond(200, '')],
  ])('retries after a success that %s', async (_what, play) => {
    expect((await sent([play, good])).outcome.attempts).toBe(2);
  });

  it('does not retry after an unknown 404', async () => {
    expect((await sent([respond(404, '<html>'), good])).outcome).toMatchObject({ attempts: 1, text: '<html>' });
  });
});

describe('the wait', () => {
  it('is up to 250 ms, then twice as long each time, and 4 seconds at most', async () => {
    const { begun } = await sent([reset], { attempts: 7 });
    expect(begun).toEqual([0, 250, 750, 1_750, 3_750, 7_750, 11_750]);
  });

  it('is a random part of that, so that clients do not retry at the same time', async () => {
    vi.mocked(Math.random).mockReturnValue(0.5);
    expect((await sent([unavailable(), unavailable(), good])).begun).toEqual([0, 125, 375]);
  });

  it.each([
    ['seconds', '12', 12_000],
    ['a date', new Date(START + 7_000).toUTCString(), 7_000],
    ['a date that is past', new Date(START - 7_000).toUTCString(), 0],
    ['0', '0', 0],
  ])('is as long as Retry-After says: %s', async (_what, value, ms) => {
    expect((await sent([unavailable({ 'Retry-After': value }), good])).begun).toEqual([0, ms]);
  });

  it.each(['soon', 'in 7', '7 s', '1.5', '-1', 'tomorrow GMT'])('ignores the invalid Retry-After %s', async (value) => {
    expect((await sent([unavailable({ 'Retry-After': value }), good])).begun).toEqual([0, 250]);
  });
});

const readCause = (outcome: Outcome) => ('cause' in outcome ? (outcome.cause as Error).message : 'a response');

describe('the limits', () => {
  it('end after `attempts`, with the outcome of the last', async () => {
    const { outcome, begun } = await sent([reset], { attempts: 3 });
    expect({ attempts: outcome.attempts, cause: readCause(outcome) }).toEqual({ attempts: 3, cause: 'fetch failed' });
    expect(begun.length).toBe(3);
  });

  it('end an attempt after `attemptMs`', async () => {
    const { outcome, endedAt } = await sent([silent], { attempts: 1, attemptMs: 300 });
    expect({ cause: readCause(outcome), endedAt }).toEqual({ cause: 'No response within 300 ms', endedAt: 300 });
  });

  it('end the last attempt after `totalMs`', async () => {
    const { outcome, begun, endedAt } = await sent([silent], { attemptMs: 300, totalMs: 700 });
    expect({ begun, endedAt }).toEqual({ begun: [0, 550], endedAt: 700 });
    expect(readCause(outcome)).toBe('No response within 150 ms');
  });

  it('end at once where the next attempt could only start after `totalMs`', async () => {
    const late = unavailable({ 'Retry-After': '2' });
    expect(await sent([late, good], { totalMs: 2_000 })).toMatchObject({ outcome: { attempts: 1 }, endedAt: 0 });
    expect(await sent([late, good], { totalMs: 2_001 })).toMatchObject({ outcome: { attempts: 2 } });
  });

  it.each([
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ])('do not depend on the clock, set %s', async (_where, byMs) => {
    const setsClock: Play = async (request) => {
      vi.setSystemTime(Date.now() + byMs);
      return silent(request);
    };
    const startedAt = performance.now();
    const { outcome } = await sent([setsClock, silent], { attemptMs: 300, totalMs: 700 });
    expect({ attempts: outcome.attempts, tookMs: performance.now() - startedAt }).toEqual({ attempts: 2, tookMs: 700 });
  });

  it('end also with a `totalMs` of 0', async () => {
    const { outcome } = await sent([silent], { totalMs: 0 });
    expect(readCause(outcome)).toBe('No response within 1 ms');
  });
});

const reason = new Error('the customer left');

async function sentFor(signal: AbortSignal, play: Play) {
  const { fetch, seen } = network(play);
  const request = new Request('http://payments.test/', { signal });
  const [ending] = await Promise.allSettled([sendWithRetries(request, fetch, limits)]);
  return { ending, requests: seen.length, endedAt: Date.now() - START };
}

describe('an aborted signal', () => {
  it.each([
    ['in an attempt', silent],
    ['in a wait', unavailable({ 'Retry-After': '30' })],
  ])('%s ends it with its reason', async (_when, play) => {
    const leaving = new AbortController();
    setTimeout(() => leaving.abort(reason), 1_000);
    expect(await sentFor(leaving.signal, play)).toMatchObject({ ending: { reason }, requests: 1, endedAt: 1_000 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('before the first attempt sends nothing', async () => {
    expect(await sentFor(AbortSignal.abort(reason), good)).toMatchObject({ ending: { reason }, requests: 0 });
  });

  it('leaves no listener', async () => {
    const { fetch } = network(reset, unavailable(), good);
    const request = new Request('http://payments.test/', { signal: new AbortController().signal });
    const listeners = () => getEventListeners(request.signal, 'abort').length;
    const before = listeners();
    await sendWithRetries(request, fetch, limits);
    expect(listeners()).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
  });
});
