import { GatewayError, type GatewayFault, type PaymentGateway, type PaymentOrder } from '../payments/gateway.ts';
import { intentReference, parseClientKey, providerKey } from '../payments/idempotency.ts';
import { dollarsToCents } from '../payments/money.ts';
import { Problem, type ProblemNameOf } from '../contract/problems.ts';
import type { Handler, OperationRequest } from '../contract/handler.ts';

type Request = OperationRequest<'createPaymentIntent'>;

/** Creates a payment intent at the gateway and returns its client secret. */
export const createPaymentIntent =
  (gateway: PaymentGateway): Handler<'createPaymentIntent'> =>
  async (request) => {
    const order = intentOrder(request);
    const reference = intentReference(order.idempotencyKey);
    const intent = await gateway.createPaymentIntent(order).catch((error: unknown) => {
      throw toProblem(error, request, reference);
    });
    return {
      example: 'created',
      fields: { data: { paymentIntentSecret: intent.clientSecret } },
      headers: intent.replayed ? { 'Idempotent-Replayed': 'true' } : {},
      logFields: {
        cv_reference: reference,
        stripeRequestId: intent.requestId,
        replayed: intent.replayed,
        ...(intent.droppedMethodTypes.length > 0 && { droppedMethodTypes: intent.droppedMethodTypes }),
      },
    };
  };

function intentOrder({ tenant, operationId, body, headers, isAbandoned }: Request): PaymentOrder {
  const keyHeader = headers['idempotency-key'];
  return {
    tenant,
    cents: dollarsToCents(body.amount),
    ...(body.paymentMethodTypes && { methodTypes: body.paymentMethodTypes }),
    metadata: body.metadata ?? {},
    idempotencyKey: providerKey(tenant, operationId, keyHeader && parseClientKey(keyHeader)),
    ...(isAbandoned && { isAbandoned }),
  };
}

function toProblem(error: unknown, request: Request, reference: string): Problem<'createPaymentIntent'> {
  if (!(error instanceof GatewayError)) return new Problem('internalError', { cause: error, reference });
  // Without a client's key, only our own earlier attempt can hold the key, and the client can't retry with it.
  const isOwnKey = error.fault === 'keyInUse' && request.headers['idempotency-key'] === undefined;
  const problem = isOwnKey ? 'providerUnavailable' : PROBLEMS[error.fault];
  const waits = problem === 'providerUnavailable' || problem === 'idempotencyKeyInUse';
  const headers = {
    ...(waits && error.retryAfterSeconds && { 'Retry-After': String(error.retryAfterSeconds) }),
    ...(error.details.replayed && { 'Idempotent-Replayed': 'true' }),
  };
  return new Problem<'createPaymentIntent'>(problem, { cause: error, headers, reference });
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
} as const satisfies Record<GatewayFault, ProblemNameOf<'createPaymentIntent'>>;
