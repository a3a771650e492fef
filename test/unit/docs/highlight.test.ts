import { expect, it } from 'vitest';
import { highlight } from '../../../src/docs/highlight.ts';

it.each([
  ['{ "amount": 1.15 }', '{ <span class="key">&quot;amount&quot;</span>: <span class="number">1.15</span> }'],
  ['say "a \\" b", ok', 'say <span class="string">&quot;a \\&quot; b&quot;</span>, ok'],
  ["const a = 'it';", '<span class="keyword">const</span> a = <span class="string">&#39;it&#39;</span>;'],
  ['constant < true', 'constant &lt; <span class="keyword">true</span>'],
  ['a & b', 'a &amp; b'],
])('%s: each token has its class, and every character is escaped', (code, html) => {
  expect(highlight(code)).toBe(html);
});
