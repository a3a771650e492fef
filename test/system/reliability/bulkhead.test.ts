/** The bulkhead in the whole server: its metrics, its status over HTTP, and clients that leave while their payments are queued. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { operations } from '../../support/contractDocument.ts';
import { allCreated, gatewayCalls } from '../../support/gatewayCalls.ts';
import { GLOBEX, observedServer, readStatuses } from '../../support/observed.ts';
import { rawClient, rawRequest } from '../../support/rawHttp.ts';

/** Of so many requests, to each operation in turn: all share the places. */
const paths = (count: number) =>
  Array.from({ length: count }, (_, index) => operations[index % operations.length]!.path);

it('400 payments and setups at once, with a slow Stripe, get 200 or 503 with Retry-After, one intent for each 200, and then it recovers', async () => {
  const server = await observedServer();
  onTestFinished(() => server.close());
  server.stripe.playWith(() => ({ kind: 'delay', delayMs: 1_000, effect: 'kept' }));
  const inFlight: number[] = [];
  const sample = () => void server.metric('payments_in_flight').then((count) => inFlight.push(count!));
  const sampling = setInterval(sample, 50);

  const responses = await Promise.all(paths(400).map((path) => server.pay({ path })));
  clearInterval(sampling);
  const created = responses.filter(({ status }) => status === 200);
  const rejected = responses.filter(({ status }) => status === 503);
  server.stripe.playWith(undefined);
  const next = await server.pay();

  expect(created.length + rejected.length).toBe(400);
  expect(created.length).toBeGreaterThanOrEqual(34);
  expect(rejected.map(({ headers }) => Number(headers.get('retry-after'))).every((seconds) => seconds >= 1)).toBe(true);
  // Two thirds of 50: they are all of one tenant's.
  expect(Math.max(...inFlight)).toBe(34);
  expect(next.status).toBe(200);
  expect(allCreated(server.stripe.ledger)).toHaveLength(created.length + 1);
  for (const { created: intents } of Object.values(gatewayCalls)) expect(intents(server.stripe.ledger)).not.toEqual([]);
  expect(await server.metric('payments_shed_total')).toBe(rejected.length);
});

it('a tenant with a payment each 200 ms is paid, beside one that uses its limit in bursts, with Stripe at 3 s', async () => {
  const server = await observedServer({ TENANT_REQUESTS_PER_MINUTE: '600' });
  onTestFinished(() => server.close());
  server.stripe.playWith(() => ({ kind: 'delay', delayMs: 3_000, effect: 'kept' }));
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
  expect(statuses!.filter((status) => status === 200).length).toBeGreaterThanOrEqual(19);
  // The other tenant was over its share all the time.
  expect(otherStatuses!.filter((status) => status === 503).length).toBeGreaterThan(100);
});

const LONG_QUEUE = { STRIPE_MAX_IN_FLIGHT: '1', STRIPE_QUEUE_TIMEOUT_MS: '4000' };

describe.concurrent('with one place and a long queue time', () => {
  it('payments and setups of 30 clients that leave while they are queued create no intent, and are logged', async () => {
    const server = await observedServer(LONG_QUEUE);
    server.stripe.play({ kind: 'delay', delayMs: 3_000, effect: 'kept' });
    const first = server.pay();
    await vi.waitFor(async () => expect(await server.metric('payments_in_flight')).toBe(1));
    const clients = paths(30).map((target) => {
      const client = rawClient(server.url);
      client.send(rawRequest(GLOBEX, { target }));
      return client;
    });
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
    expect(allCreated(server.stripe.ledger)).toHaveLength(2);
    expect(server.stripe.ledger.requestCount).toBe(2);
    expect(left).toHaveLength(30);
    expect(new Set(left.map(({ operation }) => operation)).size).toBe(operations.length);
    expect(left.filter((line) => line['aborted'])).toHaveLength(15);
    expect(new Set(left.map(({ cause }) => (cause as { reason: string }).reason))).toEqual(
      new Set(['the client disconnected while the order was queued']),
    );
    expect(shed).toBe(0);
  });

  it('a payment that was queued long still gets its response within the deadline', async () => {
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
