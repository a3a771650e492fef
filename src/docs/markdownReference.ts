import {
  statusPhrase,
  type Field,
  type Reference,
  type ReferenceError,
  type ReferenceOperation,
  type Rule,
  type Section,
} from './reference.ts';
import { jsonText, requestSamples, type SampleTarget } from './samples.ts';

/** The whole reference as one Markdown file. */
export function markdownReference(reference: Reference, target: SampleTarget): string {
  const { title, version, summary, servers, lead, introduction, operations, closing } = reference;
  return joined([
    `# ${title} ${version}`,
    summary,
    lead,
    servers.map(({ url, description }) => `- ${description}: ${url}`).join('\n'),
    ...introduction.map(sectionText),
    ...operations.map((operation) => operationText(operation, target)),
    '## Error codes',
    ...reference.errorBodies.flatMap(({ statuses, fields }) => [`Body of ${statuses.join(', ')}:`, fieldsText(fields)]),
    ...reference.errors.flatMap(({ status, descriptions, errors }) => [
      `### ${status} ${statusPhrase(status)}`,
      ...descriptions,
      ...errors.map(errorText),
    ]),
    '## Response headers',
    reference.responseHeaders
      .map(
        ({ name, descriptions, example, statuses }) =>
          `- \`${name}\` (${statuses?.join(', ') ?? 'every response'}): ${descriptions.map(oneLine).join(' ')} Example: \`${example}\``,
      )
      .join('\n'),
    ...closing.map(sectionText),
  ]);
}

/** The index for language models (https://llmstxt.org). `folder` leads to the files: `docs/`, or empty beside them. */
export const llmsText = ({ title, summary, operations }: Reference, folder: string): string =>
  joined([
    `# ${title}`,
    `> ${summary}`,
    '## Reference',
    [
      `- [reference.md](${folder}reference.md): the whole reference as Markdown`,
      `- [openapi.yaml](${folder}openapi.yaml): the contract, OpenAPI 3.1`,
      `- [openapi.json](${folder}openapi.json): the contract as JSON`,
    ].join('\n'),
    '## Operations',
    operations
      .map(
        ({ id, method, path, description }) =>
          `- [${id}](${folder}reference.md): \`${method} ${path}\`. ${oneLine(description)}`,
      )
      .join('\n'),
  ]);

const joined = (blocks: readonly string[]): string =>
  `${blocks
    .map((block) => block.trim())
    .filter((block) => block !== '')
    .join('\n\n')}\n`;

const oneLine = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, ' ');

const sectionText = ({ title, markdown }: Section): string => joined([`## ${title}`, markdown]);

const fence = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;

const operationText = (operation: ReferenceOperation, target: SampleTarget): string =>
  joined([
    `## ${operation.id}: ${operation.summary}`,
    `\`${operation.method} ${operation.path}\``,
    operation.description,
    '### Headers',
    fieldsText(operation.requestHeaders),
    '### Body',
    operation.requestBody?.description ?? '',
    fieldsText(operation.requestFields),
    ...operation.requestExamples.flatMap(({ summary, value }, index) => [
      `### Example: ${summary}`,
      ...(index === 0
        ? requestSamples(operation, value, target).flatMap((sample) => [
            `${sample.label}:`,
            fence(sample.fence, sample.code),
          ])
        : [fence('json', jsonText(value))]),
    ]),
    ...operation.successes.flatMap(({ name, status, description, fields, body }) => [
      `### ${status} \`${name}\``,
      description,
      fieldsText(fields),
      fence('json', jsonText(body)),
    ]),
    '### Errors',
    operation.errors.map(({ name, status }) => `${status} \`${name}\``).join(', '),
  ]);

const fieldsText = (fields: readonly Field[]): string =>
  fields
    .map(({ name, type, required, description, rules, values }) =>
      [
        `- \`${name}\` (${type}${required ? ', required' : ''}): ${oneLine(description)}`,
        ...rules.map(ruleText),
        ...(values.length > 0 ? [`  - Values: ${values.map((value) => `\`${value}\``).join(', ')}`] : []),
      ].join('\n'),
    )
    .join('\n');

const ruleText = ({ texts, error }: Rule): string => `  - ${texts.join(', ')}${error ? `, else \`${error}\`` : ''}`;

const errorText = ({ name, message, summary, remedy, headers }: ReferenceError): string =>
  joined([
    `#### ${name}`,
    [
      `- Message: ${message}`,
      `- Meaning: ${summary}`,
      ...(remedy ? [`- What to do: ${remedy}`] : []),
      ...(headers['Retry-After'] ? [`- Retry-After: ${headers['Retry-After']}`] : []),
    ].join('\n'),
  ]);
