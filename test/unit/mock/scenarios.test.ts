import { describe, expect, it } from 'vitest';
import { readOperations } from '../../../src/contract/document.ts';
import { listScenarios, scenariosPage, type ListedOperation } from '../../../src/mock/scenarios.ts';

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

describe('listScenarios', () => {
  it('names every operation and every scenario of it, and how to ask for that', () => {
    const curl = "curl -X POST http://mock.test/intent \\\n  -H 'cv-api-key: cv_x'";
    expect(listScenarios(operations, 'http://mock.test', 'cv-api-key: cv_x')).toEqual([
      { operation: 'readNote', method: 'GET', path: '/note', scenarios: [] },
      {
        operation: 'create',
        method: 'POST',
        path: '/intent',
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
    scenarios: [
      {
        status: 429,
        example: 'tooMany"',
        summary: 'Wait <a while>.',
        headers: { 'Retry-After': '1', 'X-Other': '<2>' },
        body: { message: '<no>' },
        curl: "curl -H 'a: <b>'",
      },
      { status: 200, example: 'created', summary: '', headers: {}, body: {}, curl: 'curl' },
    ],
  };
  const page = scenariosPage([operation, { ...operation, operation: 'other', scenarios: [] }], 'n0nce');

  it('is the list, with every text as text', () => {
    expect(page).toContain(`
<section>
<h2>create&lt;b&gt; <code>POST /a&amp;b&#39;c</code></h2>
<details>
<summary><b class="s4">429</b> <code>tooMany&quot;</code> <span>Wait &lt;a while&gt;.</span></summary>
<pre>Retry-After: 1
X-Other: &lt;2&gt;
{
  &quot;message&quot;: &quot;&lt;no&gt;&quot;
}</pre>
<pre>curl -H &#39;a: &lt;b&gt;&#39;</pre>
</details>
<details>
<summary><b class="s2">200</b> <code>created</code> <span></span></summary>
<pre>{}</pre>
<pre>curl</pre>
</details>
</section>

<section>
<h2>other <code>POST /a&amp;b&#39;c</code></h2>

</section>`);
  });

  it('is a page with a look of its own, which the nonce lets in, and says how to ask', () => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toMatch(/<style nonce="n0nce">[^<]*\.s4 \{ color: [^<]*<\/style>/);
    expect(page).toContain('the header <code>Mock-Scenario: name</code>');
    expect(page).toContain('<a href="/_mock/scenarios">/_mock/scenarios</a>');
  });
});
