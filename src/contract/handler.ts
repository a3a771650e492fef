import type { operations } from '../../generated/openapi.d.ts';
import type { Examples } from '../../generated/problems.ts';

export type OperationId = keyof operations;

/** One handler per operation; the compiler reports a missing one. */
export type Handlers = { [Id in OperationId]: Handler<Id> };

/**
 * Runs an operation on a valid request. Returns success and throws failure: a `Problem<Id>` becomes the response of that name,
 * any other error becomes `internalError`.
 */
export type Handler<Id extends OperationId> = (request: OperationRequest<Id>) => Promise<Success<Id>>;

export interface OperationRequest<Id extends OperationId> {
  operationId: Id;
  /** Whose API key came with the request. */
  tenant: string;
  /** The client's, bare: from the header or the body. */
  idempotencyKey: string | undefined;
  body: JsonBody<operations[Id]>;
  /** Decoded. */
  params: Parameters<operations[Id], 'path'>;
  query: Parameters<operations[Id], 'query'>;
  /** By lower-case name. Only the headers in the contract are validated. */
  headers: LowerCaseKeys<Parameters<operations[Id], 'header'>>;
  /** Whether the client has closed its side of the connection. It may still read the response, which is rare. */
  isAbandoned?: () => boolean;
}

export interface Success<Id extends OperationId> {
  /** The name of the response example that gives the status and the constant fields. */
  example: SuccessName<Id>;
  /** The fields that are not constants in the contract. */
  fields: VariableFields<SuccessBody<operations[Id]>>;
  headers?: Record<string, string>;
  logFields?: OperationLogFields;
}

/** Fields that a successful operation adds to its log line. Never secrets. */
export interface OperationLogFields {
  /** Our reference in the intent's metadata at Stripe. */
  cv_reference?: string;
  stripeRequestId?: string | undefined;
  replayed?: boolean;
  /** Payment method types that the request asked for and Stripe does not offer. */
  droppedMethodTypes?: readonly string[];
}

/** The names of the successful responses of an operation. */
export type SuccessName<Id extends OperationId> = {
  [Name in keyof Examples[Id]]: Examples[Id][Name] extends 200 | 201 | 202 | 204 ? Name : never;
}[keyof Examples[Id]];

type JsonBody<Operation> = Operation extends { requestBody: { content: { 'application/json': infer Body } } }
  ? Body
  : Operation extends { requestBody?: { content: { 'application/json': infer Body } } }
    ? Body | undefined
    : undefined;
type Parameters<Operation, In extends 'path' | 'query' | 'header'> = Operation extends { parameters: infer Places }
  ? In extends keyof Places
    ? [NonNullable<Places[In]>] extends [never]
      ? {}
      : NonNullable<Places[In]>
    : {}
  : {};
type SuccessBody<Operation> = Operation extends { responses: { 200: { content: { 'application/json': infer Body } } } }
  ? Body
  : never;
/** Without constants (`status: 200`), which come from the example. So does `success`, which is not an enum in the contract. */
type VariableFields<Body> = {
  [
    Name in keyof Body as Name extends 'success' ? never : IsConstant<Body[Name]> extends true ? never : Name
  ]: Body[Name];
};
type IsConstant<Value> = Value extends string | number
  ? string extends Value
    ? false
    : number extends Value
      ? false
      : true
  : false;
type LowerCaseKeys<Headers> = { [Name in keyof Headers as Lowercase<Name & string>]: Headers[Name] };
