import type { FakeStripe } from '../../src/fake-stripe/server.ts';
import type { DocumentedOperation } from '../support/contractDocument.ts';
import type { WireRequest } from '../support/exchange.ts';

/** One request that leads to one named example of the contract. */
export interface Case {
  operation: DocumentedOperation;
  /** The name of the expected example. */
  example: string;
  title: string;
  /** The request to a target with this API key. */
  request: (apiKey: string) => WireRequest;
  /** Creates an intent. On a deployment, only with CREATE=1. */
  creates?: true;
  /** Creates an intent on a server that skips the check in question. On a deployment, only with CREATE=1. */
  mayCreate?: true;
  /** Requests that are sent before, in this order, and may create intents. On a deployment, only with CREATE=1. */
  first?: readonly FirstRequest[];
  /** The first requests are sent at the same time. */
  isFirstAtOnce?: true;
  /** The response is that to the first requests: the same secret, marked as replayed. */
  replays?: true;
  /** Gateways often change such a request, or refuse it themselves: on a deployment, any 4xx is right. */
  isFreeInFront?: true;
  /**
   * What has to happen on the live server before, where the request alone does not lead to the response. A mock gets it by
   * `Prefer`; a deployment is not tested for it.
   */
  arrange?: (stripe: FakeStripe, sendFirst: (request: Case['request']) => Promise<unknown>) => Promise<void> | void;
  /** Settings of the live server for this case. */
  settings?: Record<string, string>;
  /** Bytes instead of a request, which no HTTP client would send. The response is read until the connection closes. */
  bytes?: string;
}

/** A request before that of the case, by the same tenant or by another. */
export interface FirstRequest {
  request: Case['request'];
  byAnotherTenant?: true;
  /** It is another call, between those that are the same. */
  isBetween?: true;
}

export type Headers = readonly (readonly [name: string, value: string])[];

/** A text is sent as it is, anything else as JSON. */
export const json = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));

/** A request to the operation, with its key, as JSON unless the headers say otherwise. */
export const requestTo =
  (operation: DocumentedOperation) =>
  (body: string | Uint8Array | undefined, headers: Headers = []) =>
  (apiKey: string): WireRequest => ({
    method: operation.method,
    path: operation.path,
    headers: [['cv-api-key', apiKey], ...withContentType(body, headers)],
    body,
  });

function withContentType(body: string | Uint8Array | undefined, headers: Headers): Headers {
  const isGiven = body === undefined || headers.some(([name]) => name.toLowerCase() === 'content-type');
  return isGiven ? headers : [['Content-Type', 'application/json'], ...headers];
}

/** A case for each body, all with the same expected example. */
export const bodies = (operation: DocumentedOperation, example: string, rows: Record<string, unknown>): Case[] =>
  Object.entries(rows).map(([title, body]) => ({
    operation,
    example,
    title,
    request: requestTo(operation)(json(body)),
  }));
