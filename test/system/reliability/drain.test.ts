/** A restart loses no request: every complete request gets its response, then the process exits, and in time. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startFakeStripe } from '../../../src/fake-stripe/server.ts';
import { ACME, observedProcess, observedServer, pay, settings, type ObservedServer } from '../../support/observed.ts';
import { operations, scenarios, validBody } from '../../support/contractDocument.ts';
import { allCreated } from '../../support/gatewayCalls.ts';
import { rawClient, rawRequest, type RawClient } from '../../support/rawHttp.ts';

const DRAIN_MS = 3_000;
const DEADLINE_MS = 10_000;

/** Slow starts of others must not fail a test. */
const PATIENT = { timeout: 10_000, interval: 10 };

async function liveServer(): Promise<ObservedServer> {
  const live = await observedServer({ DRAIN_MS: `${DRAIN_MS}` });
  onTestFinished(() => live.close());
  return live;
}

const goods = operations.map((operation) =>
  rawRequest(ACME, { method: operation.method, target: operation.path, body: validBody(operation) }),
);
const [good] = goods as [Buffer];
const requestTimeout = JSON.stringify(scenarios.find(({ example }) => example === 'requestTimeout')!.body);

/** Its last byte is missing. */
const halfSent = good.subarray(0, -1);
const lastByte = good.subarray(-1);

/** Every call to Stripe takes so long. */
const slowly = ({ stripe }: Pick<ObservedServer, 'stripe'>, delayMs: number) =>
  stripe.playWith(() => ({ kind: 'delay', delayMs, effect: 'kept' }));

async function connected(url: string): Promise<RawClient> {
  const client = rawClient(url);
  await once(client.socket, 'connect');
  return client;
}

const countCreated = ({ stripe }: Pick<ObservedServer, 'stripe'>) => allCreated(stripe.ledger).length;

const outcomes = (client: RawClient) =>
  client.received().responses.map(({ status, headers }) => [status, headers['connection']]);

/** Sends payments and setups over one connection, and over a new one after each Connection: close, until it is told to stop. */
async function orderUntil(isOver: () => boolean, url: string): Promise<string[]> {
  const responses: string[] = [];
  let client = rawClient(url);
  for (let count = 1; !isOver(); count += 1) {
    client.send(goods[responses.length % goods.length]!);
    const { status, headers } = await client.response(count);
    responses.push(`${status} ${headers['connection']}`);
    if (headers['connection'] === 'close') {
      await client.closed;
      client = rawClient(url);
      count = 0;
    }
  }
  client.socket.destroy();
  return responses;
}

it.concurrent('under load no request fails, responses say Connection: close, and /readyz says 503 while the port still accepts', async () => {
  const live = await liveServer();
  slowly(live, 20);
  let isOver = false;
  const load = Promise.all(Array.from({ length: 12 }, () => orderUntil(() => isOver, live.url)));
  await vi.waitUntil(() => countCreated(live) > 100, PATIENT);
  expect((await fetch(`${live.adminUrl}/readyz`)).status).toBe(200);

  const stopped = live.stop();
  expect((await fetch(`${live.adminUrl}/readyz`)).status).toBe(503);
  const before = countCreated(live);
  await delay(DRAIN_MS / 2);
  const late = await connected(live.url);
  late.send(good);
  await late.closed;
  expect(outcomes(late)).toEqual([[200, 'close']]);
  isOver = true;
  const responses = (await load).flat();
  await stopped;

  expect(responses.filter((response) => !response.startsWith('200 '))).toEqual([]);
  expect(countCreated(live)).toBe(responses.length + 1);
  expect(responses.filter((response) => response === '200 close').length).toBeGreaterThanOrEqual(
    countCreated(live) - before - 12,
  );
  expect(countCreated(live) - before).toBeGreaterThan(50);
});

it.concurrent('pipelined requests all get a response, and only the last says Connection: close', async () => {
  const live = await liveServer();
  slowly(live, 100);
  const client = await connected(live.url);
  const stopped = live.stop();
  client.send(Buffer.concat([...goods, good]));
  await client.closed;
  expect(outcomes(client)).toEqual([...goods.map(() => [200, 'keep-alive']), [200, 'close']]);
  await stopped;
});

