import type { NamedExample } from '../contract/document.ts';
import { highlight } from './highlight.ts';
import { documentHtml, escapeHtml } from './html.ts';
import { markdownWith, type Markdown } from './markdown.ts';
import {
  statusPhrase,
  type ErrorStatus,
  type Field,
  type Reference,
  type ReferenceError,
  type ReferenceHeader,
  type ReferenceOperation,
  type Rule,
  type Section,
} from './reference.ts';
import { jsonText, requestSamples, type SampleTarget } from './samples.ts';

export interface PageOptions extends SampleTarget {
  policy: string;
  /** The server that the samples call where the browser can tell its address: `/`. */
  serverUrl: string;
}

/** The page of the reference: all texts as HTML, and no script needed to read them. */
export function referencePage(reference: Reference, options: PageOptions): string {
  const { title, version, summary, operations } = reference;
  const markdown = markdownWith(findAnchors(reference));
  return documentHtml({
    title,
    policy: options.policy,
    head: `
<meta name="description" content="${escapeHtml(summary)}">
<link rel="icon" type="image/svg+xml" href="docs/icon.svg">
<link rel="preload" as="font" type="font/woff2" href="docs/inter.woff2" crossorigin>
<link rel="stylesheet" href="docs/page.css">
<link rel="alternate" type="text/markdown" href="docs/reference.md">
<link rel="alternate" type="application/yaml" href="docs/openapi.yaml">
<script src="docs/page.js" defer></script>`,
    body: `
<a class="skip" href="#main">Skip to the content</a>
<header>
<button class="menu" type="button" popovertarget="contents">Contents</button>
<a class="brand" href="#main" aria-label="${escapeHtml(title)}"><img src="docs/icon.svg" alt="" width="24" height="24"><span>${escapeHtml(title)}</span></a>
<search hidden>
<input type="search" role="combobox" aria-label="Search" aria-expanded="false" aria-controls="results" aria-autocomplete="list" autocomplete="off" spellcheck="false" placeholder="Search errors, fields, headers">
<ul id="results" role="listbox" aria-label="Results" hidden></ul>
</search>
</header>
${contents(reference)}
<main id="main">
<section class="row">
<div>
<h1>${escapeHtml(title)}</h1>
<p class="summary">${escapeHtml(summary)}</p>
${markdown.block(reference.lead)}
</div>
<aside class="side" aria-label="Servers and downloads">${serversCard(reference, options)}</aside>
</section>
${reference.introduction.map((section) => sectionHtml(section, markdown)).join('\n')}
${operations.map((operation) => operationHtml(operation, markdown, options)).join('\n')}
${errorsHtml(reference, markdown)}
${responseHeadersHtml(reference, markdown)}
${reference.closing.map((section) => sectionHtml(section, markdown)).join('\n')}
<footer><p>${escapeHtml(title)} ${escapeHtml(version)}</p></footer>
</main>`,
  });
}

/** What a code in a text may be the name of. */
function findAnchors({ errors, operations, responseHeaders }: Reference): Map<string, string> {
  return new Map([
    ...operations
      .flatMap(({ requestHeaders, successes }) => [
        ...requestHeaders.map(({ name, id }) => [name, id] as const),
        ...successes.map(({ name }) => [name, name] as const),
      ])
      .toReversed(),
    ...operations.map(({ id }) => [id, id] as const),
    ...responseHeaders.map(({ name }) => [name, name] as const),
    ...errors.flatMap((status) => status.errors.map(({ name }) => [name, name] as const)),
  ]);
}

/** A popover on narrow screens, a column on others. */
const contents = ({ introduction, operations, errors, closing }: Reference): string => `
<nav id="contents" popover aria-label="Contents">
<p>Introduction</p>
<ul>${introduction.map(contentsItem).join('')}</ul>
<p>Operations</p>
<ul>${operations
  .map(
    ({ id, method, summary }) =>
      `<li><a href="#${id}"><b class="method">${method}</b> ${escapeHtml(summary)} <code>${id}</code></a></li>`,
  )
  .join('')}</ul>
<p><a href="#error-codes">Error codes</a></p>
<ul class="codes">${errors
  .flatMap(({ status, errors: some }) =>
    some.map(({ name }) => `<li><a href="#${name}"><code>${name}</code> <span>${status}</span></a></li>`),
  )
  .join('')}</ul>
<p><a href="#response-headers">Response headers</a></p>
<ul>${closing.map(contentsItem).join('')}</ul>
</nav>`;

const contentsItem = ({ id, title }: Section): string => `<li><a href="#${id}">${escapeHtml(title)}</a></li>`;

const heading = (level: 2 | 3 | 4, id: string, html: string): string =>
  `<h${level}><a href="#${escapeHtml(id)}">${html}</a></h${level}>`;

