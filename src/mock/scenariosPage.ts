import { escapeHtml } from '../docs/html.ts';
import { MOCK_HEADERS } from './directives.ts';
import { NEXT_PATH, SCENARIOS_PATH, type ListedOperation, type ListedScenario } from './scenarios.ts';

interface PageOptions {
  nonce: string;
  /** Whether the API reference is served. */
  docs: boolean;
}

/** The list of scenarios as an HTML page, which filters, copies and sends them. */
export function scenariosPage(operations: readonly ListedOperation[], { nonce, docs }: PageOptions): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Scenarios of the mock</title>
${docs ? '<link rel="icon" type="image/svg+xml" href="/docs/icon.svg">\n' : ''}<style nonce="${nonce}">${docs ? FONT : ''}${STYLE}</style>
<header>
<h1>Scenarios of the mock</h1>
${docs ? '<a href="/docs">API reference</a>' : ''}
</header>
<p>A valid request gets the success, unless it or the mock is told otherwise:</p>
<ul>
<li><code>${MOCK_HEADERS.scenario}: amountTooSmall</code> as a header, or <code>metadata.mock_scenario</code> in the body, for one request</li>
<li><code>PUT ${NEXT_PATH}</code> with <code>{"scenario": "providerUnavailable", "times": 2}</code>, for the next requests</li>
<li><code>${MOCK_HEADERS.latency}: 100-800</code> delays the response by as many milliseconds, <code>${MOCK_HEADERS.errorRate}: 0.1</code> makes every
tenth request fail, <code>Prefer: dynamic=true</code> returns random data</li>
</ul>
<p>Here are all scenarios. As JSON: <code>${SCENARIOS_PATH}</code> with <code>Accept: application/json</code>.</p>
<p><input type="search" placeholder="Filter by name, status or text" aria-label="Filter" autofocus></p>
${operations.map((operation) => operationHtml(operation, docs)).join('\n')}
<script nonce="${nonce}">${SCRIPT}</script>
</html>
`;
}

const operationHtml = ({ operation, method, path, request, scenarios }: ListedOperation, docs: boolean): string => `
<section data-method="${escapeHtml(method)}" data-path="${escapeHtml(path)}" data-request="${escapeHtml(JSON.stringify(request))}">
<h2>${docs ? link(operation) : escapeHtml(operation)} <code>${escapeHtml(method)} ${escapeHtml(path)}</code></h2>
${scenarios.map((scenario) => scenarioHtml(scenario, docs)).join('\n')}
</section>`;

const scenarioHtml = (
  { status, example, summary, headers, body, curl }: ListedScenario,
  docs: boolean,
): string => `<details data-scenario="${escapeHtml(example)}">
<summary><b class="s${Math.floor(status / 100)}">${status}</b> <code>${escapeHtml(example)}</code> <span>${escapeHtml(summary)}</span></summary>
<pre>${escapeHtml(
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('') + JSON.stringify(body, null, 2),
)}</pre>
<pre class="curl">${escapeHtml(curl)}</pre>
<p><button type="button" class="send">Send</button> <button type="button" class="copy">Copy the command</button>${docs ? ` ${link(example, 'In the reference')}` : ''}</p>
<pre class="sent" aria-live="polite" hidden></pre>
</details>`;

const link = (anchor: string, text = anchor): string => `<a href="/docs#${escapeHtml(anchor)}">${escapeHtml(text)}</a>`;

const SCRIPT = `
const input = document.querySelector('input');
input.addEventListener('input', () => {
  const words = input.value.toLowerCase().split(/\\s+/);
  for (const section of document.querySelectorAll('section')) {
    const heading = section.querySelector('h2').textContent;
    for (const scenario of section.querySelectorAll('details')) {
      const text = (heading + ' ' + scenario.querySelector('summary').textContent).toLowerCase();
      scenario.hidden = !words.every((word) => text.includes(word));
    }
    section.hidden = !section.querySelector('details:not([hidden])');
  }
});
async function send(scenario) {
  const { method, path, request } = scenario.closest('section').dataset;
  const { headers, body } = JSON.parse(request);
  const response = await fetch(path, {
    method,
    headers: { ...headers, '${MOCK_HEADERS.scenario}': scenario.dataset.scenario },
    body: body && JSON.stringify(body),
  });
  const shown = [...response.headers].filter(([name]) => !name.startsWith('access-control-'));
  const lines = shown.map(([name, value]) => name + ': ' + value);
  return [response.status, ...lines, '', await response.text()].join('\\n');
}
document.addEventListener('click', async ({ target }) => {
  const scenario = target.closest('details');
  if (target.matches('.copy')) {
    await navigator.clipboard.writeText(scenario.querySelector('.curl').textContent);
    target.textContent = 'Copied';
    setTimeout(() => (target.textContent = 'Copy the command'), 2000);
  }
  if (target.matches('.send')) {
    const sent = scenario.querySelector('.sent');
    sent.hidden = false;
    sent.textContent = '…';
    sent.textContent = await send(scenario).catch(String);
  }
});
`;

const FONT = `
@font-face { font-family: 'Inter'; src: url('/docs/inter.woff2') format('woff2'); font-weight: 100 900; font-display: swap; }`;

/** The colours and fonts of the API reference. */
const STYLE = `
:root { color-scheme: light dark; background: light-dark(#ffffff, #101413); color: light-dark(#17211e, #e6ecea);
  font: 15px/1.6 'Inter', system-ui, sans-serif; --accent: light-dark(#0b6e5c, #6fdcc2); --tint: light-dark(#f6f8f7, #171d1b); --line: light-dark(#e1e7e4, #28312e);
  --soft: light-dark(#4d5a56, #a9b5b1); --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
header { display: flex; justify-content: space-between; align-items: baseline; flex-wrap: wrap; gap: 0 1rem; }
h1, h2 { letter-spacing: -0.018em; }
h1 { font-size: 30px; margin: 0; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
a { color: var(--accent); font-weight: 500; text-underline-offset: 3px; }
code, pre { font-family: var(--mono); font-size: 0.87em; }
details { border-top: 1px solid var(--line); padding: .4rem 0; }
summary { cursor: pointer; }
summary span { color: var(--soft); }
pre { overflow-x: auto; padding: .75rem; border-radius: 8px; background: var(--tint); }
input { box-sizing: border-box; width: 100%; padding: .5rem .75rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--line); border-radius: 4px; }
button { padding: .3rem .8rem; font: inherit; font-weight: 500; color: inherit; background: light-dark(#e9eeec, #222a27);
  border: 0; border-radius: 4px; cursor: pointer; }
button.send { color: light-dark(#ffffff, #06251e); background: var(--accent); }
:is(input, button, a, summary):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
b { display: inline-block; min-width: 2.5rem; }
.s2 { color: var(--accent); }
.s4 { color: light-dark(#8f4300, #ffb074); }
.s5 { color: light-dark(#b3261e, #ff8a80); }
`;
