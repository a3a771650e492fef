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

/** What one client wants to be paid, once. */
export interface Payment {
  /** Also in the metadata, by which the intent is found. */
  id: string;
  tenant: Tenant;
  /** Both tenants use the same ones. */
  idempotencyKey: string;
  cents: number;
  attempts: number;
  /** Of all its answers with status 200. */
  secrets: string[];
  /** How many of its requests have ended with one. */
  answered: number;
  /** How many requests were begun, each repeated until it is answered. Two for an impatient customer's double click. */
  asked: number;
}

export interface Clients {
  /** Pays until `calm` is aborted, then ends what was begun. Rejects never. */
  run(options: { tenant: Tenant; name: string; random: Random; calm: AbortSignal }): Promise<void>;
  readonly payments: Payment[];
  readonly tally: {
    attempts: number;
    answers: Record<string, number>;
    replayed: number;
    mostAttempts: number;
    slowestAnswerMs: number;
  };
  readonly broken: string[];
}

/** The ledger of the fake Stripe holds 10,000 intents: no run may ask for more. */
const MAX_PAYMENTS = 9_000;

const PATH = '/api/v1/payments/intent';

/** Longer than any answer may take. */
const PATIENT_MS = 12_000;

/** Clients that repeat their requests until they are answered; `over` ends all waiting. `breakKeys` breaks their promise. */
export function chaoticClients(instances: Instances, breakKeys: boolean, over: AbortSignal): Clients {
  const agent = new Agent({ keepAlive: true });
  const payments: Payment[] = [];
  const broken: string[] = [];
  const tally = {
    attempts: 0,
    answers: {} as Record<string, number>,
    replayed: 0,
    mostAttempts: 0,
    slowestAnswerMs: 0,
  };
  const count = (response: string) => (tally.answers[response] = (tally.answers[response] ?? 0) + 1);

  async function run({ tenant, name, random, calm }: Parameters<Clients['run']>[0]): Promise<void> {
    for (let n = 1; !calm.aborted && payments.length < MAX_PAYMENTS; n++) {
      const payment: Payment = {
        id: `${tenant.name}-${name}-${n}`,
        tenant,
        idempotencyKey: `idem-${name}-${n}`,
        cents: random.integer(50, 100_000),
        attempts: 0,
        secrets: [],
        answered: 0,
        asked: random.chance(0.1) ? 2 : 1,
      };
      payments.push(payment);
      await Promise.all(Array.from({ length: payment.asked }, () => payUntilAnswered(payment, random)));
    }
  }

  async function payUntilAnswered(payment: Payment, random: Random): Promise<void> {
    while (!over.aborted) {
      if (await isAnswered(payment, random)) return;
      await sleep(random.between(20, 300));
    }
  }

  /** False where the same request has to be sent again. */
  async function isAnswered(payment: Payment, random: Random): Promise<boolean> {
    const ready = instances.ready();
    if (ready.length === 0) return false;
    const instance = random.pick(ready);
    const patience = AbortSignal.timeout(patienceMs(random));
    const response = await attempt(instance, payment, AbortSignal.any([patience, over]));
    if (response === undefined) return false;
    if (response.status === 200) {
      payment.secrets.push(secretIn(response.text));
      payment.answered += 1;
      return true;
    }
    // Any other one would be final, and the payment is right.
    if (!isRetryable(response)) broken.push(`${payment.id} was answered ${response.status}: ${response.text}`);
    return !isRetryable(response);
  }

  /** One request; undefined when it got no answer. */
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
      tally.slowestAnswerMs = Math.max(tally.slowestAnswerMs, performance.now() - startedAt);
      return response;
    } catch (error) {
      if (signal.aborted) {
        count('gave up');
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

/** Some wait for any response, some for a while, and some leave so soon that their request may still be queued. */
function patienceMs(random: Random): number {
  if (random.chance(0.3)) return PATIENT_MS;
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

function secretIn(text: string): string {
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
