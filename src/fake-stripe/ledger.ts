import type { IncomingHttpHeaders } from 'node:http';
import { append, remember } from './bounded.ts';
import type { Fault } from './faults.ts';
import { emptyForm, type Form } from './form.ts';
import { IdempotencyKeys } from './idempotency.ts';
import type { PaymentIntent } from './paymentIntents.ts';

/** What the fake received and created. The lists hold the latest 10,000; the counts include all. */
export interface Ledger {
  readonly intents: readonly LedgerIntent[];
  readonly intentCount: number;
  readonly requests: readonly LedgerRequest[];
  readonly requestCount: number;
}

export interface LedgerIntent {
  readonly id: string;
  readonly clientSecret: string;
  /** US cents. */
  readonly amount: number;
  readonly currency: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** As requested, before Stripe's filter. */
  readonly allowedPaymentMethodTypes: readonly string[] | undefined;
  readonly idempotencyKey: string | undefined;
  /** Of the request that created it. */
  readonly requestId: string;
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
  readonly requests: OpenRequest[] = [];
  readonly keys = new IdempotencyKeys();
  readonly faults: Fault[] = [];
  chooseFault: (() => Fault | undefined) | undefined;
  intentCount = 0;
  requestCount = 0;
  readonly #intentsByOwner = new Map<string, PaymentIntent>();

  openRequest(request: Pick<LedgerRequest, 'requestId' | 'method' | 'path' | 'headers'>): OpenRequest {
    const open = { ...request, rawBody: '', form: emptyForm(), outcome: {} };
    append(this.requests, open);
    this.requestCount += 1;
    return open;
  }

  enter(secretKey: string, intent: PaymentIntent, request: LedgerRequest): void {
    remember(this.#intentsByOwner, ownedBy(secretKey, intent.id), intent);
    append(this.intents, {
      id: intent.id,
      clientSecret: intent.client_secret,
      amount: intent.amount,
      currency: intent.currency,
      metadata: intent.metadata,
      allowedPaymentMethodTypes: intent.allowed_payment_method_types ?? undefined,
      idempotencyKey: readIdempotencyKey(request),
      requestId: request.requestId,
    });
    this.intentCount += 1;
  }

  find(secretKey: string, id: string): PaymentIntent | undefined {
    return this.#intentsByOwner.get(ownedBy(secretKey, id));
  }
}

export function readIdempotencyKey(request: LedgerRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' && key !== '' ? key : undefined;
}

const ownedBy = (secretKey: string, id: string): string => `${secretKey}\0${id}`;
