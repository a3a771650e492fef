/**
 * One intent per order, a payment or a setup, under every fault: instances of the live server are killed, stopped and drained, Stripe fails
 * in every way that the fake knows, requests are half-sent when an instance is drained, and clients repeat their requests
 * until they get a final response.
 *
 * `make chaos SECONDS=60 CLIENTS=16 INSTANCES=2 SEED=7`. Prints a report, and exits with 1 when a promise was broken.
 * The seed repeats all choices, but not their timing. `node test/system/chaos/chaos.ts --break keys` makes the clients send
 * a new key with each retry: a run that must fail.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { sha256 } from '../../../src/access/apiKeys.ts';
import type { OperationId } from '../../../src/contract/handler.ts';
import { startFakeStripe, type FakeStripe, type Ledger, type LedgerEntry } from '../../../src/fake-stripe/server.ts';
import { operations } from '../../support/contractDocument.ts';
import { allCreated, gatewayCalls } from '../../support/gatewayCalls.ts';
import { readNumbers } from '../../support/numbers.ts';
import { chaoticClients, type Clients, type Order, type Tenant } from './clients.ts';
import { chooseFault } from './faults.ts';
import { HALF_SENT } from './halfSent.ts';
import { startInstances, type Instances } from './instances.ts';
import { random } from './random.ts';

export interface ChaosOptions {
  /** How long faults are injected. Orders that are open by then are finished without faults. */
  seconds: number;
  clients: number;
  instances: number;
  seed: number;
  breakKeys?: boolean;
  /** Aborts the run at once. */
  signal?: AbortSignal;
}

export interface ChaosReport {
  /** What was requested and created, by operation. */
  operations: Readonly<Record<OperationId, { orders: number; intents: number }>>;
  clients: Clients['tally'];
  instances: Instances['tally'];
  /** How often each kind of fault was played. */
  faults: Record<string, number>;
  stripeRequests: number;
  /** The promises that were broken. Empty when the run passed. */
  broken: string[];
}

/** How long the clients may take to get their final responses once no more faults are injected. */
const FINISH_SECONDS = 30;

const TENANTS: readonly Tenant[] = [
  { name: 'north', apiKey: 'cv_chaos_north' },
  { name: 'south', apiKey: 'cv_chaos_south' },
];

/** Client secrets, Stripe's key, our keys and the customers' idempotency keys. */
const SECRETS = /_secret_|sk_test_|cv_chaos_|idem-/;

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const runEnded = AbortSignal.any([
    AbortSignal.timeout((options.seconds + FINISH_SECONDS) * 1000),
    ...(options.signal ? [options.signal] : []),
  ]);
  const stripe = await startFakeStripe();
  try {
    const instances = await startInstances({
      size: options.instances,
      stripeUrl: stripe.url,
      apiKeys: TENANTS.map(({ name, apiKey }) => `${name}:${sha256(apiKey).toString('hex')}`).join(),
      apiKey: TENANTS[0]!.apiKey,
      random: random(options.seed, 'half-sent'),
      secrets: SECRETS,
    });
    const killAll = () => instances.killAll();
    // Also when this process exits for an unexpected reason.
    process.once('exit', killAll);
    try {
      return await run(options, stripe, instances, runEnded);
    } finally {
      killAll();
      process.off('exit', killAll);
    }
  } finally {
    await stripe.close();
  }
}

async function run(options: ChaosOptions, stripe: FakeStripe, instances: Instances, runEnded: AbortSignal) {
  const faults = playFaults(stripe, options.seed);
  const faultsEnded = AbortSignal.any([AbortSignal.timeout(options.seconds * 1000), runEnded]);
  faultsEnded.addEventListener('abort', () => stripe.playWith(undefined));
  const clients = chaoticClients(instances, options.breakKeys ?? false, runEnded);
  // Clients come in pairs, one of each tenant, which use the same idempotency keys.
  const runs = Array.from({ length: options.clients }, (_, i) => {
    const tenant = TENANTS[i % TENANTS.length]!;
    const name = String(Math.floor(i / TENANTS.length));
    return clients.run({ tenant, name, faultsEnded, random: random(options.seed, `client ${i}`) });
  });
  await Promise.all([...runs, instances.injectFaults(random(options.seed, 'instances'), faultsEnded)]);
  // The request of a client that timed out may still create its intent, but never a second one.
  await sleep(runEnded.aborted ? 0 : 500);
  if (!runEnded.aborted) await instances.drainAll();
  return {
    operations: countByOperation(clients.orders, stripe),
    clients: clients.tally,
    instances: instances.tally,
    faults,
    stripeRequests: stripe.ledger.requestCount,
    broken: [...brokenInLedger(clients.orders, stripe), ...clients.broken, ...instances.broken],
  };
}

function playFaults(stripe: FakeStripe, seed: number): Record<string, number> {
  const played: Record<string, number> = {};
  const choices = random(seed, 'faults');
  stripe.playWith(() => {
    const fault = chooseFault(choices);
    const kind = fault?.kind ?? 'none';
    played[kind] = (played[kind] ?? 0) + 1;
    return fault;
  });
  return played;
}

