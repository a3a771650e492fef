import type { Examples } from '../../generated/problems.ts';

/** Problems of any request. lint.ts makes sure that every operation documents them. */
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

/** Problems of any operation with a body. */
export const bodyProblemNames = ['bodyTooLarge', 'invalidBody', 'unsupportedMediaType'] as const;

export type SharedProblemName = (typeof sharedProblemNames)[number] | (typeof bodyProblemNames)[number];

/** The problems that the contract documents for an operation. */
export type ProblemNameOf<Id extends keyof Examples> = {
  [Name in keyof Examples[Id]]: Examples[Id][Name] extends 200 ? never : Name & string;
}[keyof Examples[Id]];

export type ProblemName = SharedProblemName | { [Id in keyof Examples]: ProblemNameOf<Id> }[keyof Examples];

/**
 * A failure that the contract documents, by the name of its example. The cause is logged, never sent.
 *
 * `new Problem('notFound')` accepts the problems of every operation, `new Problem<'createPaymentIntent'>('amountTooSmall')`
 * those of this operation.
 */
export class Problem<Id extends keyof Examples = never> extends Error {
  /** The name of the example in the contract. */
  readonly example: ProblemName;
  /** Headers of this response that differ from the example's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** For the log: the reference of an intent that may exist at the provider. */
  readonly reference: string | undefined;
  /** Details for the mock's `Mock-Reason`. They can quote the request, so the live server never reads them. */
  readonly detail: (() => string) | undefined;

  constructor(
    example: SharedProblemName | ([Id] extends [never] ? never : ProblemNameOf<Id>),
    options: ProblemOptions = {},
  ) {
    // No stack trace: capturing one costs more than the rest, and the cause has its own.
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

  /** For a name known only at run time: from `x-problems`, which lint.ts has checked, or from another Problem. */
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
