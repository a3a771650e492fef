import type { NamedExample, Operation, Parameter } from '../contract/document.ts';
import { curlLine } from '../docs/curl.ts';
import { MOCK_HEADERS } from './directives.ts';

export const SCENARIOS_PATH = '/_mock/scenarios';

/** The scenarios of the next requests. */
export const NEXT_PATH = '/_mock/next';

/** A scenario of the contract, with a command that requests it. */
export type ListedScenario = Omit<NamedExample, 'name'> & { example: string; curl: string };

export interface ListedOperation {
  operation: string;
  method: string;
  path: string;
  /** A valid request, as a scenario needs. */
  request: { headers: Readonly<Record<string, string>>; body: unknown };
  scenarios: readonly ListedScenario[];
}

/** Lists every scenario. `apiKeyLine` is the header with the API key: `cv-api-key: any`. */
export const listScenarios = (
  operations: readonly Operation[],
  baseUrl: string,
  apiKeyLine: string,
): ListedOperation[] =>
  operations.map((operation) => {
    const curl = curlLine(operation, baseUrl, apiKeyLine);
    const [name, apiKey] = apiKeyLine.split(': ') as [string, string];
    const [example] = Object.values(operation.requestBody?.content['application/json']?.examples ?? {});
    return {
      operation: operation.id,
      method: operation.method,
      path: operation.path,
      request: {
        headers: { [name]: apiKey, ...(example && { 'Content-Type': 'application/json' }) },
        body: example?.value,
      },
      scenarios: operation.examples.map(({ name: scenario, ...rest }) => ({
        ...rest,
        example: scenario,
        curl: `${curl} \\\n  -H '${MOCK_HEADERS.scenario}: ${scenario}'`,
      })),
    };
  });

/** The header that chooses a scenario, as a parameter of the operation: the playground shows a list of the names. */
export const scenarioParameter = ({ examples }: Operation): Parameter => ({
  name: MOCK_HEADERS.scenario,
  in: 'header',
  description: 'The response that the mock sends to a valid request.',
  required: false,
  schema: { type: 'string', enum: examples.map(({ name }) => name) },
});
