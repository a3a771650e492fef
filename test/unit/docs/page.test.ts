import { describe, expect, it } from 'vitest';
import contract from '../../../generated/openapi.json' with { type: 'json' };
import { referencePage } from '../../../src/docs/page.ts';
import { readReference } from '../../../src/docs/reference.ts';
import { scenarios } from '../../support/contractDocument.ts';

const options = { baseUrl: 'http://127.0.0.1:1', apiKey: 'any_key', policy: "default-src 'none'", serverUrl: '/' };
const reference = readReference(contract);
const html = referencePage(reference, options);

const pageWith = (changes: object) =>
  referencePage(readReference({ info: { title: 'Payments' }, paths: {}, ...changes }), options);

/** The words that a reader sees, without tags and punctuation. */
const wordsOf = (part: string) =>
  part
    .replaceAll(/<[^>]+>|&\w+;|&#\d+;/g, ' ')
    .replaceAll(/\W+/g, ' ')
    .trim();
const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!);
const errorNames = [...new Set(scenarios.filter(({ status }) => status >= 300).map(({ example }) => example))];

describe('without a script, the page', () => {
  it.each(errorNames)('has a heading and an anchor for %s, with its message, meaning and remedy', (name) => {
    const [article = ''] = html.split(`<article class="row error" id="${name}"`)[1]!.split('</article>');
    const error = reference.errors.flatMap(({ errors }) => errors).find((each) => each.name === name)!;
    expect(article).toContain(`<h4><a href="#${name}"><code>${name}</code></a></h4>`);
    for (const part of [error.message, error.summary, error.remedy!]) expect(wordsOf(article)).toContain(wordsOf(part));
  });

  it('has every operation with its fields, and every header', () => {
    for (const { id, path, requestHeaders, requestFields, successes } of reference.operations) {
      expect(wordsOf(html)).toContain(wordsOf(`POST ${path}`));
      const fields = [...requestHeaders, ...requestFields, ...successes.flatMap((success) => success.fields)];
      expect(ids).toEqual(expect.arrayContaining([id, ...fields.map((field) => field.id)]));
    }
    expect(ids).toEqual(expect.arrayContaining(reference.responseHeaders.map(({ name }) => name)));
  });

  it('has every sample in every language', () => {
    const samples = html.match(/<figure data-language="\w+" data-example="\w+"/g);
    const examples = reference.operations.flatMap(({ requestExamples }) => requestExamples);
    expect(samples).toHaveLength(examples.length * 4);
  });
});

describe('the page', () => {
  it('has no inline script, style or handler, which its policy would block', () => {
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+="/);
    expect(html).toContain('<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;">');
  });

  it('has each id once, and every link within it leads somewhere', () => {
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    const fragments = [...html.matchAll(/ href="#([^"]+)"/g)].map(([, id]) => id!);
    expect(fragments.filter((id) => !ids.includes(id))).toEqual([]);
  });

  it('links the names of errors and headers in the texts to their descriptions', () => {
    const lead = 'The error `amountTooSmall`, in `X-Error-Code`. Not `<b>`.';
    const changed = { ...contract, info: { title: 'Payments', description: lead } };
    expect(referencePage(readReference(changed), options)).toContain(
      'The error <a href="#amountTooSmall"><code>amountTooSmall</code></a>, in <a href="#X-Error-Code"><code>X-Error-Code</code></a>. Not <code>&lt;b&gt;</code>.',
    );
  });

  it('shows HTML in the texts of the contract as text', () => {
    const markup = '<img src=x onerror=alert(1)>';
    const page = pageWith({
      info: { title: markup, summary: markup, description: `${markup}\n\n## ${markup}\n\ntext ${markup}` },
    });
    expect(page).not.toContain('<img src=x');
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
  });

  it('marks the base URL of the samples, so that the script can replace it', () => {
    expect(html).toContain(`<span data-base>${options.baseUrl}</span>/api/v1/payments/intent`);
    expect(html).toContain('data-server="/"');
  });

  it('leads to the playground from each operation', () => {
    for (const { id } of reference.operations) expect(html).toContain(`href="docs/playground.html#${id}"`);
  });

  it('needs nothing of a contract but its title', () => {
    expect(pageWith({})).toContain('<h1>Payments</h1>');
  });
});
