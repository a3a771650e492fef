import { randomUUID } from 'node:crypto';
import { Agent, request as open } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationId } from '../../../src/contract/handler.ts';
import { readSecret } from '../../contract/judge.ts';
import { operations, scenarios } from '../../support/contractDocument.ts';
import type { Instance, Instances } from './instances.ts';
import { orders as bodies } from './orders.ts';
import type { Random } from './random.ts';

export interface Tenant {
  name: string;
  apiKey: string;
}

/** One order of a client, which may send its request several times. */
export interface Order {
  operation: OperationId;
  /** Also in the intent's metadata, to find the intents of an order. */
  id: string;
  tenant: Tenant;
  /** Both tenants use the same keys, for all operations. */
  idempotencyKey: string;
  cents: number;
  attempts: number;
  /** The secrets of all responses with status 200. */
  secrets: string[];
  /** How many of its requests got such a response. */
  completedRequests: number;
  /** How many requests were started, each repeated until it gets a final response. Two simulate a double click. */
  startedRequests: number;
}

export interface Clients {
  /** Orders until `faultsEnded` is aborted, then finishes what is open. Never rejects. */
  run(options: { tenant: Tenant; name: string; random: Random; faultsEnded: AbortSignal }): Promise<void>;
  readonly orders: Order[];
  readonly tally: {
    attempts: number;
    responses: Record<string, number>;
    replayed: number;
    mostAttempts: number;
    slowestResponseMs: number;
  };
  readonly broken: string[];
}

/** The ledger of the fake Stripe holds 10,000 intents of a kind: no run may create more. */
const MAX_ORDERS = 9_000;

/** Longer than any response may take. */
const LONGEST_TIMEOUT_MS = 12_000;

/**
 * Clients that repeat each request until it gets a final response. `runEnded` aborts all waiting, and `breakKeys` sends a
 * new idempotency key with each retry.
 */
export function chaoticClients(instances: Instances, breakKeys: boolean, runEnded: AbortSignal): Clients {
  const agent = new Agent({ keepAlive: true });
  const orders: Order[] = [];
  const broken: string[] = [];
  const tally = {
    attempts: 0,
    responses: {} as Record<string, number>,
    replayed: 0,
    mostAttempts: 0,
    slowestResponseMs: 0,
  };
  const count = (outcome: string) => (tally.responses[outcome] = (tally.responses[outcome] ?? 0) + 1);

  async function run({ tenant, name, random, faultsEnded }: Parameters<Clients['run']>[0]): Promise<void> {
    for (let n = 1; !faultsEnded.aborted && orders.length < MAX_ORDERS; n++) {
      // One operation, or all of them under the same key: they must not meet.
      const chosen = random.chance(0.3) ? operations : [random.pick(operations)];
      const made = chosen.map(({ operationId }): Order => ({
        operation: operationId,
        id: `${tenant.name}-${name}-${n}-${operationId}`,
        tenant,
        idempotencyKey: `idem-${name}-${n}`,
        cents: random.integer(50, 100_000),
        attempts: 0,
        secrets: [],
        completedRequests: 0,
        startedRequests: random.chance(0.1) ? 2 : 1,
      }));
      orders.push(...made);
      const requests = made.flatMap((order) => Array.from({ length: order.startedRequests }, () => order));
      await Promise.all(requests.map((order) => sendUntilFinal(order, random)));
    }
  }

  async function sendUntilFinal(order: Order, random: Random): Promise<void> {
    while (!runEnded.aborted) {
      if (await hasFinalResponse(order, random)) return;
      await sleep(random.between(20, 300));
    }
  }

  /** Sends the request once. False when it has to be sent again. */
  async function hasFinalResponse(order: Order, random: Random): Promise<boolean> {
    const ready = instances.ready();
    if (ready.length === 0) return false;
    const instance = random.pick(ready);
    const timeout = AbortSignal.timeout(chooseTimeoutMs(random));
    const response = await attempt(instance, order, AbortSignal.any([timeout, runEnded]));
    if (response === undefined) return false;
    if (response.status === 200) {
      order.secrets.push(readSecret(response.text) ?? 'none');
      order.completedRequests += 1;
      return true;
    }
    // The order is valid: any other status would be a final error.
    if (!isRetryable(response)) broken.push(`${order.id} got ${response.status}: ${response.text}`);
    return !isRetryable(response);
  }

  /** One request; undefined when it got no response. */
  async function attempt(
    instance: Instance,
    order: Order,
    signal: AbortSignal,
  ): Promise<{ status: number; text: string } | undefined> {
    tally.attempts += 1;
    order.attempts += 1;
    tally.mostAttempts = Math.max(tally.mostAttempts, order.attempts);
    const startedAt = performance.now();
    try {
      const response = await post(instance.address!.url, agent, createRequest(order, breakKeys), signal);
      count(String(response.status));
      tally.replayed += Number(response.replayed);
      tally.slowestResponseMs = Math.max(tally.slowestResponseMs, performance.now() - startedAt);
      return response;
    } catch (error) {
      if (signal.aborted) {
        count('timed out');
        return undefined;
      }
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      count(code);
      if (instance.wasDrained) broken.push(`${order.id} failed with ${code} on an instance that was drained`);
      return undefined;
    }
  }

  return { run, orders, tally, broken };
}

/** Some wait for any response, some for a while, and some disconnect so soon that their request may still be queued. */
function chooseTimeoutMs(random: Random): number {
  if (random.chance(0.3)) return LONGEST_TIMEOUT_MS;
  return random.chance(0.2) ? random.integer(10, 200) : random.integer(200, 4_000);
}

function createRequest({ operation, id, tenant, idempotencyKey, cents }: Order, breakKeys: boolean) {
  const { path } = operations.find(({ operationId }) => operationId === operation)!;
  const body = JSON.stringify({ ...bodies[operation](cents), metadata: { order: id } });
  const headers = {
    'cv-api-key': tenant.apiKey,
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Idempotency-Key': breakKeys ? randomUUID() : idempotencyKey,
  };
  return { path, headers, body };
}

/** A 409 has two meanings; every body must be the contract's. */
function isRetryable({ status, text }: { status: number; text: string }): boolean {
  return RETRYABLE.some((known) => known.status === status && JSON.stringify(known.body) === text);
}

const RETRYABLE = scenarios.filter(({ example }) =>
  ['idempotencyKeyInUse', 'tooManyRequests', 'internalError', 'providerUnavailable'].includes(example),
);

function post(
  baseUrl: string,
  agent: Agent,
  { path, headers, body }: ReturnType<typeof createRequest>,
  signal: AbortSignal,
): Promise<{ status: number; text: string; replayed: boolean }> {
  return new Promise((resolve, reject) => {
    const request = open(baseUrl + path, { method: 'POST', headers, agent, signal });
    request.on('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode!,
          text: Buffer.concat(chunks).toString(),
          replayed: response.headers['idempotent-replayed'] === 'true',
        }),
      );
    });
    request.end(body);
  });
}
