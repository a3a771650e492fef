/** Stripe's error object, https://docs.stripe.com/api/errors. */

export type ErrorType = 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';

export interface StripeErrorFields {
  type: ErrorType;
  message: string;
  code?: string | undefined;
  param?: string | undefined;
}

/** What Stripe refuses before it begins to execute. Thrown, so that nothing of it is kept under an idempotency key. */
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

export function unrecognizedUrl(method: string, path: string): Refusal {
  const help = 'Please see https://stripe.com/docs or we can help at https://support.stripe.com/.';
  return new Refusal(404, `Unrecognized request URL (${method}: ${path}). ${help}`);
}

export function errorBody(fields: StripeErrorFields, requestId: string): string {
  const error = {
    ...(fields.code !== undefined && { code: fields.code, doc_url: docUrl(fields.code) }),
    message: fields.message,
    ...(fields.param !== undefined && { param: fields.param }),
    request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}?t=${Math.floor(Date.now() / 1000)}`,
    type: fields.type,
  };
  return JSON.stringify({ error }, null, 2);
}

function docUrl(code: string): string {
  return `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}`;
}