const code = (text: string): string => `<code>${escapeHtml(text)}</code>`;

function serversCard({ servers }: Reference, { serverUrl, baseUrl }: PageOptions): string {
  const rows = servers.map(({ url, description }) => `<dt>${escapeHtml(description)}</dt><dd>${code(url)}</dd>`);
  return `
<div class="card">
<h2>Servers</h2>
<dl>${rows.join('')}</dl>
<p id="base" data-server="${escapeHtml(serverUrl)}">The samples call <code data-base>${escapeHtml(baseUrl)}</code>.</p>
</div>
<div class="card">
<h2>Downloads</h2>
<p><a href="docs/openapi.yaml">openapi.yaml</a>, <a href="docs/openapi.json">openapi.json</a>, <a href="docs/reference.md">reference.md</a>, <a href="docs/llms.txt">llms.txt</a></p>
</div>`;
}

const sectionHtml = ({ id, title, markdown: text }: Section, markdown: Markdown): string => `
<section class="row" id="${id}" data-find="section">
<div>
${heading(2, id, escapeHtml(title))}
${markdown.block(text)}
</div>
</section>`;

function operationHtml(operation: ReferenceOperation, markdown: Markdown, options: PageOptions): string {
  const { id, method, path, summary, description, requestBody } = operation;
  return `
<section class="row operation" id="${id}" data-find="operation">
<div>
${heading(2, id, `${escapeHtml(summary)} ${code(id)}`)}
<p class="endpoint"><b class="method">${method}</b> ${code(path)}</p>
${markdown.block(description)}
<h3>Headers</h3>
${fieldsHtml(operation.requestHeaders, `header of ${id}`, markdown)}
<h3>Body</h3>
${markdown.block(requestBody?.description ?? '')}
${fieldsHtml(operation.requestFields, `field of ${id}`, markdown)}
${operation.successes
  .map(
    (success) => `
<div id="${success.name}" data-find="response ${success.status}">
${heading(3, success.name, `${success.status} ${code(success.name)}`)}
${markdown.block(success.description)}
${fieldsHtml(success.fields, `field of ${success.name}`, markdown)}
</div>`,
  )
  .join('')}
<h3>Errors</h3>
<ul class="errors">${operation.errors
    .map(({ name, status }) => `<li><a href="#${name}">${code(name)}</a> <span>${status}</span></li>`)
    .join('')}</ul>
</div>
<aside class="side" aria-label="Samples of ${id}">
<div class="sticky">
${samplesHtml(operation, options)}
${operation.successes.map((success) => responseCard(success)).join('')}
</div>
</aside>
</section>`;
}

function fieldsHtml(fields: readonly Field[], kind: string, markdown: Markdown): string {
  if (fields.length === 0) return '';
  return `<dl class="fields">${fields.map((field) => fieldHtml(field, kind, markdown)).join('')}</dl>`;
}

function fieldHtml(field: Field, kind: string, markdown: Markdown): string {
  const { name, type, required, description, rules, values } = field;
  const id = escapeHtml(field.id);
  const leaf = name.lastIndexOf('.') + 1;
  return `
<div class="field" id="${id}" data-find="${escapeHtml(kind)}" data-name="${escapeHtml(name)}">
<dt><a href="#${id}"><code>${leaf > 0 ? `<span>${escapeHtml(name.slice(0, leaf))}</span>` : ''}${escapeHtml(name.slice(leaf))}</code></a>
<span class="type">${escapeHtml(type)}</span>${required ? ' <b class="required">required</b>' : ''}</dt>
<dd>${markdown.block(description)}${rulesHtml(rules, markdown)}${valuesHtml(values)}</dd>
</div>`;
}

const rulesHtml = (rules: readonly Rule[], markdown: Markdown): string =>
  rules.length === 0
    ? ''
    : `<ul class="rules">${rules
        .map(
          ({ texts, error }) =>
            `<li>${texts.map((text) => markdown.inline(text)).join(', ')}${error ? `, <span>else <a href="#${error}">${code(error)}</a></span>` : ''}</li>`,
        )
        .join('')}</ul>`;

const valuesHtml = (values: readonly string[]): string =>
  values.length === 0
    ? ''
    : `<p class="values"><span>${values.length === 1 ? 'Always' : `One of ${values.length}`}:</span> ${values.map(code).join(' ')}</p>`;