function countByOperation(orders: readonly Order[], { ledger }: FakeStripe): ChaosReport['operations'] {
  const counts = operations.map(({ operationId }) => [
    operationId,
    {
      orders: orders.filter(({ operation }) => operation === operationId).length,
      intents: gatewayCalls[operationId].created(ledger).length,
    },
  ]);
  return Object.fromEntries(counts) as ChaosReport['operations'];
}

/** Compares the responses that the clients received with the intents in Stripe's ledger. */
function brokenInLedger(orders: readonly Order[], { ledger }: FakeStripe): string[] {
  const intents = allCreated(ledger);
  const intentsByOrder = Map.groupBy(intents, ({ metadata }) => metadata['order']);
  const perOrder = orders.flatMap(({ operation, id, cents, secrets, completedRequests, startedRequests }) => {
    const created = intentsByOrder.get(id) ?? [];
    const [intent] = created;
    const foreignSecrets = secrets.filter((secret) => secret !== intent?.clientSecret);
    return [
      ...(created.length === 1 ? [] : [`${id} has ${created.length} intents`]),
      ...(intent && !gatewayCalls[operation].created(ledger).includes(intent)
        ? [`${id} has an intent of another kind`]
        : []),
      ...(intent && hasOtherAmount(intent, cents) ? [`${id} has an intent with a wrong amount`] : []),
      ...(completedRequests === startedRequests
        ? []
        : [`${id} completed ${completedRequests} of ${startedRequests} requests`]),
      ...foreignSecrets.map((secret) => `${id} received a secret that is not its own: ${secret}`),
    ];
  });
  const halfSent = intentsByOrder.get(HALF_SENT) ?? [];
  const keys = new Set(intents.map(({ idempotencyKey }) => idempotencyKey));
  return [
    ...(intents.length === orders.length ? [] : [`${intents.length} intents for ${orders.length} orders`]),
    ...(keys.size === intents.length ? [] : [`${intents.length} intents under ${keys.size} keys`]),
    ...(halfSent.length === 0
      ? []
      : [`${halfSent.length} intents of requests that were half-sent at the end of a drain`]),
    ...perOrder,
  ];
}

/** Only payments have an amount. */
const hasOtherAmount = (intent: LedgerEntry | Ledger['intents'][number], cents: number): boolean =>
  'amount' in intent && (intent.amount !== cents || intent.currency !== 'usd');

/** The report as text. */
function formatReport({ seed, seconds }: ChaosOptions, report: ChaosReport): string {
  const { clients, instances, faults } = report;
  return [
    `seed        ${seed}, ${seconds} s of chaos`,
    ...Object.entries(report.operations).map(
      ([operation, { orders, intents }]) => `orders      ${orders} of ${operation}, which created ${intents} intents`,
    ),
    `attempts    ${clients.attempts}, at most ${clients.mostAttempts} for one order, ${clients.replayed} replayed`,
    `responses   ${list(clients.responses)}; the slowest after ${inSeconds(clients.slowestResponseMs)}`,
    `instances   ${instances.starts} started, ${instances.kills} killed, ${instances.stops} stopped, ${instances.drains} drained; the slowest drain took ${inSeconds(instances.slowestExitMs)}`,
    `logs        ${instances.logPauses} paused, ${instances.logClosures} closed`,
    `queue       ${instances.abandoned} requests abandoned before Stripe was called`,
    `half-sent   ${instances.halfSent} at the end of a drain, ${instances.rejected} received a 408`,
    `Stripe      ${report.stripeRequests} requests: ${list(faults)}`,
    `broken      ${report.broken.length === 0 ? 'none' : report.broken.length}`,
    ...report.broken.slice(0, 20).map((promise) => `  - ${promise}`),
  ].join('\n');
}

/** The most frequent first. */
const list = (counts: Record<string, number>) =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

const inSeconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

function readOptions(): ChaosOptions {
  const { values } = parseArgs({ options: { break: { type: 'string' } } });
  if (values.break !== undefined && values.break !== 'keys') throw new Error('--break: expected keys');
  const numbers = readNumbers({
    SECONDS: [60, 1, 3_600],
    CLIENTS: [16, 1, 200],
    INSTANCES: [2, 1, 10],
    SEED: [Date.now() % 1_000_000, 0, 999_999_999],
  });
  return {
    seconds: numbers.SECONDS,
    clients: numbers.CLIENTS,
    instances: numbers.INSTANCES,
    seed: numbers.SEED,
    breakKeys: values.break === 'keys',
  };
}

async function main(): Promise<void> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const options = readOptions();
  const report = await chaos({ ...options, signal: stopping.signal });
  console.log(formatReport(options, report));
  process.exitCode = report.broken.length === 0 && !stopping.signal.aborted ? 0 : 1;
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 2;
  }
}
