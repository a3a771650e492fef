import type { Operation } from '../contract/document.ts';
import type { Problem } from '../contract/problems.ts';
import { didYouMean } from '../nearest.ts';
import type { Choice } from './directives.ts';

/** Why a request was refused, for `Mock-Reason`. */
export function explainProblem(
  { example, detail, headers }: Problem,
  { method, path }: { method: string; path: string },
  operations: readonly Operation[],
): string {
  if (example === 'notFound') return explainPath(path, operations);
  if (example === 'methodNotAllowed') return `this path has the method ${headers['Allow']}, not ${method}`;
  const documented = operations.flatMap(({ examples }) => examples).find(({ name }) => name === example);
  return detail?.() ?? documented?.summary ?? '';
}

function explainPath(path: string, operations: readonly Operation[]): string {
  const nearest = didYouMean(path, [...new Set(operations.map((operation) => operation.path))]);
  const routes = operations.map((operation) => `${operation.method} ${operation.path}`);
  return `unknown path${nearest || `; this API has ${routes.join(', ')}`}`;
}

/** Why a scenario can't be sent, and all that can be. */
export function explainChoice(
  { source, example = '' }: Choice,
  operation: Operation,
  operations: readonly Operation[],
): { reason: string; scenarios: string } {
  const listed = operation.examples.map(({ status, name }) => `${status} ${name}`);
  return {
    reason: `${source}: ${operation.id} has no such scenario${findHint(example, operation, operations)}`,
    scenarios: `Scenarios of ${operation.id}: ${listed.join(', ')}`,
  };
}

function findHint(example: string, { examples }: Operation, operations: readonly Operation[]): string {
  const own = examples.find(({ name }) => name === example);
  if (own) return `; ${example} has the status ${own.status}`;
  const owner = operations.find((operation) => operation.examples.some(({ name }) => name === example));
  if (owner) return `; ${example} is a scenario of ${owner.id}`;
  const names = examples.map(({ name }) => name);
  return didYouMean(example, names);
}
