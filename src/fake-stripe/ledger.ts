import type { IncomingHttpHeaders } from 'node:http';
import { append, remember } from './bounded.ts';
import type { Fault } from './faults.ts';
import { emptyForm, type Form } from './form.ts';
import { IdempotencyKeys } from './idempotency.ts';
import type { Intent } from './intents.ts';
import type { PaymentIntent } from './paymentIntents.ts';
import type { SetupIntent } from './setupIntents.ts';

/** What the fake received and created. The lists hold the latest 10,000; the counts include all. */
export interface Ledger {
  /** Payment intents. */
  readonly intents: readonly LedgerIntent[];
  readonly intentCount: number;
  readonly setupIntents: readonly LedgerEntry[];
  readonly setupIntentCount: number;
  readonly requests: readonly LedgerRequest[];
  readonly requestCount: number;
}

/** An intent of any kind. */
export interface LedgerEntry {
  readonly id: string;
  readonly clientSecret: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly idempotencyKey: string | undefined;
  /** Of the request that created it. */
  readonly requestId: string;
}

export interface LedgerIntent extends LedgerEntry {
  /** US cents. */
  readonly amount: number;
  readonly currency: string;
  /** As requested, before Stripe's filter. */
  readonly allowedPaymentMethodTypes: readonly string[] | undefined;
}

export interface LedgerRequest {
  readonly requestId: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** By lower-case name. The key in `authorization` is masked, except for its prefix. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** Empty if the connection was reset before the body was read. */
  readonly rawBody: string;
  /** Empty if the body can't be decoded. */
  readonly form: Readonly<Form>;
  readonly outcome: Outcome;
}

interface Outcome {
  /** The fault that was played. */
  readonly fault?: Fault;
  /** Undefined while in progress, and if no response was sent. */
  readonly status?: number;
  /** Stripe replayed a stored response, even if the fault then changed it. */
  readonly replayed?: boolean;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A request in progress. */
export interface OpenRequest extends Writable<LedgerRequest> {
  outcome: Writable<Outcome>;
}

/** All state that `reset()` replaces. Requests in progress continue with the old state. */
export class Memory implements Ledger {
  readonly intents: LedgerIntent[] = [];
  readonly setupIntents: LedgerEntry[] = [];
  readonly requests: OpenRequest[] = [];
  readonly keys = new IdempotencyKeys();
  readonly faults: Fault[] = [];
  chooseFault: (() => Fault | undefined) | undefined;
  intentCount = 0;
  setupIntentCount = 0;
  requestCount = 0;
  readonly #intentsByOwner = new Map<string, Intent>();

  openRequest(request: Pick<LedgerRequest, 'requestId' | 'method' | 'path' | 'headers'>): OpenRequest {
    const open = { ...request, rawBody: '', form: emptyForm(), outcome: {} };
    append(this.requests, open);
    this.requestCount += 1;
    return open;
  }

  /** Records an intent and the request that created it. */
  enter(account: string, intent: PaymentIntent | SetupIntent, request: LedgerRequest): void {
    remember(this.#intentsByOwner, ownedBy(account, `${request.path}/${intent.id}`), intent);
    const entry = {
      id: intent.id,
      clientSecret: intent.client_secret,
      metadata: intent.metadata,
      idempotencyKey: readIdempotencyKey(request),
      requestId: request.requestId,
    };
    if (intent.object === 'setup_intent') {
      append(this.setupIntents, entry);
      this.setupIntentCount += 1;
      return;
    }
    const { amount, currency, allowed_payment_method_types: allowed } = intent;
    append(this.intents, { ...entry, amount, currency, allowedPaymentMethodTypes: allowed ?? undefined });
    this.intentCount += 1;
  }

  /** The intent at its own path, such as `/v1/payment_intents/pi_1`. */
  find(account: string, path: string): Intent | undefined {
    return this.#intentsByOwner.get(ownedBy(account, path));
  }

  /** The intents below a path such as `/v1/payment_intents`, the oldest first. */
  list(account: string, path: string): readonly Intent[] {
    const owned = ownedBy(account, `${path}/`);
    return [...this.#intentsByOwner].filter(([name]) => name.startsWith(owned)).map(([, intent]) => intent);
  }
}

export function readIdempotencyKey(request: LedgerRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' && key !== '' ? key : undefined;
}

const ownedBy = (account: string, path: string): string => `${account}\0${path}`;
