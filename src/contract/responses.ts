import type { NamedExample, Operation } from './document.ts';
import type { ProblemName } from './problems.ts';

/** A response as it will be sent. The body is JSON. */
export interface ContractResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: object;
}

/** The responses of a contract, by the names of their examples. */
export interface Responses {
  /** Throws where the operation has no example of this name, which the types of handlers exclude. */
  success(operation: Operation, name: string): NamedExample;
  /** Of an operation, or of a request that belongs to none. Never throws: what is not documented is a fault of ours. */
  problem(operation: Operation | undefined, name: ProblemName): NamedExample;
}

/** Indexes the named examples. lint.ts has found all that `problem` needs. */
export function indexResponses(operations: readonly Operation[]): Responses {
  const indexes = new Map(operations.map((operation) => [operation.id, indexByName(operation.examples)]));
  // Outside of an operation, the first one that documents a failure gives its words.
  const shared = indexByName(operations.flatMap(({ examples }) => examples));
  return {
    success({ id }, name) {
      const example = indexes.get(id)!.get(name);
      if (!example) throw new Error(`${id}: no response has an example named ${name}`);
      return example;
    },
    problem(operation, name) {
      const examples = operation ? indexes.get(operation.id)! : shared;
      return examples.get(name) ?? examples.get('internalError')!;
    },
  };
}

const indexByName = (examples: readonly NamedExample[]) =>
  new Map(examples.toReversed().map((example) => [example.name, example]));
