import { setTimeout as sleep } from 'node:timers/promises';
import { createSend, type WireResponse } from '../support/exchange.ts';
import { findSecret } from './clientSecrets.ts';
import type { ExchangeRecord, RunCheck } from './exchangeRecord.ts';
import type { Violation } from './judge.ts';
import type { Settings } from './settings.ts';

/** The fields of an intent that are compared. A publishable key reads all but the last two. */
interface StoredIntent {
  client_secret: string;
  created: number;
  status: string;
  payment_method_types: readonly string[];
  /** Of a payment intent. */
  amount?: number;
  currency?: string;
  capture_method?: string;
  allowed_payment_method_types?: readonly string[] | null;
  metadata?: Readonly<Record<string, string>>;
}

/** The API version that the service uses. */
const STRIPE_VERSION = '2026-10-28.endive';
const READ_MS = 10_000;
/** Stripe limits reads, too: 25 a second in test mode. */
const PAUSES_MS = [500, 1_000, 2_000];

/** The entry of a case's metadata by which its intents are found, in a value of its own for each run. */
export const RUN_MARK = 'contractRun';

/** Why STRIPE_KEY can't read intents. Undefined where it can. */
export async function findStripeObstacle(settings: Settings): Promise<string | undefined> {
  if (settings.stripeKey === undefined || !settings.creates) return undefined;
  const response = await readStripe(settings, '/v1/payment_intents/pi_none?client_secret=pi_none_secret_none').catch(
    ({ message }: Error) => message,
  );
  if (typeof response === 'string') return `${settings.stripeUrl} does not respond: ${response}`;
  return response.status === 401 || response.status === 403
    ? `Stripe refuses STRIPE_KEY: ${response.status}. It must be allowed to read payment intents and setup intents.`
    : undefined;
}

/** Reads the created intents with STRIPE_KEY, and compares them with what was asked for. */
export const findWrongIntents: RunCheck = async (records, settings) => {
  if (settings.stripeKey === undefined) return [];
  const findings = [];
  for (const record of records) {
    const secret = record.response && record.violations.length === 0 ? findSecret(record.response) : undefined;
    const violations = secret === undefined ? [] : await judgeIntent(record, secret, settings);
    findings.push(...violations.map((violation) => ({ record, violation })));
  }
  return findings;
};

async function judgeIntent(record: ExchangeRecord, secret: string, settings: Settings): Promise<Violation[]> {
  const [id = ''] = secret.split('_secret_');
  const collection = id.startsWith('pi_') ? '/v1/payment_intents' : '/v1/setup_intents';
  const response = await readPatiently(settings, `${collection}/${id}?client_secret=${secret}`);
  if (response === undefined || response.status === 429 || response.status >= 500) {
    const reason = `Stripe does not show its intent: ${response?.status ?? 'no response'}`;
    Object.assign(record, { skipReason: reason, isUnresolved: true });
    return [];
  }
  if (response.status !== 200) {
    const { error } = JSON.parse(response.text) as { error?: { message?: string } };
    return differ('intent', 'one with this client secret, in the account of STRIPE_KEY', error?.message);
  }
  const intent = JSON.parse(response.text) as StoredIntent;
  return [...compareIntent(record, secret, intent), ...(await findCopies(record, collection, intent, settings))];
}

function compareIntent({ request }: ExchangeRecord, secret: string, intent: StoredIntent): Violation[] {
  const asked = JSON.parse(String(request.body ?? '') || '{}') as {
    amount?: number;
    paymentMethodTypes?: string[];
    metadata?: Record<string, string>;
  };
  const payment = [
    ...compare('amount at Stripe', Math.round(asked.amount! * 100), intent.amount),
    ...compare('currency at Stripe', 'usd', intent.currency),
    ...compare('capture method at Stripe', 'automatic', intent.capture_method?.replace('automatic_async', 'automatic')),
    ...compareTypes(asked.paymentMethodTypes, intent),
  ];
  return [
    ...(intent.client_secret === secret ? [] : differ('client secret', 'that of its intent', 'that of another')),
    ...compare('status at Stripe', 'requires_payment_method', intent.status),
    ...(secret.startsWith('pi_') ? payment : []),
    ...(intent.metadata === undefined ? [] : compareMetadata(asked.metadata, intent.metadata)),
  ];
}

