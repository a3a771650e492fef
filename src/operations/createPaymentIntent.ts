import { GatewayError, type GatewayFault, type IntentOrder, type PaymentGateway } from '../payments/gateway.ts';
import { providerKey } from '../payments/idempotency.ts';
import { dollarsToCents } from '../payments/money.ts';
import { Problem, type ProblemName } from '../problems.ts';
import type { Handler, OperationRequest } from './handler.ts';

type Request = OperationRequest<'createPaymentIntent'>;

/** Creates a payment intent at the gateway and answers with its client secret. */
export const createPaymentIntent =
  (gateway: PaymentGateway): Handler<'createPaymentIntent'> =>
  async (request) => {
    const intent = await gateway.createIntent(intentOrder(request)).catch((error: unknown) => {
      throw asProblem(error, request);
    });
    return {
      example: 'created',
      fields: { data: { paymentIntentSecret: intent.clientSecret } },
      headers: intent.replayed ? { 'Idempotent-Replayed': 'true' } : {},
      facts: {
        stripeRequestId: intent.requestId,
        replayed: intent.replayed,
        ...(intent.droppedMethodTypes.length > 0 && { droppedMethodTypes: intent.droppedMethodTypes }),
      },
    };
  };

function intentOrder({ tenant, operationId, body, headers, isAbandoned }: Request): IntentOrder {
  return {
    tenant,
    cents: dollarsToCents(body.amount),
    ...(body.paymentMethodTypes && { methodTypes: body.paymentMethodTypes }),
    metadata: body.metadata ?? {},
    idempotencyKey: providerKey(tenant, operationId, clientKey(headers['idempotency-key'])),
    ...(isAbandoned && { isAbandoned }),
  };
}

/** `key` and `"key"` are the same key; in the quoted form \" and \\ stand for one character (RFC 8941, section 3.3.3). */
function clientKey(header: string | undefined): string | undefined {
  return header?.startsWith('"') ? header.slice(1, -1).replace(/\\(["\\])/g, '$1') : header;
}

function asProblem(error: unknown, request: Request): unknown {
  if (!(error instanceof GatewayError)) return error;
  // Without a key of the client's, nobody can ask for this very intent again: the key in use is one of our own retries'.
  const isOwnKey = error.fault === 'keyInUse' && request.headers['idempotency-key'] === undefined;
  const problem = isOwnKey ? 'providerUnavailable' : PROBLEMS[error.fault];
  const waits = problem === 'providerUnavailable' || problem === 'idempotencyKeyInUse';
  const headers = {
    ...(waits && error.retryAfterSeconds && { 'Retry-After': String(error.retryAfterSeconds) }),
    ...(error.details.replayed && { 'Idempotent-Replayed': 'true' }),
  };
  return new Problem(problem, { cause: error, headers });
}

const PROBLEMS = {
  amountTooSmall: 'amountTooSmall',
  amountTooLarge: 'amountTooLarge',
  methodTypesRefused: 'invalidPaymentMethodTypes',
  metadataRefused: 'invalidMetadata',
  keyReused: 'idempotencyKeyReused',
  keyInUse: 'idempotencyKeyInUse',
  unavailable: 'providerUnavailable',
  broken: 'internalError',
} as const satisfies Record<GatewayFault, ProblemName>;
