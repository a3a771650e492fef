import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { rawClient, rawRequest, type RawClient } from '../../support/rawHttp.ts';
import { operations, scenarios } from '../../support/contractDocument.ts';
import { orders } from './orders.ts';
import type { Random } from './random.ts';

/** The metadata of orders whose request is never completed in time: no intent may have it. */
export const HALF_SENT = 'half-sent';

/** Requests that an instance has read in part when its drain begins. */
export interface HalfSent {
  /** Resolves with the broken promises once all connections are closed. */
  ended(withinMs: number): Promise<string[]>;
  /** How many received a 408. */
  rejected(): number;
}

/** Sends `count` requests up to a random byte of the headers or the body, and the rest only after a response. */
export async function sendPartially(url: string, apiKey: string, count: number, random: Random): Promise<HalfSent> {
  const requests = Array.from({ length: count }, () => {
    const { operationId, path } = random.pick(operations);
    const body = JSON.stringify({ ...orders[operationId](1_000), metadata: { order: HALF_SENT } });
    const whole = rawRequest(apiKey, { target: path, body });
    return { client: rawClient(url), whole, length: random.integer(1, whole.length - 1) };
  });
  for (const { client, whole, length } of requests) {
    await Promise.race([once(client.socket, 'connect'), client.closed]);
    client.send(whole.subarray(0, length));
    void client.response().then(
      () => client.send(whole.subarray(length)),
      () => {},
    );
  }
  return {
    async ended(withinMs) {
      const broken = await Promise.all(requests.map(({ client }) => findFault(client, withinMs)));
      return broken.filter((fault) => fault !== undefined);
    },
    rejected: () => requests.filter(({ client }) => client.received().responses.length > 0).length,
  };
}

/** Only a 408 or a closed connection is correct. */
async function findFault(client: RawClient, withinMs: number): Promise<string | undefined> {
  const waiting = new AbortController();
  const isLate = sleep(withinMs, true, { signal: waiting.signal }).catch(() => false);
  const late = await Promise.race([isLate, client.closed.then(() => false)]);
  waiting.abort();
  client.socket.destroy();
  if (late) return `a half-sent request was open ${withinMs} ms after its instance received SIGTERM`;
  const { responses, rest } = client.received();
  const isRejected = responses.every(({ status, text }) => status === 408 && text === REQUEST_TIMEOUT);
  return isRejected && responses.length <= 1 && rest === ''
    ? undefined
    : `a half-sent request received ${JSON.stringify(responses)}`;
}

const REQUEST_TIMEOUT = JSON.stringify(scenarios.find(({ example }) => example === 'requestTimeout')!.body);