/** Stripe offers those of the allowed types that fit the amount, the currency and the account. */
function compareTypes(asked: readonly string[] | undefined, intent: StoredIntent): Violation[] {
  const { allowed_payment_method_types: allowed, payment_method_types: offered } = intent;
  const isOffered = asked === undefined || offered.every((type) => asked.includes(type));
  return [
    ...(isOffered ? [] : differ('payment method types at Stripe', `some of ${String(asked)}`, String(offered))),
    ...(allowed === undefined ? [] : compare('allowed types at Stripe', asked ?? null, allowed)),
  ];
}

/** Stripe keeps no empty values. The service adds entries of its own. */
function compareMetadata(asked: Record<string, string> = {}, stored: Readonly<Record<string, string>>): Violation[] {
  const names = new Set([...Object.keys(asked), ...Object.keys(stored).filter((name) => !name.startsWith('cv_'))]);
  return [...names]
    .map((name) => ({ name, expected: readEntry(asked, name), got: readEntry(stored, name) }))
    .filter(({ expected, got }) => expected !== got)
    .map(({ name, expected, got }) => ({ part: 'metadata at Stripe', expected: `${name}: ${expected}`, got }));
}

function readEntry(metadata: Readonly<Record<string, string>>, name: string): string {
  const value = Object.hasOwn(metadata, name) ? metadata[name] : '';
  return value === '' ? 'nothing' : JSON.stringify(value);
}

/** Intents with the same mark, which only a restricted key can list. */
async function findCopies(
  { request, isRepeated }: ExchangeRecord,
  collection: string,
  { created, metadata }: StoredIntent,
  settings: Settings,
): Promise<Violation[]> {
  const mark = metadata?.[RUN_MARK];
  if (mark === undefined || isRepeated || !String(request.body).includes(mark)) return [];
  let copies = 0;
  let last: string | undefined;
  do {
    const after = last === undefined ? '' : `&starting_after=${last}`;
    const query = `limit=100&created[gte]=${created - 60}&created[lte]=${created + 60}${after}`;
    const response = await readPatiently(settings, `${collection}?${query}`);
    if (response?.status !== 200) return [];
    const { data, has_more: hasMore } = JSON.parse(response.text) as {
      data: { id: string; metadata: Record<string, string> }[];
      has_more: boolean;
    };
    copies += data.filter((intent) => intent.metadata[RUN_MARK] === mark).length;
    last = hasMore ? data.at(-1)?.id : undefined;
  } while (last !== undefined);
  return copies === 1 ? [] : differ('intents at Stripe', 'one', String(copies));
}

/** The last response; undefined if none comes. */
async function readPatiently(settings: Settings, path: string): Promise<WireResponse | undefined> {
  for (const pauseMs of [...PAUSES_MS, undefined]) {
    const response = await readStripe(settings, path).catch(() => undefined);
    const isFinal = response !== undefined && response.status !== 429 && response.status < 500;
    if (isFinal || pauseMs === undefined) return response;
    await sleep(pauseMs);
  }
  return undefined;
}

function readStripe({ stripeUrl, stripeKey, proxies }: Settings, path: string): Promise<WireResponse> {
  const headers = [
    ['Authorization', `Bearer ${stripeKey}`],
    ['Stripe-Version', STRIPE_VERSION],
  ] as const;
  return createSend(proxies)(stripeUrl, { method: 'GET', path, headers }, AbortSignal.timeout(READ_MS));
}

const compare = (part: string, expected: unknown, got: unknown): Violation[] =>
  JSON.stringify(expected) === JSON.stringify(got) ? [] : differ(part, JSON.stringify(expected), JSON.stringify(got));

const differ = (part: string, expected: string, got: string | undefined): Violation[] => [
  { part, expected, ...(got !== undefined && { got }) },
];
