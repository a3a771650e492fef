/**
 * A crowd gets responses at once, most of them 503, and Stripe gets no more than it takes. No tenant crowds out another, and
 * nobody pays who left before Stripe was called.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GLOBEX, observedServer, readStatuses, type ObservedServer } from '../../support/observed.ts';
import { rawClient, rawRequest } from '../../support/rawHttp.ts';

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

describe('400 payments at once, with a slow Stripe', () => {
  let server: ObservedServer;
  afterEach(() => server.close());

  it('are answered 200 or 503 with Retry-After at once, one intent for each 200, and all is well right after', async () => {
    server = await observedServer();
    server.stripe.playWith(() => ({ kind: 'delay', delayMs: 1_000, effect: 'kept' }));
    const seen: number[] = [];
    const watch = setInterval(() => void server.metric('payments_in_flight').then((count) => seen.push(count!)), 50);

    const responses = await Promise.all(Array.from({ length: 400 }, () => server.pay()));
    clearInterval(watch);
    const made = responses.filter(({ status }) => status === 200);
    const away = responses.filter(({ status }) => status === 503);
    const msUntil = (reason: string) =>
      server
        .requests()
        .filter(({ cause }) => (cause as { reason?: string } | undefined)?.reason === reason)
        .map(({ durationMs }) => durationMs as number);
    const sentAway = msUntil('the queue is full');
    const waited = msUntil('timed out waiting in the queue');

    const startedAt = performance.now();
    server.stripe.playWith(undefined);
    const next = await server.pay();
    const recoveryMs = performance.now() - startedAt;
    console.log(
      `${made.length} × 200, ${away.length} × 503, ${sentAway.length} of them at once (median ${median(sentAway)} ms), ` +
        `${waited.length} after their wait (median ${median(waited)} ms); ` +
        `at most ${Math.max(...seen)} with Stripe; 200 again after ${Math.round(recoveryMs)} ms`,
    );

    expect(made.length + away.length).toBe(400);
    expect(made.length).toBeGreaterThanOrEqual(34);
    expect(sentAway.length).toBeGreaterThan(100);
    expect(median(sentAway)).toBeLessThan(median(waited));
    expect(away.map(({ headers }) => Number(headers.get('retry-after'))).every((seconds) => seconds >= 1)).toBe(true);
    // Two thirds of 50: they are all of one tenant's.
    expect(Math.max(...seen)).toBe(34);
    expect(next.status).toBe(200);
    expect(recoveryMs).toBeLessThan(1_000);
    expect(server.stripe.ledger.intentCount).toBe(made.length + 1);
    expect(await server.metric('payments_shed_total')).toBe(away.length);
  });
});

// At the same time: most of them wait for Stripe.
describe.concurrent('a tenant with a payment each 200 ms, beside one that uses its limit in bursts', () => {
  it.each([1_000, 3_000])('is paid, with Stripe at %i ms', async (delayMs) => {
    const server = await observedServer({ TENANT_REQUESTS_PER_MINUTE: '600' });
    server.stripe.playWith(() => ({ kind: 'delay', delayMs, effect: 'kept' }));
    const others: Promise<Response>[] = [];
    const burst = () => others.push(...Array.from({ length: 30 }, () => server.pay()));
    burst();
    const bursts = setInterval(burst, 300);
    await vi.waitFor(() => expect(server.stripe.ledger.requestCount).toBeGreaterThanOrEqual(30), { timeout: 5_000 });
    const payments: Promise<Response>[] = [];
    for (let i = 0; i < 20; i++) {
      payments.push(server.pay({ key: GLOBEX }));
      await sleep(200);
    }
    clearInterval(bursts);
    const [statuses, otherStatuses] = [await Promise.all(payments), await Promise.all(others)].map(readStatuses);
    await server.close();
    expect(statuses!.filter((status) => status === 200).length).toBeGreaterThanOrEqual(19);
    // It was no quiet neighbour.
    expect(otherStatuses!.filter((status) => status === 503).length).toBeGreaterThan(100);
  });
});

const LONG_QUEUE = { STRIPE_MAX_IN_FLIGHT: '1', STRIPE_QUEUE_TIMEOUT_MS: '4000' };

describe.concurrent('with one place and a long queue', () => {
  it('30 clients that leave while their payments wait have no intent, and the log says so', async () => {
    const server = await observedServer(LONG_QUEUE);
    server.stripe.play({ kind: 'delay', delayMs: 3_000, effect: 'kept' });
    const first = server.pay();
    await vi.waitFor(async () => expect(await server.metric('payments_in_flight')).toBe(1));
    const clients = Array.from({ length: 30 }, () => rawClient(server.url));
    for (const client of clients) client.send(rawRequest(GLOBEX));
    await vi.waitFor(async () => expect(await server.metric('payments_queued')).toBe(30));
    // Half of them hang up, and for all the server can know they may still read; the others reset their connections.
    clients.forEach(({ socket }, index) => (index % 2 === 0 ? socket.destroy() : socket.resetAndDestroy()));
    expect((await first).status).toBe(200);
    await vi.waitFor(() => expect(server.requests()).toHaveLength(31));
    const last = await server.pay();
    const shed = await server.metric('payments_shed_total');
    const left = server.requests().filter(({ tenant }) => tenant === 'globex');
    await server.close();
    expect(last.status).toBe(200);
    expect(server.stripe.ledger.intentCount).toBe(2);
    expect(server.stripe.ledger.requestCount).toBe(2);
    expect(left).toHaveLength(30);
    expect(left.filter((line) => line['aborted'])).toHaveLength(15);
    expect(new Set(left.map(({ cause }) => (cause as { reason: string }).reason))).toEqual(
      new Set(['the client disconnected while the order was queued']),
    );
    expect(shed).toBe(0);
  });

  it('a payment that waited long has its response within the deadline all the same', async () => {
    const server = await observedServer(LONG_QUEUE);
    server.stripe.play({ kind: 'delay', delayMs: 2_500, effect: 'kept' }, { kind: 'hang', effect: 'none' });
    const first = server.pay();
    await vi.waitFor(async () => expect(await server.metric('payments_in_flight')).toBe(1));
    const startedAt = performance.now();
    const { status } = await server.pay();
    const ms = performance.now() - startedAt;
    expect((await first).status).toBe(200);
    await server.close();
    expect(status).toBe(503);
    expect(ms).toBeLessThan(10_250);
  });
});
