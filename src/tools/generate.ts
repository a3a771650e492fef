/** Part of `make generate`: prints generated/problems.ts, the contract's responses by the names of their examples. */
import document from '../../generated/openapi.json' with { type: 'json' };
import { dereference, readOperations } from '../contract/document.ts';

const operations = readOperations(dereference(document));

const problems = operations
  .flatMap(({ examples }) => examples)
  .filter(({ status }) => status >= 400)
  // The contract allows a retry after every 5xx and 408, and wherever it sends Retry-After.
  .map(({ name, status, headers, body }) => ({
    name,
    status,
    body,
    retry: status >= 500 || status === 408 || headers['Retry-After'] !== undefined,
  }));
const texts = [...new Set(problems.map((problem) => JSON.stringify(problem)))];

console.log(`/**
 * This file is made from openapi/openapi.yaml by \`make generate\`. Do not edit it.
 *
 * Every failure: the name of its example, status, body, and whether the same request may be sent again.
 */
export const problems = [
${texts.map((text) => `  ${text},`).join('\n')}
] as const;

/** The status of each response of an operation, by the name of its example. */
export interface Examples {
${operations
  .map(
    ({ id, examples }) =>
      `  ${id}: {\n${examples.map(({ name, status }) => `    ${name}: ${status};`).join('\n')}\n  };`,
  )
  .join('\n')}
}`);
