import { describe, expect, it } from 'vitest';
import contract from '../../../generated/openapi.json' with { type: 'json' };
import { referencePage } from '../../../src/docs/page.ts';
import { readReference } from '../../../src/docs/reference.ts';
import { scenarios } from '../../support/contractDocument.ts';
import { smallContract } from './smallContract.ts';

const options = { baseUrl: 'http://127.0.0.1:1', apiKey: 'any_key', policy: "default-src 'none'", serverUrl: '/' };
const reference = readReference(contract);
const pageOf = (document: object) => referencePage(readReference(document), options);

/** What a reader sees, a line for each line of the HTML. */
const linesOf = (html: string) =>
  html
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll('&quot;', '"')
    .split('\n')
    .map((line) => line.trim().replaceAll(/ +/g, ' '))
    .filter((line) => line !== '');
/** The words that a reader sees, without tags and punctuation. */
const wordsOf = (part: string) =>
  part
    .replaceAll(/<[^>]+>|&\w+;|&#\d+;/g, ' ')
    .replaceAll(/\W+/g, ' ')
    .trim();
const idsIn = (html: string) => [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!);
const errorNames = [...new Set(scenarios.filter(({ status }) => status >= 300).map(({ example }) => example))];

describe('without a script, the page', () => {
  it.each(errorNames)('has a heading and an anchor for %s, with its message, meaning and remedy', (name) => {
    const [article = ''] = referencePage(reference, options)
      .split(`<article class="row error" id="${name}"`)[1]!
      .split('</article>');
    const error = reference.errors.flatMap(({ errors }) => errors).find((each) => each.name === name)!;
    expect(article).toContain(`<h4><a href="#${name}"><code>${name}</code></a></h4>`);
    for (const part of [error.message, error.summary, error.remedy!]) expect(wordsOf(article)).toContain(wordsOf(part));
  });

  it('has every operation with its fields, and every header', () => {
    const html = referencePage(reference, options);
    for (const { id, path, requestHeaders, requestFields, successes } of reference.operations) {
      expect(wordsOf(html)).toContain(wordsOf(`POST ${path}`));
      const fields = [...requestHeaders, ...requestFields, ...successes.flatMap((success) => success.fields)];
      expect(idsIn(html)).toEqual(expect.arrayContaining([id, ...fields.map((field) => field.id)]));
    }
    expect(idsIn(html)).toEqual(expect.arrayContaining(reference.responseHeaders.map(({ name }) => name)));
  });

  it('says everything in the order of the contract: introduction, operations, errors, headers, change log', () => {
    const [, main = ''] = pageOf(smallContract).split('<main id="main">');
    expect(linesOf(main.replaceAll(/<figure.*?<\/figure>/gs, ''))).toEqual([
      'Payments',
      'Take payments.',
      'What it does.',
      'Servers',
      'Production https://payments.test',
      'The samples call http://127.0.0.1:1 .',
      'Downloads',
      'openapi.yaml , openapi.json , reference.md , llms.txt',
      'Errors',
      'status',
      'what happened',
      'what to do',
      '400',
      'Wrong.',
      'Fix the amount .',
      '429',
      'Too many.',
      'Wait.',
      'Intent createIntent',
      'POST /intent',
      'Creates an intent.',
      'Headers',
      'cv-api-key',
      'string required',
      'Your key.',
      'Idempotency-Key',
      'string',
      'One per call.',
      'at most 9 characters',
      'Body',
      'The payment.',
      'amount',
      'number required',
      'In dollars.',
      'required, else invalidAmount number, at least 1, else invalidAmount',
      'data',
      'object',
      'data. kind',
      'string',
      'One of 2: a b',
      '200 created',
      'It exists.',
      'secret',
      'string required',
      'For the browser.',
      'Always: s',
      'Errors',
      'invalidAmount 400 tooMany 429',
      'Language Client cURL JavaScript Python',
      'Try it',
      'An amount Nothing',
      '200 OK',
      '{',
      '"secret" : "s"',
      '}',
      'Error codes',
      'Body 400, 429',
      'message',
      'string required',
      'What is wrong',
      'at least 1 character',
      '400 Bad Request',
      'It is wrong.',
      'invalidAmount',
      'Message Invalid amount Meaning Not a number What to do Fix the amount . Fields amount',
      '400 Bad Request',
      'X-Error-Code : invalidAmount',
      '{',
      '"message" : "Invalid amount"',
      '}',
      '429 Too Many Requests',
      'Too many requests.',
      'tooMany',
      'Message Too many Meaning Slow down What to do Wait. Retry-After 1',
      '429 Too Many Requests',
      'X-Error-Code : tooMany',
      'Retry-After : 1',
      '{',
      '"message" : "Too many"',
      '}',
      'Response headers',
      'X-Request-Id every response',
      'The ID.',
      'Example: abc',
      'Retry-After 429',
      'Seconds.',
      'Example: 1',
      'Change log',
      'First version.',
      'Payments 1.2.0',
    ]);
  });

  it('names the operations of an error that not all send', () => {
    const { '/intent': intent } = smallContract.paths;
    const paths = { '/intent': intent, '/other': { get: { operationId: 'getOther' } } };
    const html = pageOf({ ...smallContract, paths });
    expect(html).toContain('<dt>Operations</dt><dd><a href="#createIntent"><code>createIntent</code></a></dd>');
    expect(pageOf(smallContract)).not.toContain('<dt>Operations</dt>');
  });

  it('has every sample in every language', () => {
    const html = pageOf(smallContract);
    const samples = [...html.matchAll(/<figure data-language="(\w+)" data-example="(\w+)">\n<figcaption>(.+)</g)];
    expect(samples.map(([, ...sample]) => sample)).toEqual(
      [
        ['first', 'An amount'],
        ['second', 'Nothing'],
      ].flatMap((example) => ['client', 'curl', 'javascript', 'python'].map((language) => [language, ...example])),
    );
    expect(html.match(/ checked/g)).toHaveLength(1);
    expect(html).toContain('value="client" checked>');
  });
});

describe('the contents', () => {
  it('lead to every section, operation and error', () => {
    const [, nav = ''] = /<nav [^>]*>(.*)<\/nav>/s.exec(pageOf(smallContract))!;
    expect(linesOf(nav)).toEqual([
      'Introduction',
      'Errors',
      'Operations',
      'POST Intent createIntent',
      'Error codes',
      'invalidAmount 400 tooMany 429',
      'Response headers',
      'Change log',
    ]);
    expect([...nav.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)).toEqual([
      'errors',
      'createIntent',
      'error-codes',
      'invalidAmount',
      'tooMany',
      'response-headers',
      'change-log',
    ]);
  });
});

describe('the search', () => {
  it('is given everything that has an anchor, and its kind', () => {
    const html = pageOf(smallContract);
    expect([...html.matchAll(/ id="([^"]+)" data-find="([^"]+)"/g)].map(([, id, kind]) => [id, kind])).toEqual([
      ['errors', 'section'],
      ['createIntent', 'operation'],
      ['createIntent.cv-api-key', 'header of createIntent'],
      ['createIntent.Idempotency-Key', 'header of createIntent'],
      ['createIntent.amount', 'field of createIntent'],
      ['createIntent.data', 'field of createIntent'],
      ['createIntent.data.kind', 'field of createIntent'],
      ['created', 'response 200'],
      ['createIntent.created.secret', 'field of created'],
      ['error-codes', 'section'],
      ['errors.400.message', 'field of 400, 429'],
      ['invalidAmount', 'error 400'],
      ['tooMany', 'error 429'],
      ['response-headers', 'section'],
      ['X-Request-Id', 'header'],
      ['Retry-After', 'header'],
      ['change-log', 'section'],
    ]);
    expect([...html.matchAll(/ data-name="([^"]+)"/g)].map(([, name]) => name)).toEqual([
      'cv-api-key',
      'Idempotency-Key',
      'amount',
      'data',
      'data.kind',
      'secret',
      'message',
      'X-Request-Id',
      'Retry-After',
    ]);
  });
});

