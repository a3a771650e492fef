/** Stripe's error object, https://docs.stripe.com/api/errors. */

export type ErrorType = 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';

export interface StripeErrorFields {
  type: ErrorType;
  message: string;
  code?: string | undefined;
  param?: string | undefined;
}

/** An error before Stripe begins to execute. Thrown, so that it is not stored under the idempotency key. */
export class Refusal extends Error {
  readonly status: number;
  readonly fields: StripeErrorFields;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    fields: Partial<StripeErrorFields> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
    this.fields = { type: 'invalid_request_error', message, ...fields };
    this.headers = headers;
  }
}

/** Fields without a value are left out. */
export function errorBody({ type, message, code, param }: StripeErrorFields, requestId: string): string {
  const error = {
    code,
    doc_url: code && `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}`,
    message,
    param,
    request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}?t=${Math.floor(Date.now() / 1000)}`,
    type,
  };
  return JSON.stringify({ error }, null, 2);
}
