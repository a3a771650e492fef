import type { FakeStripe } from '../../src/fake-stripe/server.ts';
import type { DocumentedOperation } from '../support/contractDocument.ts';
import type { WireRequest } from '../support/exchange.ts';

/** One way to get one named answer of the contract. */
export interface Case {
  operation: DocumentedOperation;
  /** The name of the example that answers. */
  example: string;
  title: string;
  /** The request for a target, by its API key. */
  request: (apiKey: string) => WireRequest;
  /** An intent exists afterwards: not for a deployment where nobody asked for that. */
  creates?: true;
  /**
   * What has to happen on the live server before, where the request alone doesn't bring the answer about. Elsewhere this
   * answer can't be had by asking rightly: of a mock it is asked for with `Prefer`, of a deployment not at all.
   */
  arrange?: (stripe: FakeStripe, ask: (request: Case['request']) => Promise<unknown>) => Promise<void> | void;
  /** Settings that the live server needs for it. */
  settings?: Record<string, string>;
  /** Bytes instead of a request: what no HTTP client would send. The answer is read until the connection closes. */
  bytes?: string;
}

type Headers = readonly (readonly [name: string, value: string])[];

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

/** A case for each body, all with the same answer. */
export const bodies = (operation: DocumentedOperation, example: string, rows: Record<string, unknown>): Case[] =>
  Object.entries(rows).map(([title, body]) => ({
    operation,
    example,
    title,
    request: requestTo(operation)(json(body)),
  }));
