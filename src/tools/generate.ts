/** Part of `make generate`: prints generated/problems.ts, the failures of the contract by the names of their examples. */
import document from '../../generated/openapi.json' with { type: 'json' };
import { dereference } from '../contract/references.ts';

interface DescribedResponse {
  content: { 'application/json': { examples: Record<string, NamedExample> } };
}
interface NamedExample {
  value: object;
  'x-headers'?: Record<string, string>;
}

const exampleResponses = Object.values(dereference(document).paths)
  .flatMap((methods) => Object.values(methods))
  .flatMap(({ responses }) => Object.entries(responses as unknown as Record<string, DescribedResponse>))
  .map(([status, response]): [number, DescribedResponse] => [Number(status), response]);

const problems = exampleResponses
  .filter(([status]) => status >= 400)
  .flatMap(([status, { content }]) =>
    Object.entries(content['application/json'].examples).map(([name, { value, 'x-headers': headers }]) => [
      name,
      // Where the contract says to wait, it says to ask again; and it says so of every fault of ours.
      { status, body: value, retry: status >= 500 || status === 408 || headers?.['Retry-After'] !== undefined },
    ]),
  );

console.log(`/**
 * This file is made from openapi/openapi.yaml by \`make generate\`. Do not edit it.
 *
 * Every failure by the name of its example: status, body, and whether the same request may be sent again.
 */
export const problems = ${JSON.stringify(Object.fromEntries(problems), null, 2)} as const;`);
