import { randomUUID } from 'node:crypto';
import { Agent, request as open } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { scenarios } from '../../support/contractDocument.ts';
import type { Instance, Instances } from './instances.ts';
import type { Random } from './random.ts';

export interface Tenant {
  name: string;
  apiKey: string;
}

/** One payment of a client, which may send its request several times. */
export interface Payment {
  /** Also in the intent's metadata, to find the intents of a payment. */
  id: string;
  tenant: Tenant;
  /** Both tenants use the same keys. */
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
  /** Pays until `faultsEnded` is aborted, then finishes the open payment. Never rejects. */
  run(options: { tenant: Tenant; name: string; random: Random; faultsEnded: AbortSignal }): Promise<void>;
  readonly payments: Payment[];
  readonly tally: {
    attempts: number;
    responses: Record<string, number>;
    replayed: number;
    mostAttempts: number;
    slowestResponseMs: number;
  };
  readonly broken: string[];
}

/** The ledger of the fake Stripe holds 10,000 intents: no run may create more. */
const MAX_PAYMENTS = 9_000;

const PATH = '/api/v1/payments/intent';

/** Longer than any response may take. */
const LONGEST_TIMEOUT_MS = 12_000;

/**
 * Clients that repeat each request until it gets a final response. `runEnded` aborts all waiting, and `breakKeys` sends a
 * new idempotency key with each retry.
 */
export function chaoticClients(instances: Instances, breakKeys: boolean, runEnded: AbortSignal): Clients {
  const agent = new Agent({ keepAlive: true });
  const payments: Payment[] = [];
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
    for (let n = 1; !faultsEnded.aborted && payments.length < MAX_PAYMENTS; n++) {
      const payment: Payment = {
        id: `${tenant.name}-${name}-${n}`,
        tenant,
        idempotencyKey: `idem-${name}-${n}`,
        cents: random.integer(50, 100_000),
        attempts: 0,
        secrets: [],
        completedRequests: 0,
        startedRequests: random.chance(0.1) ? 2 : 1,
      };
      payments.push(payment);
      await Promise.all(Array.from({ length: payment.startedRequests }, () => payUntilFinal(payment, random)));
    }
  }

  async function payUntilFinal(payment: Payment, random: Random): Promise<void> {
    while (!runEnded.aborted) {
      if (await hasFinalResponse(payment, random)) return;
      await sleep(random.between(20, 300));
    }
  }

  /** Sends the request once. False when it has to be sent again. */
  async function hasFinalResponse(payment: Payment, random: Random): Promise<boolean> {
    const ready = instances.ready();
    if (ready.length === 0) return false;
    const instance = random.pick(ready);
    const timeout = AbortSignal.timeout(chooseTimeoutMs(random));
    const response = await attempt(instance, payment, AbortSignal.any([timeout, runEnded]));
    if (response === undefined) return false;
    if (response.status === 200) {
      payment.secrets.push(readSecret(response.text));
      payment.completedRequests += 1;
      return true;
    }
    // The payment is valid: any other status would be a final error.
    if (!isRetryable(response)) broken.push(`${payment.id} got ${response.status}: ${response.text}`);
    return !isRetryable(response);
  }

  /** One request; undefined when it got no response. */
  async function attempt(
    instance: Instance,
    payment: Payment,
    signal: AbortSignal,
  ): Promise<{ status: number; text: string } | undefined> {
    tally.attempts += 1;
    payment.attempts += 1;
    tally.mostAttempts = Math.max(tally.mostAttempts, payment.attempts);
    const startedAt = performance.now();
    try {
      const response = await post(instance.address!.url, agent, createRequest(payment, breakKeys), signal);
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
      if (instance.wasDrained) broken.push(`${payment.id} failed with ${code} on an instance that was drained`);
      return undefined;
    }
  }

  return { run, payments, tally, broken };
}

/** Some wait for any response, some for a while, and some disconnect so soon that their request may still be queued. */
function chooseTimeoutMs(random: Random): number {
  if (random.chance(0.3)) return LONGEST_TIMEOUT_MS;
  return random.chance(0.2) ? random.integer(10, 200) : random.integer(200, 4_000);
}

function createRequest({ id, tenant, idempotencyKey, cents }: Payment, breakKeys: boolean) {
  const body = JSON.stringify({ amount: cents / 100, metadata: { payment: id } });
  const headers = {
    'cv-api-key': tenant.apiKey,
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Idempotency-Key': breakKeys ? randomUUID() : idempotencyKey,
  };
  return { headers, body };
}

/** A 409 has two meanings; every body must be the contract's. */
function isRetryable({ status, text }: { status: number; text: string }): boolean {
  return RETRYABLE.some((known) => known.status === status && JSON.stringify(known.body) === text);
}

const RETRYABLE = scenarios.filter(({ example }) =>
  ['idempotencyKeyInUse', 'tooManyRequests', 'internalError', 'providerUnavailable'].includes(example),
);

function readSecret(text: string): string {
  const { data } = JSON.parse(text) as { data?: { paymentIntentSecret?: string } };
  return data?.paymentIntentSecret ?? 'none';
}

function post(
  baseUrl: string,
  agent: Agent,
  { headers, body }: ReturnType<typeof createRequest>,
  signal: AbortSignal,
): Promise<{ status: number; text: string; replayed: boolean }> {
  return new Promise((resolve, reject) => {
    const request = open(baseUrl + PATH, { method: 'POST', headers, agent, signal });
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
