import type { operations } from '../../generated/openapi.d.ts';
import type { Examples } from '../../generated/problems.ts';

export type OperationId = keyof operations;

/** One function per operation of the contract; the compiler names the one that is missing. */
export type Handlers = { [Id in OperationId]: Handler<Id> };

/**
 * Carries out an operation on a request that the contract has found valid. Success is returned, failure is thrown: as a
 * `Problem<Id>` it becomes its response, anything else is a fault of ours and becomes `internalError`.
 */
export type Handler<Id extends OperationId> = (request: OperationRequest<Id>) => Promise<Success<Id>>;

export interface OperationRequest<Id extends OperationId> {
  operationId: Id;
  /** Whose API key came with the request. */
  tenant: string;
  body: JsonBody<operations[Id]>;
  /** Decoded, by name. */
  params: Parameters<operations[Id], 'path'>;
  query: Parameters<operations[Id], 'query'>;
  /** By lower-case name. Only those that the contract describes were checked. */
  headers: LowerCaseKeys<Parameters<operations[Id], 'header'>>;
  /** Whether the client has closed its side of the connection. It is most likely gone, but may still read the response. */
  isAbandoned?: () => boolean;
}

export interface Success<Id extends OperationId> {
  /** The name of the example in the contract that gives the status and the constant fields. */
  example: SuccessName<Id>;
  /** The fields that the contract does not fix. */
  fields: VariableFields<SuccessBody<operations[Id]>>;
  headers?: Record<string, string>;
  logFields?: OperationLogFields;
}

/** Fields that a successful operation adds to its log line. Never secrets. */
export interface OperationLogFields {
  /** By which the intent is found at Stripe, in its metadata. */
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
/** Without the constants: a field with one possible value (`status: 200`) is the contract's to say. */
type VariableFields<Body> = {
  [Name in keyof Body as IsConstant<Body[Name]> extends true ? never : Name]: Body[Name];
};
type IsConstant<Value> = Value extends string
  ? string extends Value
    ? false
    : true
  : Value extends number
    ? number extends Value
      ? false
      : true
    : Value extends boolean
      ? true
      : false;
type LowerCaseKeys<Headers> = { [Name in keyof Headers as Lowercase<Name & string>]: Headers[Name] };
