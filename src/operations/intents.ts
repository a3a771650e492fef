import { GatewayError, type CreatedIntent, type GatewayFault, type Order } from '../payments/gateway.ts';
import { intentReference, providerKey } from '../payments/idempotency.ts';
import { Problem, type ProblemName, type ProblemNameOf } from '../contract/problems.ts';
import type { OperationId, OperationRequest, Success } from '../contract/handler.ts';

type Request = Pick<OperationRequest<OperationId>, 'operationId' | 'tenant' | 'idempotencyKey' | 'isAbandoned'> & {
  body?: { metadata?: Readonly<Record<string, string>> } | undefined;
};

/** The operation's name for each failure of the gateway. */
export type ProblemsByFault<Id extends OperationId> = Readonly<Record<GatewayFault, ProblemNameOf<Id>>>;

/** The failures that every operation has. */
export const PROBLEMS = {
  metadataRefused: 'invalidMetadata',
  keyReused: 'idempotencyKeyReused',
  keyInUse: 'idempotencyKeyInUse',
  unavailable: 'providerUnavailable',
  broken: 'internalError',
} as const satisfies Partial<Record<GatewayFault, ProblemName>>;

/**
 * Creates an intent at the gateway: what all operations have in common that create one.
 *
 * Returns the intent, and the parts of the success that are the same for all. Throws a Problem of the operation.
 */
export async function createIntent<Id extends OperationId, Intent extends CreatedIntent>(
  request: Request,
  problems: ProblemsByFault<Id>,
  create: (order: Order) => Promise<Intent>,
): Promise<{ intent: Intent } & Required<Pick<Success<Id>, 'headers' | 'logFields'>>> {
  const order = readOrder(request);
  const reference = intentReference(order.idempotencyKey);
  const intent = await create(order).catch((error: unknown) => {
    throw toProblem<Id>(error, request, problems, reference);
  });
  const { replayed, requestId: stripeRequestId } = intent;
  return {
    intent,
    headers: replayed ? { 'Idempotent-Replayed': 'true' } : {},
    logFields: { cv_reference: reference, stripeRequestId, replayed },
  };
}

function readOrder({ tenant, operationId, body, idempotencyKey, isAbandoned }: Request): Order {
  return {
    tenant,
    metadata: body?.metadata ?? {},
    idempotencyKey: providerKey(tenant, operationId, idempotencyKey),
    ...(isAbandoned && { isAbandoned }),
  };
}

function toProblem<Id extends OperationId>(
  error: unknown,
  request: Request,
  problems: ProblemsByFault<Id>,
  reference: string,
): Problem<Id> {
  if (!(error instanceof GatewayError)) return new Problem('internalError', { cause: error, reference });
  // Without a client's key, only our own earlier attempt can hold the key, and the client can't retry with it.
  const isOwnKey = error.fault === 'keyInUse' && request.idempotencyKey === undefined;
  const problem: string = problems[isOwnKey ? 'unavailable' : error.fault];
  const waits = problem === 'providerUnavailable' || problem === 'idempotencyKeyInUse';
  const headers = {
    ...(waits && error.retryAfterSeconds && { 'Retry-After': String(error.retryAfterSeconds) }),
    ...(error.details.replayed && { 'Idempotent-Replayed': 'true' }),
  };
  return Problem.named(problem, { cause: error, headers, reference });
}
