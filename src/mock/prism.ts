import { createLogger } from '@stoplight/prism-core';
import { createInstance, getHttpOperationsFromSpec, type IHttpConfig } from '@stoplight/prism-http';
import type { Operation } from '../contract/document.ts';
import { ContractError, type ContractIssue } from '../contract/lint.ts';
import type { ContractResponse } from '../contract/responses.ts';
import type { ScenarioResponses } from './responses.ts';

/**
 * Requests every scenario of the contract from Prism once, because its responses never change.
 *
 * Throws one ContractError that lists every scenario that Prism can't mock or whose example violates its schema.
 */
export async function prismResponses(document: object, operations: readonly Operation[]): Promise<ScenarioResponses> {
  // Prism resolves the references of the object that it is given.
  const resources = await getHttpOperationsFromSpec(structuredClone(document));
  // Requests are validated by the contract's engine, as in production.
  const config = {
    isProxy: false,
    checkSecurity: false,
    validateRequest: false,
    validateResponse: true,
    errors: false,
    upstreamProxy: undefined,
    mock: { dynamic: false },
  } satisfies IHttpConfig & { upstreamProxy: undefined };
  const prism = createInstance(config, { logger: createLogger('prism', { enabled: false }) });

  const responses: Record<string, Record<string, ContractResponse>> = {};
  const issues: ContractIssue[] = [];
  for (const operation of operations) {
    const own: Record<string, ContractResponse> = (responses[operation.id] = {});
    for (const { status, name: example, headers } of operation.examples) {
      const method = operation.method.toLowerCase() as Lowercase<'POST'>;
      const request = { method, url: { path: operation.path }, headers: {} };
      const mock = { ...config.mock, code: status, exampleKey: example };
      const result = await prism.request(request, resources, { ...config, mock })();
      const issue = (message: string, path: readonly (string | number)[] = []): ContractIssue => ({
        text: `${operation.id} ${status} ${example}: ${message}`,
        path: [...findExamplePath(operation, status, example), ...path.map(String)],
      });
      if (result._tag === 'Left') {
        issues.push(issue(result.left.message));
        continue;
      }
      const { output, validations } = result.right;
      issues.push(
        ...validations.output.map(({ path = [], message }) => issue(`${path.join('.')} ${message}`, path.slice(1))),
      );
      own[example] = { status: output.statusCode, headers, body: output.body as object };
    }
  }
  if (issues.length > 0) throw new ContractError("Prism can't mock this contract", issues);
  return responses;
}

const findExamplePath = ({ path, method }: Operation, status: number, example: string): string[] => {
  const place = `paths ${path} ${method.toLowerCase()} responses ${status} content application/json examples`;
  return [...place.split(' '), example, 'value'];
};