it.concurrent('requests that are completed in time get a response, even one that takes longer than the drain', async () => {
  const live = await liveServer();
  const [inTime, slow, kept] = await Promise.all([1, 2, 3].map(() => connected(live.url)));
  kept!.send(good);
  await kept!.response();
  inTime!.send(halfSent);
  const stopped = live.stop();
  await delay(DRAIN_MS / 2);
  slowly(live, DRAIN_MS);
  // Behind complete requests it gets no 408, which would be taken for their response.
  slow!.send(Buffer.concat([good, good, halfSent]));
  await vi.waitUntil(() => countCreated(live) === 3, PATIENT);
  live.stripe.playWith(undefined);
  inTime!.send(lastByte);
  await delay(DRAIN_MS);
  slow!.send(lastByte);
  await stopped;
  await Promise.all([inTime, slow, kept].map((client) => client!.closed));
  expect(countCreated(live)).toBe(4);
  expect([inTime, slow, kept].map((client) => outcomes(client!))).toEqual([
    [[200, 'close']],
    [
      [200, 'keep-alive'],
      [200, 'close'],
    ],
    // Idle since before the drain: closed behind it.
    [[200, 'keep-alive']],
  ]);
});

it.concurrent('half-sent requests get 408 at the end of the drain, have no effect even if the rest comes, and do not delay the exit', async () => {
  const live = await liveServer();
  const [idle, silent, inHead, inBody, late] = await Promise.all([1, 2, 3, 4, 5].map(() => connected(live.url)));
  idle!.send(good);
  await idle!.response();
  inHead!.send(good.subarray(0, 60));
  inBody!.send(halfSent);
  const startedAt = performance.now();
  const stopped = live.stop();
  await delay(DRAIN_MS / 2);
  late!.send(halfSent);
  const refusals = await Promise.all([inHead, inBody, late].map((client) => client!.response()));
  inHead!.send(good.subarray(60));
  inBody!.send(lastByte);
  late!.send(lastByte);
  await stopped;
  expect(performance.now() - startedAt).toBeLessThan(DRAIN_MS + DEADLINE_MS / 2);
  await Promise.all([idle, silent, inHead, inBody, late].map((client) => client!.closed));

  expect(refusals).toMatchObject(refusals.map(() => ({ status: 408, headers: { connection: 'close' } })));
  expect(refusals.map(({ text }) => text)).toEqual(refusals.map(() => requestTimeout));
  expect([idle, silent, inHead, inBody, late].map((client) => client!.received().responses.length)).toEqual([
    1, 0, 1, 1, 1,
  ]);
  expect(countCreated(live)).toBe(1);
  const refused = live.log.filter(({ status }) => status === 408).map(({ requestId }) => requestId);
  expect(new Set(refused)).toEqual(new Set(refusals.map(({ headers }) => headers['x-request-id'])));
  expect(refused).toHaveLength(3);
  expect(live.log.at(-1)).toMatchObject({ msg: 'closed' });
});

it.concurrent('a process exits with 0 after its last response, and a second SIGTERM cuts no request', async () => {
  const stripe = await startFakeStripe();
  const child = await observedProcess(stripe.url, settings({ DRAIN_MS: `${DRAIN_MS}` }));
  slowly({ stripe }, DRAIN_MS + 1_000);
  const client = await connected(child.url);
  client.send(good);
  await vi.waitUntil(() => countCreated({ stripe }) === 1, PATIENT);
  const first = child.end();
  await delay(200);
  const second = child.end();
  await client.closed;
  expect(outcomes(client)).toEqual([[200, 'close']]);
  expect(await first).toMatchObject({ code: 0 });
  expect((await second).ms).toBeLessThan(DRAIN_MS + DEADLINE_MS);
  await stripe.close();
});

it.concurrent.each(['exception', 'rejection'] as const)(
  'an unhandled %s is logged without its message, requests in progress get their responses, and the process exits with 1',
  async (kind) => {
    const stripe = await startFakeStripe();
    const child = await observedProcess(stripe.url, settings({ DRAIN_MS: '300' }));
    slowly({ stripe }, 1_000);
    const response = pay(child.url);
    await vi.waitUntil(() => countCreated({ stripe }) === 1, PATIENT);
    child.crash(kind, 'zqcanary');
    expect((await response).status).toBe(200);
    expect(await child.exited).toBe(1);
    expect(child.output()).toContain('fatal error: draining, then exiting');
    expect(child.output()).not.toContain('zqcanary');
    await stripe.close();
  },
);

it.concurrent('a fatal error in the middle of a drain still exits with 1', async () => {
  const stripe = await startFakeStripe();
  const child = await observedProcess(stripe.url, settings({ DRAIN_MS: '500' }));
  const ended = child.end();
  await vi.waitUntil(() => child.output().includes('"draining"'), PATIENT);
  child.crash('exception', 'zqcanary');
  expect(await ended).toMatchObject({ code: 1 });
  await stripe.close();
});