describe('the page', () => {
  it('has no inline script, style or handler, which its policy would block', () => {
    const html = referencePage(reference, options);
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+="/);
    expect(html).toContain('<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;">');
  });

  it('has each id once, and every link within it leads somewhere', () => {
    const html = referencePage(reference, options);
    const ids = idsIn(html);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    const fragments = [...html.matchAll(/ href="#([^"]+)"/g)].map(([, id]) => id!);
    expect(fragments.filter((id) => !ids.includes(id))).toEqual([]);
  });

  it('links each name in the texts to what it names, and no other code', () => {
    const names = {
      invalidAmount: 'invalidAmount',
      'X-Request-Id': 'X-Request-Id',
      createIntent: 'createIntent',
      created: 'created',
      'cv-api-key': 'createIntent.cv-api-key',
      'Idempotency-Key': 'createIntent.Idempotency-Key',
    };
    const description = `${Object.keys(names)
      .map((name) => `\`${name}\``)
      .join(' ')} \`<b>\``;
    const { '/intent': intent } = smallContract.paths;
    // A second operation with the same header: the first is linked.
    const paths = { '/intent': intent, '/other': { post: { ...intent.post, operationId: 'createOther' } } };
    const links = Object.entries(names).map(([name, id]) => `<a href="#${id}"><code>${name}</code></a>`);
    expect(pageOf({ ...smallContract, info: { title: 'Payments', description }, paths })).toContain(
      `<p>${links.join(' ')} <code>&lt;b&gt;</code></p>`,
    );
  });

  it('shows HTML in the texts of the contract as text', () => {
    const markup = '<img src=x onerror=alert(1)>';
    const page = pageOf({
      info: { title: markup, summary: markup, description: `${markup}\n\n## ${markup}\n\ntext ${markup}` },
    });
    expect(page).not.toContain('<img src=x');
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
  });

  it('marks the base URL of the samples, so that the script can replace it', () => {
    const html = referencePage(reference, options);
    expect(html).toContain(`<span data-base>${options.baseUrl}</span>/api/v1/payments/intent`);
    expect(html).toContain('data-server="/"');
  });

  it('leads to the playground from each operation', () => {
    const html = referencePage(reference, options);
    for (const { id } of reference.operations) expect(html).toContain(`href="docs/playground.html#${id}"`);
  });

  it('has a choice of the example only where there are several', () => {
    const { requestBody, ...operation } = smallContract.paths['/intent'].post;
    const examples = { one: { value: {} } };
    const content = { 'application/json': { ...requestBody.content['application/json'], examples } };
    const paths = { '/intent': { post: { ...operation, requestBody: { content } } } };
    expect(pageOf(smallContract)).toContain('<option value="second">Nothing</option>');
    expect(pageOf({ ...smallContract, paths })).not.toContain('<select');
  });

  it('needs nothing of a contract but its title', () => {
    expect(pageOf({ info: { title: 'Payments' } })).toContain('<h1>Payments</h1>');
  });
});
