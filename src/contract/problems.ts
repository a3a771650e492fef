/**
 * The failures that code of ours answers with, by the names of their examples in the contract. The words and the status
 * stand there. Names that only validation answers with are not listed: the contract gives them in `x-problems`.
 */
export const problemNames = [
  'amountTooLarge',
  'amountTooSmall',
  'bodyTooLarge',
  'expectationFailed',
  'headersTooLarge',
  'idempotencyKeyInUse',
  'idempotencyKeyReused',
  'internalError',
  'invalidApiKey',
  'invalidBody',
  'invalidMetadata',
  'invalidPaymentMethodTypes',
  'invalidRequest',
  'methodNotAllowed',
  'notFound',
  'providerUnavailable',
  'requestTimeout',
  'tooManyRequests',
  'unsupportedMediaType',
] as const;

export type ProblemName = (typeof problemNames)[number];

/** A request that is answered with a failure from the contract. What caused it stays ours: it is logged, never sent. */
export class Problem extends Error {
  /** The name of the example in the contract. */
  readonly example: ProblemName;
  /** Headers of this answer that differ from the example's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** By which an intent that may exist is found at the provider, for the log. */
  readonly reference: string | undefined;
  /** What is wrong, to the letter, for a developer at the mock. It can quote the request: the live server never asks. */
  readonly detail: (() => string) | undefined;

  constructor(example: ProblemName, options: ProblemOptions = {}) {
    // Nobody reads where a refusal was made, and noting it costs more than the rest of it. A cause has its own.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(example, { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'Problem';
    this.example = example;
    this.headers = options.headers ?? {};
    this.reference = options.reference;
    this.detail = options.detail;
  }

  /** `name` is a name from `x-problems`: that it stands for an example was checked when the contract was opened. */
  static ofRule(name: string, detail: () => string): Problem {
    return new Problem(name as ProblemName, { detail });
  }
}

interface ProblemOptions {
  cause?: unknown;
  headers?: Record<string, string>;
  reference?: string;
  detail?: () => string;
}
