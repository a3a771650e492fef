import { describe, expect, it } from 'vitest';
import contract from '../../../generated/openapi.json' with { type: 'json' };
import { llmsText, markdownReference } from '../../../src/docs/markdownReference.ts';
import { readReference } from '../../../src/docs/reference.ts';
import { scenarios } from '../../support/contractDocument.ts';
import { smallContract } from './smallContract.ts';

const target = { baseUrl: 'https://payments.test', apiKey: 'YOUR_KEY' };

describe('the reference as Markdown', () => {
  it('says everything, in the order of the page', () => {
    const markdown = markdownReference(readReference(smallContract), target);
    const [beforeSamples, samples = '', afterSamples] = markdown.split(/### Example: .*\n/);
    expect(beforeSamples).toBe(`# Payments 1.2.0

Take payments.

What it does.

- Production: https://payments.test

## Errors

| status | what happened | what to do |
|---|---|---|
| 400 | Wrong. | Fix the \`amount\`. |
| 429 | Too many. | Wait. |

## createIntent: Intent

\`POST /intent\`

Creates an intent.

### Headers

- \`cv-api-key\` (string, required): Your key.
- \`Idempotency-Key\` (string): One per call.
  - at most 9 characters

### Body

The payment.

- \`amount\` (number, required): In dollars.
  - required, else \`invalidAmount\`
  - number, at least 1, else \`invalidAmount\`
- \`data\` (object):${' '}
- \`data.kind\` (string):${' '}
  - Values: \`a\`, \`b\`

`);
    expect([...samples.matchAll(/^(\w+):\n\n```(\w+)\n/gm)].map(([, label, fence]) => [label, fence])).toEqual([
      ['Client', 'js'],
      ['cURL', 'sh'],
      ['JavaScript', 'js'],
      ['Python', 'python'],
    ]);
    expect(afterSamples).toBe(`
\`\`\`json
{}
\`\`\`

### 200 \`created\`

It exists.

- \`secret\` (string, required): For the browser.
  - Values: \`s\`

\`\`\`json
{
  "secret": "s"
}
\`\`\`

### Errors

400 \`invalidAmount\`, 429 \`tooMany\`

## Error codes

Body of 400, 429:

- \`message\` (string, required): What is wrong
  - at least 1 character

### 400 Bad Request

It is wrong.

#### invalidAmount

- Message: Invalid amount
- Meaning: Not a number
- What to do: Fix the \`amount\`.

### 429 Too Many Requests

Too many requests.

#### tooMany

- Message: Too many
- Meaning: Slow down
- What to do: Wait.
- Retry-After: 1

## Response headers

- \`X-Request-Id\` (every response): The ID. Example: \`abc\`
- \`Retry-After\` (429): Seconds. Example: \`1\`

## Change log

First version.
`);
  });

  it('has the whole introduction of our contract, and every error', () => {
    const markdown = markdownReference(readReference(contract), target);
    for (const line of contract.info.description.split('\n')) expect(markdown).toContain(line);
    for (const { status, example } of scenarios.filter((each) => each.status >= 300)) {
      expect(markdown).toContain(`\n#### ${example}\n`);
      expect(markdown).toContain(`${status} \`${example}\``);
    }
  });

  it('leaves out what the contract leaves out, and joins the lines of a description', () => {
    const paths = {
      '/a': { get: { operationId: 'getA', parameters: [{ name: 'X', in: 'header', description: 'One\n  two.\n' }] } },
    };
    expect(markdownReference(readReference({ info: { title: 'A' }, paths }), target)).toContain(
      '### Headers\n\n- `X` (any): One two.\n\n### Body\n\n### Errors\n\n## Error codes\n\n## Response headers\n',
    );
  });
});

it('llms.txt leads to the files in the given folder', () => {
  expect(llmsText(readReference(smallContract), 'docs/')).toBe(`# Payments

> Take payments.

## Reference

- [reference.md](docs/reference.md): the whole reference as Markdown
- [openapi.yaml](docs/openapi.yaml): the contract, OpenAPI 3.1
- [openapi.json](docs/openapi.json): the contract as JSON

## Operations

- [createIntent](docs/reference.md): \`POST /intent\`. Creates an intent.
`);
});
