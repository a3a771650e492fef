import type { Examples } from '../../generated/problems.ts';

/** The problems that can end a request to any operation. Every operation must document them: see lint.ts. */
export const sharedProblemNames = [
  'expectationFailed',
  'headersTooLarge',
  'internalError',
  'invalidApiKey',
  'invalidRequest',
  'methodNotAllowed',
  'notFound',
  'requestTimeout',
  'tooManyRequests',
] as const;

/** The problems that can end a request to an operation with a body. */
export const bodyProblemNames = ['bodyTooLarge', 'invalidBody', 'unsupportedMediaType'] as const;

export type SharedProblemName = (typeof sharedProblemNames)[number] | (typeof bodyProblemNames)[number];

/** The failures that the contract documents for an operation. */
export type ProblemNameOf<Id extends keyof Examples> = {
  [Name in keyof Examples[Id]]: Examples[Id][Name] extends 200 ? never : Name & string;
}[keyof Examples[Id]];

/** A failure of any operation. */
export type ProblemName = SharedProblemName | { [Id in keyof Examples]: ProblemNameOf<Id> }[keyof Examples];

/**
 * A request that ends with a failure from the contract. What caused it stays ours: it is logged, never sent.
 *
 * `new Problem('notFound')` takes what every operation documents; `new Problem<'createPaymentIntent'>('amountTooSmall')`
 * takes what this operation documents.
 */
export class Problem<Id extends keyof Examples = never> extends Error {
  /** The name of the example in the contract. */
  readonly example: ProblemName;
  /** Headers of this response that differ from the example's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** By which an intent that may exist is found at the provider, for the log. */
  readonly reference: string | undefined;
  /** What is wrong, to the letter, for a developer at the mock. It can quote the request: the live server never asks. */
  readonly detail: (() => string) | undefined;

  constructor(
    example: SharedProblemName | ([Id] extends [never] ? never : ProblemNameOf<Id>),
    options: ProblemOptions = {},
  ) {
    // Nobody reads where a refusal was made, and noting it costs more than the rest of it. A cause has its own.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(example, { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'Problem';
    this.example = example as ProblemName;
    this.headers = options.headers ?? {};
    this.reference = options.reference;
    this.detail = options.detail;
  }

  /** Of a name that is only known at run time: from `x-problems`, which lint.ts has checked, or from another Problem. */
  static named(name: string, options?: ProblemOptions): Problem {
    return new Problem(name as SharedProblemName, options);
  }
}

interface ProblemOptions {
  cause?: unknown;
  headers?: Record<string, string>;
  reference?: string;
  detail?: () => string;
}
