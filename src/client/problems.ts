import { problems } from '../../generated/problems.ts';

/** A failure of the contract: its name decides its status and its body. */
export type ContractProblem = (typeof problems)[number] extends infer Known
  ? Known extends { name: unknown; status: unknown; body: unknown }
    ? Pick<Known, 'name' | 'status' | 'body'>
    : never
  : never;

/** The name of a failure of the contract, such as `amountTooSmall`. */
export type ProblemName = ContractProblem['name'];

/**
 * No answer of the service's came: the network failed, or took too long, or the answer was a redirect, which a browser does
 * not show. Whether a payment exists is unknown.
 */
export interface NoAnswer {
  readonly name: 'noAnswer';
  readonly status: undefined;
  readonly body: undefined;
  readonly cause: unknown;
}

/** An answer that the contract doesn't know, say of a proxy on the way, or a redirect: none is followed. */
export interface UnknownAnswer {
  readonly name: 'unknownAnswer';
  readonly status: number;
  /** As it came. */
  readonly body: string;
}

export type PaymentProblem = ContractProblem | NoAnswer | UnknownAnswer;

/** The failure of the contract that this answer is. */
export function readProblem(status: number, text: string): ContractProblem | UnknownAnswer {
  const body = parsed(text);
  const found = problems.find((problem) => problem.status === status && equals(problem.body, body));
  if (!found) return { name: 'unknownAnswer', status, body: text };
  return { name: found.name, status, body: found.body } as ContractProblem;
}

/** Whether the same request, with the same key, may be sent again. An unknown 5xx is taken for one of the contract's. */
export function isRetriable(problem: ContractProblem | UnknownAnswer): boolean {
  if (problem.name === 'unknownAnswer') return problem.status >= 500;
  return problems.some(({ name, retry }) => name === problem.name && retry);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Failures are flat. */
function equals(known: object, body: unknown): boolean {
  const answered = (body ?? {}) as Record<string, unknown>;
  const fields = Object.entries(known);
  return fields.length === Object.keys(answered).length && fields.every(([name, value]) => answered[name] === value);
}
