import { problems } from '../../generated/problems.ts';

type Problems = typeof problems;

/** The name of a failure of the contract, such as `amountTooSmall`. */
export type ProblemName = keyof Problems;

/** A failure of the contract: its name decides its status and its body. */
export type ContractProblem = {
  [Name in ProblemName]: {
    readonly name: Name;
    readonly status: Problems[Name]['status'];
    readonly body: Problems[Name]['body'];
  };
}[ProblemName];

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
  const found = Object.entries(problems).find(([, problem]) => problem.status === status && equals(problem.body, body));
  if (!found) return { name: 'unknownAnswer', status, body: text };
  const [name, problem] = found;
  return { name, status, body: problem.body } as ContractProblem;
}

/** Whether the same request, with the same key, may be sent again. An unknown 5xx is taken for one of the contract's. */
export function isRetriable(problem: ContractProblem | UnknownAnswer): boolean {
  return problem.name === 'unknownAnswer' ? problem.status >= 500 : problems[problem.name].retry;
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
