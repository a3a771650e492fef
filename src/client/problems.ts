import { problems } from '../../generated/problems.ts';

/** A problem that the contract documents: its name determines its status and body. */
export type ContractProblem = (typeof problems)[number] extends infer Known
  ? Known extends { name: unknown; status: unknown; body: unknown }
    ? Pick<Known, 'name' | 'status' | 'body'>
    : never
  : never;

/** The name of a problem of the contract, such as `amountTooSmall`. */
export type ProblemName = ContractProblem['name'];

/** No response was received: the network failed or timed out. Whether a payment exists is unknown. */
export interface NoResponse {
  readonly name: 'noResponse';
  readonly status: undefined;
  readonly body: undefined;
  /** Says why. Not the error itself, which may hold the request with its API key. */
  readonly message: string;
}

/** A response that is not in the contract, for example from a proxy, or a redirect, which is not followed. */
export interface UnknownResponse {
  readonly name: 'unknownResponse';
  /** 0 for a redirect that a browser hid, or that the `fetch` of the options followed. */
  readonly status: number;
  /** Unparsed. */
  readonly body: string;
}

export type PaymentProblem = ContractProblem | NoResponse | UnknownResponse;

/**
 * Finds the contract's problem for an error response: by its `X-Error-Code`, or by its body, as services before version 1.2 of
 * the contract do not send that header.
 */
export function readProblem({ status, headers }: Response, text: string): ContractProblem | UnknownResponse {
  const errorCode = headers.get('x-error-code');
  const body = parseJson(text);
  const candidates = problems.filter((problem) => problem.status === status);
  const found =
    candidates.find(({ name }) => name === errorCode) ?? candidates.find((problem) => equals(problem.body, body));
  if (!found) return { name: 'unknownResponse', status, body: text };
  return { name: found.name, status, body: found.body } as ContractProblem;
}

/** Whether the request may be retried with the same key. An unknown 408, 429 or 5xx is treated like the contract's. */
export function isRetriable(problem: PaymentProblem): boolean {
  if (problem.name === 'noResponse') return true;
  if (problem.name === 'unknownResponse') return problem.status >= 500 || [408, 429].includes(problem.status);
  return problems.some(({ name, retry }) => name === problem.name && retry);
}

/** The value; undefined if the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Compares flat objects. */
function equals(known: object, body: unknown): boolean {
  const received = (body ?? {}) as Record<string, unknown>;
  const fields = Object.entries(known);
  return fields.length === Object.keys(received).length && fields.every(([name, value]) => received[name] === value);
}
