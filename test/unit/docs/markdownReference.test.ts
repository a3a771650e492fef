import { describe, expect, it } from 'vitest';
import contract from '../../../generated/openapi.json' with { type: 'json' };
import { llmsText, markdownReference } from '../../../src/docs/markdownReference.ts';
import { readReference } from '../../../src/docs/reference.ts';
import { operations, scenarios } from '../../support/contractDocument.ts';

const reference = readReference(contract);
const markdown = markdownReference(reference, { baseUrl: 'https://payments.test', apiKey: 'YOUR_KEY' });
const section = (heading: string) => markdown.split(`\n${heading}\n`)[1]!.split(/\n#{1,4} /)[0]!;

describe('the reference as Markdown', () => {
  it('begins with the title, the summary and the servers', () => {
    expect(markdown.startsWith(`# ${contract.info.title} ${contract.info.version}\n\n${contract.info.summary}\n`)).toBe(
      true,
    );
    for (const { url, description } of contract.servers) expect(markdown).toContain(`- ${description}: ${url}`);
  });

  it('has the whole introduction, and the change log last', () => {
    for (const line of contract.info.description.split('\n')) expect(markdown).toContain(line);
    expect(markdown.lastIndexOf('\n## ')).toBe(markdown.indexOf('\n## Change log'));
  });

  it('has a section for each error: message, meaning, remedy, and how long to wait', () => {
    expect(section('#### amountTooSmall')).toBe(`
- Message: Amount must be at least 0.50
- Meaning: Under Stripe's minimum
- What to do: Fix the request.
`);
    expect(section('#### tooManyRequests')).toContain('- Retry-After: 1\n');
    for (const { status, example } of scenarios.filter((each) => each.status >= 300)) {
      expect(markdown).toContain(`\n#### ${example}\n`);
      expect(markdown).toContain(`${status} \`${example}\``);
    }
  });

  it('has the fields of each operation, with their rules and the errors for them', () => {
    expect(markdown).toContain('\n- `amount` (number, required): Payment amount in US dollars');
    expect(markdown).toContain('\n  - at least 0.5, else `amountTooSmall`\n');
    expect(markdown).toContain('- Values: `acss_debit`, `affirm`,');
    expect(markdown).toContain('- `Retry-After` (409, 429, 503): ');
    expect(markdown).toContain('- `X-Request-Id` (every response): ');
  });

  it('has a sample in each language, and the body of every other example', () => {
    for (const { operationId, requestExamples } of operations) {
      expect(markdown).toContain(`payments.${operationId}(`);
      const [, ...others] = Object.values(requestExamples);
      for (const { summary, value } of others)
        expect(section(`### Example: ${summary}`)).toContain(`\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``);
    }
    for (const label of ['Client', 'cURL', 'JavaScript', 'Python']) expect(markdown).toContain(`\n${label}:\n\n\`\`\``);
  });
});

it('llms.txt leads to the files in the given folder', () => {
  const text = llmsText(reference, 'docs/');
  expect(text.startsWith(`# ${contract.info.title}\n\n> ${contract.info.summary}\n`)).toBe(true);
  const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link!);
  expect(new Set(links)).toEqual(new Set(['docs/reference.md', 'docs/openapi.yaml', 'docs/openapi.json']));
  for (const { operationId } of operations) expect(text).toContain(`[${operationId}](`);
});
