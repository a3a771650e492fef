import document from '../../generated/openapi.json' with { type: 'json' };
import { problems } from '../../generated/problems.ts';
import type { ProblemName } from '../../src/client/problems.ts';
import type { OperationId } from '../../src/contract/handler.ts';

interface NamedExample {
  value: object;
  'x-headers'?: Record<string, string>;
}
interface Header {
  required: boolean;
  schema: object;
}
interface DocumentedResponse {
  content: { 'application/json': { schema: object; examples: Record<string, NamedExample> } };
  headers: Record<string, Header>;
}
export interface DocumentedOperation {
  operationId: OperationId;
  method: string;
  path: string;
  requestExamples: Record<string, { summary?: string; value: Record<string, unknown> }>;
  bodyLimitBytes: number;
  responses: Record<string, DocumentedResponse>;
}
interface Scenario {
  operation: DocumentedOperation;
  status: number;
  example: string;
  body: object;
  headers: Record<string, string>;
}

export { document };

/** The document with its references resolved, all of which are local. */
export const operations = listOperations(document);

/** The operations of another version of the document. */
export function listOperations(contract: typeof document): readonly DocumentedOperation[] {
  return Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      operationId: operation.operationId as OperationId,
      method: method.toUpperCase(),
      path,
      requestExamples: operation.requestBody.content['application/json'].examples,
      bodyLimitBytes: operation.requestBody['x-body-limit-bytes'],
      responses: dereference(operation.responses, contract) as Record<string, DocumentedResponse>,
    })),
  );
}

/** The shortest request example. */
export const validBody = ({ requestExamples }: DocumentedOperation): string =>
  Object.values(requestExamples)
    .map(({ value }) => JSON.stringify(value))
    .reduce((one, other) => (other.length < one.length ? other : one));

/** Every operation × status × named example of the contract. */
export const scenarios: readonly Scenario[] = operations.flatMap((operation) =>
  Object.entries(operation.responses).flatMap(([status, response]) =>
    Object.entries(response.content['application/json'].examples).map(([example, { value, ...rest }]) => ({
      operation,
      status: Number(status),
      example,
      body: value,
      headers: { ...rest['x-headers'], ...(Number(status) >= 300 && { 'X-Error-Code': example }) },
    })),
  ),
);

/** The problem with this name, as the client exports it. */
export const findProblem = (name: ProblemName) => problems.find((problem) => problem.name === name)!;

function dereference(node: unknown, contract: object): unknown {
  if (Array.isArray(node)) return node.map((item) => dereference(item, contract));
  if (typeof node !== 'object' || node === null) return node;
  if ('$ref' in node) return dereference(at(String(node.$ref), contract), contract);
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, dereference(value, contract)]));
}

function at(reference: string, contract: object): unknown {
  return reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], contract);
}
