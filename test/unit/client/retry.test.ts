import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Call, Outcome } from '../../../src/client/attempt.ts';
import { sendWithRetries, type AttemptReport, type RetryLimits } from '../../../src/client/retry.ts';
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

const init = { method: 'POST', body: '{"amount":1}', headers: { 'cv-api-key': 'cv_x', 'Idempotency-Key': 'order-7' } };

function callOn(plays: Play[], signal: AbortSignal | null = null) {
  const { fetch, seen } = network(...plays);
  const request = new Request('http://payments.test/', { ...init, signal });
  return { seen, call: { request, fetch, readData: (body) => body } satisfies Call<unknown> };
}

/** The outcome of a request, with the times of its attempts and of its end in milliseconds. */
async function sent(plays: Play[], some: Partial<RetryLimits> = {}) {
  const { call, seen } = callOn(plays);
  const outcome = await sendWithRetries(call, { ...limits, ...some });
  return { outcome, seen, begun: seen.map(({ at }) => at - START), endedAt: Date.now() - START };
}

/** Why no response was received. */
const readReason = (outcome: Outcome<unknown>) =>
  'problem' in outcome && outcome.problem.name === 'noResponse' ? outcome.problem.message : outcome;

describe('sendWithRetries', () => {
  it('sends the request once where the response is final', async () => {
    const { outcome, begun } = await sent([good]);
    expect(outcome).toMatchObject({ attempts: 1, data: { data: { paymentIntentSecret: 'pi_1_secret_2' } } });
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
    const { outcome } = await sent([respond(404, '<html>'), good]);
    expect(outcome).toMatchObject({ attempts: 1, problem: { name: 'unknownResponse', status: 404, body: '<html>' } });
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

describe("a gateway's own response", () => {
  it.each([408, 429, 503])('of %d is retried when its Retry-After is over', async (status) => {
    const { outcome, begun } = await sent([respond(status, '<html>slow down', { 'Retry-After': '3' }), good]);
    expect(outcome).toMatchObject({ attempts: 2, data: expect.anything() });
    expect(begun).toEqual([0, 3_000]);
  });
});

const reportsOf = async (plays: Play[], some: Partial<RetryLimits> = {}) => {
  const reports: AttemptReport[] = [];
  const { call } = callOn(plays);
  await sendWithRetries(call, { ...limits, ...some }, (report) => void reports.push(report));
  return reports;
};
describe('onAttempt', () => {
  const common = { idempotencyKey: 'order-7', requestId: undefined };

  it('is called with the outcome of each attempt and the wait after it, before the call ends', async () => {
    const busy = unavailable({ 'Retry-After': '2', 'X-Request-Id': 'r1' });
    expect(await reportsOf([busy, reset, respond(502, 'bad gateway'), good])).toEqual([
      { ...common, attempt: 1, outcome: 'providerUnavailable', status: 503, requestId: 'r1', waitMs: 2_000 },
      { ...common, attempt: 2, outcome: 'noResponse', status: undefined, waitMs: 500 },
      { ...common, attempt: 3, outcome: 'unknownResponse', status: 502, waitMs: 1_000 },
      { ...common, attempt: 4, outcome: 'ok', status: 200, waitMs: undefined },
    ]);
  });

  it('reports no wait after the last attempt', async () => {
    expect(await reportsOf([reset], { attempts: 1 })).toMatchObject([{ outcome: 'noResponse', waitMs: undefined }]);
  });

  it.each<[string, () => void | Promise<void>]>([
    [
      'throws',
      () => {
        throw new Error('the log is full');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the log is full'))],
  ])('does not fail the call where it %s', async (_how, onAttempt) => {
    const { call } = callOn([reset, good]);
    expect(await sendWithRetries(call, limits, onAttempt)).toMatchObject({ attempts: 2, data: expect.anything() });
  });
});

const deaf: Play = () => new Promise(() => {});

describe('the limits', () => {
  it('end after `attempts`, with the outcome of the last', async () => {
    const { outcome, begun } = await sent([reset], { attempts: 3 });
    expect({ attempts: outcome.attempts, reason: readReason(outcome) }).toEqual({
      attempts: 3,
      reason: 'fetch failed: read ECONNRESET',
    });
    expect(begun.length).toBe(3);
  });

  it('end an attempt after `attemptMs`', async () => {
    const { outcome, endedAt } = await sent([silent], { attempts: 1, attemptMs: 300 });
    expect({ reason: readReason(outcome), endedAt }).toEqual({ reason: 'No response within 300 ms', endedAt: 300 });
  });

  it('end an attempt whose fetch ignores its signal', async () => {
    const { outcome, endedAt } = await sent([deaf], { attempts: 1, attemptMs: 300 });
    expect({ reason: readReason(outcome), endedAt }).toEqual({ reason: 'No response within 300 ms', endedAt: 300 });
  });

  it('end the last attempt after `totalMs`', async () => {
    const { outcome, begun, endedAt } = await sent([silent], { attemptMs: 300, totalMs: 700 });
    expect({ begun, endedAt }).toEqual({ begun: [0, 550], endedAt: 700 });
    expect(readReason(outcome)).toBe('No response within 150 ms');
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
    expect(readReason(outcome)).toBe('No response within 1 ms');
  });
});

const reason = new Error('the customer left');

async function sentFor(signal: AbortSignal, play: Play) {
  const { call, seen } = callOn([play], signal);
  const [ending] = await Promise.allSettled([sendWithRetries(call, limits)]);
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
    const { call } = callOn([reset, unavailable(), good], new AbortController().signal);
    const listeners = () => getEventListeners(call.request.signal, 'abort').length;
    const before = listeners();
    await sendWithRetries(call, limits);
    expect(listeners()).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
  });
});
