import type { NamedExample, Operation, Parameter } from '../contract/document.ts';
import { curlLine } from '../docs/curl.ts';
import { escapeHtml } from '../docs/html.ts';
import { MOCK_HEADERS } from './directives.ts';

export const SCENARIOS_PATH = '/_mock/scenarios';

/** A scenario of the contract, with a command that requests it. */
type ListedScenario = Omit<NamedExample, 'name'> & { example: string; curl: string };

export interface ListedOperation {
  operation: string;
  method: string;
  path: string;
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
    return {
      operation: operation.id,
      method: operation.method,
      path: operation.path,
      scenarios: operation.examples.map(({ name, ...example }) => ({
        ...example,
        example: name,
        curl: `${curl} \\\n  -H '${MOCK_HEADERS.scenario}: ${name}'`,
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

/** The list as an HTML page. */
export function scenariosPage(operations: readonly ListedOperation[], nonce: string): string {
  const sections = operations.map(
    ({ operation, method, path, scenarios }) => `
<section>
<h2>${escapeHtml(operation)} <code>${escapeHtml(method)} ${escapeHtml(path)}</code></h2>
${scenarios.map(scenarioHtml).join('\n')}
</section>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Scenarios of the mock</title>
<style nonce="${nonce}">${STYLE}</style>
<h1>Scenarios of the mock</h1>
<p>On a valid request, the header <code>${MOCK_HEADERS.scenario}: name</code> selects the scenario of that name. <code>${MOCK_HEADERS.latency}: 100-800</code>
delays the response by as many milliseconds, <code>${MOCK_HEADERS.errorRate}: 0.1</code> makes every tenth request fail, and
<code>Prefer: dynamic=true</code> returns random data. The same list as JSON: <a href="${SCENARIOS_PATH}">${SCENARIOS_PATH}</a> with <code>Accept: application/json</code>.</p>
${sections.join('\n')}
</html>
`;
}

const scenarioHtml = ({ status, example, summary, headers, body, curl }: ListedScenario): string => `<details>
<summary><b class="s${Math.floor(status / 100)}">${status}</b> <code>${escapeHtml(example)}</code> <span>${escapeHtml(summary)}</span></summary>
<pre>${escapeHtml(
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('') + JSON.stringify(body, null, 2),
)}</pre>
<pre>${escapeHtml(curl)}</pre>
</details>`;

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
details { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .4rem 0; }
summary { cursor: pointer; }
summary span { opacity: .75; }
pre { overflow-x: auto; padding: .75rem; border-radius: .4rem; background: color-mix(in srgb, currentColor 7%, transparent); font-size: .85rem; }
b { display: inline-block; min-width: 2.5rem; }
.s2 { color: light-dark(#16703c, #4cc38a); }
.s4 { color: light-dark(#8f5a00, #f1a10d); }
.s5 { color: light-dark(#b42318, #ff9592); }
`;