function samplesHtml(operation: ReferenceOperation, options: PageOptions): string {
  const { id, requestExamples } = operation;
  const samples = requestExamples.flatMap((example, index) =>
    requestSamples(operation, example.value, options).map((sample) => ({ ...sample, example, index })),
  );
  const languages = samples.filter(({ index }) => index === 0);
  return `
<div class="card samples">
<div class="top">
<fieldset><legend>Language</legend>${languages
    .map(
      ({ language, label }, index) =>
        `<label><input type="radio" name="language-${id}" value="${language}"${index === 0 ? ' checked' : ''}><span>${label}</span></label>`,
    )
    .join('')}</fieldset>
<a class="try" href="docs/playground.html#${id}">Try it</a>
</div>
${
  requestExamples.length > 1
    ? `<select aria-label="Example" hidden>${requestExamples.map(({ name, summary }) => `<option value="${escapeHtml(name)}">${escapeHtml(summary)}</option>`).join('')}</select>`
    : ''
}
${samples
  .map(
    ({ language, example, code: text }) => `
<figure data-language="${language}" data-example="${escapeHtml(example.name)}">
<figcaption>${escapeHtml(example.summary)}</figcaption>
<pre><code>${sampleHtml(text, options)}</code></pre>
</figure>`,
  )
  .join('')}
</div>`;
}

/** The base URL is marked: the script replaces it by the address of the page's own server. */
const sampleHtml = (text: string, { baseUrl }: PageOptions): string =>
  highlight(text).replaceAll(escapeHtml(baseUrl), `<span data-base>${escapeHtml(baseUrl)}</span>`);

const responseCard = ({ status, headers, body }: NamedExample): string => `
<div class="card response">
<div class="top"><b class="status s${Math.floor(status / 100)}">${status}</b> ${statusPhrase(status)}</div>
<pre><code>${Object.entries(headers)
  .map(([name, value]) => `<span class="key">${escapeHtml(name)}</span>: ${escapeHtml(value)}\n`)
  .join('')}${Object.keys(headers).length > 0 ? '\n' : ''}${highlight(jsonText(body))}</code></pre>
</div>`;

function errorsHtml({ errors, errorBodies }: Reference, markdown: Markdown): string {
  return `
<section id="error-codes" data-find="section">
<div class="row">
<div>
${heading(2, 'error-codes', 'Error codes')}
${errorBodies
  .map(
    ({ statuses, fields }) => `
<h3>Body <span>${statuses.join(', ')}</span></h3>
${fieldsHtml(fields, `field of ${statuses.join(', ')}`, markdown)}`,
  )
  .join('')}
</div>
</div>
${errors.map((status) => errorStatusHtml(status, markdown)).join('')}
</section>`;
}

const errorStatusHtml = ({ status, descriptions, errors }: ErrorStatus, markdown: Markdown): string => `
<div class="row status-group" id="status-${status}">
<div>
${heading(3, `status-${status}`, `${status} ${statusPhrase(status)}`)}
${descriptions.map((text) => markdown.block(text)).join('')}
</div>
</div>
${errors.map((error) => errorHtml(error, markdown)).join('')}`;

function errorHtml(error: ReferenceError, markdown: Markdown): string {
  const { name, status, message, summary, remedy, operations, fields, headers } = error;
  const rows = [
    ['Message', escapeHtml(message)],
    ['Meaning', markdown.inline(summary)],
    ...(remedy ? [['What to do', markdown.inline(remedy)]] : []),
    ...(headers['Retry-After'] ? [['Retry-After', `<a href="#Retry-After">${code(headers['Retry-After'])}</a>`]] : []),
    ...(fields.length > 0
      ? [['Fields', fields.map(({ id, name: field }) => `<a href="#${escapeHtml(id)}">${code(field)}</a>`).join(' ')]]
      : []),
    ...(operations ? [['Operations', operations.map((id) => `<a href="#${id}">${code(id)}</a>`).join(' ')]] : []),
  ];
  return `
<article class="row error" id="${name}" data-find="error ${status}">
<div>
${heading(4, name, code(name))}
<dl>${rows.map(([term, text]) => `<div><dt>${term}</dt><dd>${text}</dd></div>`).join('')}</dl>
</div>
<div class="side">${responseCard(error)}</div>
</article>`;
}

const responseHeadersHtml = ({ responseHeaders }: Reference, markdown: Markdown): string => `
<section class="row" id="response-headers" data-find="section">
<div>
${heading(2, 'response-headers', 'Response headers')}
<dl class="fields">${responseHeaders.map((header) => responseHeaderHtml(header, markdown)).join('')}</dl>
</div>
</section>`;

const responseHeaderHtml = ({ name, descriptions, example, statuses }: ReferenceHeader, markdown: Markdown): string => `
<div class="field" id="${name}" data-find="header" data-name="${name}">
<dt><a href="#${name}">${code(name)}</a> <span class="type">${statuses ? statuses.join(', ') : 'every response'}</span></dt>
<dd>${descriptions.map((text) => markdown.block(text)).join('')}<p class="values"><span>Example:</span> ${code(example)}</p></dd>
</div>`;
