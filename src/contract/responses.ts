import type { NamedExample, Operation } from './document.ts';
import type { ProblemName } from './problems.ts';

/** A response to send. The body is JSON. */
export interface ContractResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: object;
}

/** Indexes the named examples. lint.ts has checked that those exist that `problem` needs. */
export function indexResponses(operations: readonly Operation[]) {
  const indexes = new Map(operations.map((operation) => [operation.id, indexByName(operation.examples)]));
  // Without an operation, the first operation that documents the problem provides the example.
  const shared = indexByName(operations.flatMap(({ examples }) => examples));
  return {
    /** Throws if the operation has no example of this name, which the types of handlers exclude. */
    success({ id }: Operation, name: string): NamedExample {
      const example = indexes.get(id)!.get(name);
      if (!example) throw new Error(`${id}: no response has an example named ${name}`);
      return example;
    },
    /** Never throws: an undocumented problem becomes `internalError`. */
    problem(operation: Operation | undefined, name: ProblemName): NamedExample {
      const examples = operation ? indexes.get(operation.id)! : shared;
      return examples.get(name) ?? examples.get('internalError')!;
    },
  };
}

const indexByName = (examples: readonly NamedExample[]) =>
  new Map(examples.toReversed().map((example) => [example.name, example]));
