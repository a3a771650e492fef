import type { operations } from '../../generated/openapi.d.ts';

export type OperationId = keyof operations;

/** One function per operation of the contract; the compiler names the one that is missing. */
export type Handlers = { [Id in OperationId]: Handler<Id> };

/** Carries out an operation on a request that the contract has found valid. Success is returned, failure thrown as a Problem. */
export type Handler<Id extends OperationId> = (request: OperationRequest<Id>) => Promise<Success<Id>>;

export interface OperationRequest<Id extends OperationId> {
  operationId: Id;
  /** Whose API key came with the request. */
  tenant: string;
  body: JsonBody<operations[Id]>;
  /** By lower-case name. Only those that the contract describes were checked. */
  headers: LowerCaseKeys<HeaderParameters<operations[Id]>>;
  /** Whether the client has closed its side of the connection. It is most likely gone, but may still read the response. */
  isAbandoned?: () => boolean;
}

export interface Success<Id extends OperationId> {
  /** The name of the example in the contract that gives the status and the words. */
  example: string;
  /** The fields of that example that are this request's own. */
  fields?: Partial<SuccessBody<operations[Id]>>;
  headers?: Record<string, string>;
  logFields?: OperationLogFields;
}

/** What the log line and the metrics say of a success: nothing secret. */
export interface OperationLogFields {
  /** By which the intent is found at Stripe, in its metadata. */
  cv_reference?: string;
  stripeRequestId?: string | undefined;
  replayed?: boolean;
  /** Payment method types that were asked for and are not offered. */
  droppedMethodTypes?: readonly string[];
}

type JsonBody<Operation> = Operation extends { requestBody: { content: { 'application/json': infer Body } } }
  ? Body
  : undefined;
type HeaderParameters<Operation> = Operation extends { parameters: { header?: infer Headers } }
  ? NonNullable<Headers>
  : {};
type SuccessBody<Operation> = Operation extends { responses: { 200: { content: { 'application/json': infer Body } } } }
  ? Body
  : never;
type LowerCaseKeys<Headers> = { [Name in keyof Headers as Lowercase<Name & string>]: Headers[Name] };
