import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { rawClient, rawRequest, type RawClient } from '../../support/rawHttp.ts';
import { scenarios } from '../../support/contractDocument.ts';
import type { Random } from './random.ts';

/** In the metadata of a payment that never comes whole in time: no intent may have it. */
export const HALF_SENT = 'half-sent';

/** Payments of which an instance has read a part when its drain begins. */
export interface HalfSent {
  /** Sends the rest to whom it was refused, and resolves with what broke a promise, when all connections are closed. */
  ended(withinMs: number): Promise<string[]>;
  /** How many have read a 408. */
  refused(): number;
}

/** Sends so many requests up to a byte at random, in the headers or the body. */
export async function sendInPart(url: string, apiKey: string, count: number, random: Random): Promise<HalfSent> {
  const whole = rawRequest(apiKey, { body: JSON.stringify({ amount: 10, metadata: { payment: HALF_SENT } }) });
  const requests = Array.from({ length: count }, () => ({
    client: rawClient(url),
    length: random.integer(1, whole.length - 1),
  }));
  for (const { client, length } of requests) {
    await Promise.race([once(client.socket, 'connect'), client.closed]);
    client.send(whole.subarray(0, length));
    void client.response().then(
      () => client.send(whole.subarray(length)),
      () => {},
    );
  }
  return {
    async ended(withinMs) {
      const broken = await Promise.all(requests.map(({ client }) => faultIn(client, withinMs)));
      return broken.filter((fault) => fault !== undefined);
    },
    refused: () => requests.filter(({ client }) => client.received().responses.length > 0).length,
  };
}

/** Nothing but a 408 or the end of the connection is right. */
async function faultIn(client: RawClient, withinMs: number): Promise<string | undefined> {
  const waiting = new AbortController();
  const isLate = sleep(withinMs, true, { signal: waiting.signal }).catch(() => false);
  const late = await Promise.race([isLate, client.closed.then(() => false)]);
  waiting.abort();
  client.socket.destroy();
  if (late) return `a half-sent request was open ${withinMs} ms after its instance was told to end`;
  const { responses, rest } = client.received();
  const isRefused = responses.every(({ status, text }) => status === 408 && text === REQUEST_TIMEOUT);
  return isRefused && responses.length <= 1 && rest === ''
    ? undefined
    : `a half-sent request read ${JSON.stringify(responses)}`;
}

const REQUEST_TIMEOUT = JSON.stringify(scenarios.find(({ example }) => example === 'requestTimeout')!.body);
