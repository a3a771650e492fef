import { describe, expect, it } from 'vitest';
import { readOperations } from '../../../src/contract/document.ts';
import { listScenarios, type ListedOperation } from '../../../src/mock/scenarios.ts';
import { scenariosPage } from '../../../src/mock/scenariosPage.ts';

const created = { schema: { type: 'object' }, examples: { created: { summary: 'It is made.', value: { id: 1 } } } };
const contract = {
  paths: {
    '/note': { get: { operationId: 'readNote', responses: { 204: {}, 202: { content: {} } } } },
    '/intent': {
      post: {
        operationId: 'create',
        responses: {
          200: { content: { 'application/json': created } },
          503: {
            content: {
              'application/json': {
                examples: { unavailable: { value: { success: false }, 'x-headers': { 'Retry-After': '1' } } },
              },
            },
          },
          default: { content: { 'application/json': {} } },
        },
      },
    },
  },
};

const operations = readOperations(contract);

const REQUEST = { headers: { 'cv-api-key': 'cv_x' }, body: undefined };

describe('listScenarios', () => {
  it('names every operation and every scenario of it, and how to ask for that', () => {
    const curl = "curl -X POST http://mock.test/intent \\\n  -H 'cv-api-key: cv_x'";
    expect(listScenarios(operations, 'http://mock.test', 'cv-api-key: cv_x')).toEqual([
      { operation: 'readNote', method: 'GET', path: '/note', request: REQUEST, scenarios: [] },
      {
        operation: 'create',
        method: 'POST',
        path: '/intent',
        request: REQUEST,
        scenarios: [
          {
            status: 200,
            example: 'created',
            summary: 'It is made.',
            headers: {},
            body: { id: 1 },
            curl: `${curl} \\\n  -H 'Mock-Scenario: created'`,
          },
          {
            status: 503,
            example: 'unavailable',
            summary: '',
            headers: { 'X-Error-Code': 'unavailable', 'Retry-After': '1' },
            body: { success: false },
            curl: `${curl} \\\n  -H 'Mock-Scenario: unavailable'`,
          },
        ],
      },
    ]);
  });
});

describe('scenariosPage', () => {
  const operation: ListedOperation = {
    operation: 'create<b>',
    method: 'POST',
    path: "/a&b'c",
    request: { headers: { 'cv-api-key': '"' }, body: { amount: 1 } },
    scenarios: [
      {
        status: 429,
        example: 'tooMany"',
        summary: 'Wait <a while>.',
        headers: { 'Retry-After': '1', 'X-Other': '<2>' },
        body: { message: '<no>' },
        curl: "curl -H 'a: <b>'",
      },
    ],
  };
  const page = scenariosPage([operation], { nonce: 'n0nce', docs: true });

  it('shows every text as text', () => {
    expect(page).toContain(`<section data-method="POST" data-path="/a&amp;b&#39;c" data-request="{&quot;headers&quot;`);
    expect(page).toContain('<a href="/docs#create&lt;b&gt;">create&lt;b&gt;</a> <code>POST /a&amp;b&#39;c</code>');
    expect(page).toContain(`<details data-scenario="tooMany&quot;">
<summary><b class="s4">429</b> <code>tooMany&quot;</code> <span>Wait &lt;a while&gt;.</span></summary>
<pre>Retry-After: 1
X-Other: &lt;2&gt;
{
  &quot;message&quot;: &quot;&lt;no&gt;&quot;
}</pre>
<pre class="curl">curl -H &#39;a: &lt;b&gt;&#39;</pre>`);
  });

  it('needs nothing from elsewhere, and only what the nonce lets in', () => {
    expect(page).toMatch(/<style nonce="n0nce">[^<]*\.s4 \{ color: [^<]*<\/style>/);
    expect(page.match(/<script[^>]*>/g)).toEqual(['<script nonce="n0nce">']);
    expect(page).not.toMatch(/ style=| on[a-z]+=|https?:/);
  });

  it('links to the reference only where there is one', () => {
    expect(page).toContain('<a href="/docs#tooMany&quot;">In the reference</a>');
    expect(scenariosPage([operation], { nonce: 'n0nce', docs: false })).not.toContain('/docs');
  });
});
