import { STATUS_CODES } from 'node:http';
import { lexer, type Tokens } from 'marked';
import {
  dereference,
  readOperations,
  type Dereferenced,
  type DocumentedResponse,
  type NamedExample,
  type Operation,
  type ResponseHeader,
  type Schema,
} from '../contract/document.ts';

/** The contract as the page and the Markdown file present it. All texts are the contract's; descriptions are Markdown. */
export interface Reference {
  title: string;
  version: string;
  summary: string;
  servers: readonly DocumentedServer[];
  /** The description up to its first heading. */
  lead: string;
  /** The description's sections, without the change log. */
  introduction: readonly Section[];
  operations: readonly ReferenceOperation[];
  /** All error responses, by status. */
  errors: readonly ErrorStatus[];
  errorBodies: readonly ErrorBody[];
  responseHeaders: readonly ReferenceHeader[];
  /** The change log, if the description has one. */
  closing: readonly Section[];
}

export interface DocumentedServer {
  /** Absolute, or relative to the document. */
  url: string;
  description: string;
}

export interface Section {
  id: string;
  title: string;
  markdown: string;
}

export interface ReferenceOperation extends Operation {
  /** The header with the API key first. */
  requestHeaders: readonly Field[];
  requestFields: readonly Field[];
  requestExamples: readonly RequestExample[];
  successes: readonly Success[];
  errors: readonly NamedExample[];
}

interface RequestExample {
  name: string;
  summary: string;
  value: unknown;
}

interface Success extends NamedExample {
  description: string;
  fields: readonly Field[];
}

/** A header of a request, or a field of a body. */
export interface Field {
  /** Unique in the page: `createPaymentIntent.metadata.email`. */
  id: string;
  /** `metadata.email`; `metadata.*` stands for every other key. */
  name: string;
  /** `array of string`. */
  type: string;
  required: boolean;
  description: string;
  rules: readonly Rule[];
  /** The values of an enum. */
  values: readonly string[];
}

/** What a valid value must be, and the error for one that is not. */
export interface Rule {
  texts: readonly string[];
  error: string | undefined;
}

export interface ErrorStatus {
  status: number;
  /** Of the responses with this status. */
  descriptions: readonly string[];
  errors: readonly ReferenceError[];
}

export interface ReferenceError extends NamedExample {
  message: string;
  /** What to do, from the table of errors in the description. Undefined if the table has no row for it. */
  remedy: string | undefined;
  /** The operations that send it, or undefined for all. */
  operations: readonly string[] | undefined;
  /** The fields whose rules name it. Of those with the same name, the first. */
  fields: readonly Field[];
}

/** The fields of the error responses with these statuses. */
interface ErrorBody {
  statuses: readonly number[];
  fields: readonly Field[];
}

export interface ReferenceHeader {
  name: string;
  descriptions: readonly string[];
  example: string;
  /** The statuses of the responses that have it, or undefined for all. */
  statuses: readonly string[] | undefined;
}

interface DescribedDocument extends Dereferenced {
  info: { title: string; version?: string; summary?: string; description?: string };
  servers?: readonly DocumentedServer[];
}

/** The phrase of a status. Node still has that of RFC 7231 for 413. */
export const statusPhrase = (status: number): string =>
  status === 413 ? 'Content Too Large' : (STATUS_CODES[status] ?? '');

/** Reads the contract for its presentation. */
export function readReference(contract: object): Reference {
  const document = dereference(contract) as DescribedDocument;
  const { title, version = '', summary = '', description = '' } = document.info;
  const operations = readOperations(document).map((operation) => presentOperation(operation, document));
  const [lead = '', ...parts] = description.split(/^(?=## )/m);
  const sections = parts.map(readSection);
  return {
    title,
    version,
    summary,
    servers: document.servers ?? [],
    lead,
    introduction: sections.filter((section) => !isClosing(section)),
    operations,
    errors: listErrors(operations, findErrorTable(description)),
    errorBodies: listErrorBodies(operations),
    responseHeaders: listResponseHeaders(operations),
    closing: sections.filter(isClosing),
  };
}

const isClosing = ({ title }: Section): boolean => title === 'Change log';

function readSection(text: string): Section {
  const [heading = '', ...lines] = text.split('\n');
  const title = heading.slice('## '.length).trim();
  // As GitHub does.
  const id = title
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
  return { id, title, markdown: lines.join('\n') };
}

function presentOperation(operation: Operation, { components }: DescribedDocument): ReferenceOperation {
  const { id, parameters, requestBody, responses, examples } = operation;
  const keys = operation.security
    .flatMap((schemes) => Object.keys(schemes))
    .flatMap((scheme) => components?.securitySchemes?.[scheme] ?? []);
  const body = requestBody?.content['application/json'];
  return {
    ...operation,
    requestHeaders: [
      ...keys.map(({ name = '', description = '' }) =>
        readField(id, name, { type: 'string', description }, { isRequired: true }),
      ),
      ...parameters.map(({ name, description = '', required = false, schema = {} }) =>
        readField(id, name, { ...schema, description }, { isRequired: required }),
      ),
    ],
    requestFields: readFields(id, body?.schema ?? {}),
    requestExamples: Object.entries(body?.examples ?? {}).map(([name, { summary = '', value }]) => ({
      name,
      summary,
      value,
    })),
    successes: examples
      .filter(({ status }) => !isError(status))
      .map((example) => {
        const { description = '', content } = responses[example.status] as DocumentedResponse;
        const schema = content?.['application/json']?.schema ?? {};
        return { ...example, description, fields: readFields(`${id}.${example.name}`, schema) };
      }),
    errors: examples.filter(({ status }) => isError(status)),
  };
}

const isError = (status: number): boolean => status >= 300;

/** The fields of an object, each followed by those inside it. */
function readFields(idPrefix: string, object: Schema, parent = ''): Field[] {
  const { properties = {}, additionalProperties, required = [] } = object;
  const others = isSchema(additionalProperties) ? { '*': additionalProperties } : {};
  return Object.entries({ ...properties, ...others }).flatMap(([key, property]) => {
    const schema = mergeAllOf(isSchema(property) ? property : {});
    const name = `${parent}${key}`;
    const isRequired = (required as readonly string[]).includes(key);
    const missing = isRequired ? problemFor(object, 'required') : undefined;
    return [readField(idPrefix, name, schema, { isRequired, missing }), ...readFields(idPrefix, schema, `${name}.`)];
  });
}

const isSchema = (schema: unknown): schema is Schema => typeof schema === 'object' && schema !== null;

const mergeAllOf = ({ allOf = [], ...own }: Schema): Schema => Object.assign({}, ...allOf.map(mergeAllOf), own);

interface Presence {
  isRequired: boolean;
  /** The error for a missing value. */
  missing?: string | undefined;
}

function readField(idPrefix: string, name: string, schema: Schema, { isRequired, missing }: Presence): Field {
  const items = isSchema(schema.items) ? schema.items : {};
  const values = (schema['enum'] ?? items['enum'] ?? []) as readonly unknown[];
  return {
    id: `${idPrefix}.${name}`,
    name,
    type: schema.type === 'array' ? `array of ${String(items.type)}` : String(schema.type ?? 'any'),
    required: isRequired,
    description: (schema['description'] as string | undefined) ?? '',
    rules: [...(missing ? [{ texts: ['required'], error: missing }] : []), ...readRules(schema)],
    values: values.map(String),
  };
}

/** How a rule reads. Types and enums stand beside the name of a field. */
const RULE_TEXTS: Record<string, (value: string | number) => string> = {
  exclusiveMinimum: (value) => `more than ${value}`,
  minimum: (value) => `at least ${value}`,
  maximum: (value) => `at most ${value}`,
  minLength: (value) => `at least ${count(value, 'character')}`,
  maxLength: (value) => `at most ${count(value, 'character')}`,
  minItems: (value) => `at least ${count(value, 'item')}`,
  maxItems: (value) => `at most ${count(value, 'item')}`,
  uniqueItems: () => 'no repeats',
  maxProperties: (value) => `at most ${count(value, 'key')}`,
  pattern: (value) => `pattern \`${value}\``,
  format: (value) => `format \`${value}\``,
};

const count = (value: string | number, noun: string): string => `${value} ${noun}${value === 1 ? '' : 's'}`;

/** The rules of a schema: those with the same error together. */
function readRules(schema: Schema): Rule[] {
  const texts = Object.entries(schema).flatMap(([keyword, value]): [string | undefined, string][] => {
    const problem = problemFor(schema, keyword);
    if (keyword === 'type' && problem) return [[problem, String(value)]];
    if (keyword === 'propertyNames' && isSchema(value)) {
      return readRules(value).map(({ texts: ofKeys, error }) => [error, `each key: ${ofKeys.join(', ')}`]);
    }
    const describe = RULE_TEXTS[keyword];
    return describe ? [[problem, describe(value as string | number)]] : [];
  });
  const errors = new Set(texts.map(([error]) => error));
  return [...errors].map((error) => ({
    error,
    texts: texts.filter(([other]) => other === error).map(([, text]) => text),
  }));
}

function problemFor({ 'x-problems': problems }: Schema, keyword: string): string | undefined {
  return typeof problems === 'string' ? problems : problems?.[keyword];
}

function listErrors(operations: readonly ReferenceOperation[], table: readonly ErrorRow[]): ErrorStatus[] {
  const examples = operations.flatMap(({ errors }) => errors);
  const statuses = [...new Set(examples.map(({ status }) => status))].toSorted((one, other) => one - other);
  const fields = operations.flatMap(({ requestHeaders, requestFields }) => [...requestHeaders, ...requestFields]);
  const presentError = (example: NamedExample): ReferenceError => {
    const { message, error } = example.body as { message?: string; error?: string };
    const senders = operations.filter(({ errors }) => errors.some(({ name }) => name === example.name));
    return {
      ...example,
      message: message ?? error ?? '',
      remedy: findRemedy(table, example),
      operations: senders.length < operations.length ? senders.map(({ id }) => id) : undefined,
      fields: uniqueByName(fields.filter(({ rules }) => rules.some((rule) => rule.error === example.name))),
    };
  };
  return statuses.map((status) => ({
    status,
    descriptions: unique(operations.flatMap(({ responses }) => responses[status]?.description ?? [])),
    errors: uniqueByName(examples.filter((example) => example.status === status)).map(presentError),
  }));
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];

const uniqueByName = <Named extends { name: string }>(items: readonly Named[]): Named[] =>
  [...new Map(items.toReversed().map((item) => [item.name, item])).values()].toReversed();

function listErrorBodies(operations: readonly ReferenceOperation[]): ErrorBody[] {
  const bodies = operations
    .flatMap(({ responses }) => Object.entries(responses))
    .map(([status, { content }]) => ({ status: Number(status), schema: content?.['application/json']?.schema }))
    .filter(({ status, schema }) => isError(status) && schema !== undefined);
  const groups = Map.groupBy(bodies, ({ schema }) => JSON.stringify(schema));
  return [...groups.values()].map((same) => {
    const statuses = [...new Set(same.map(({ status }) => status))].toSorted((one, other) => one - other);
    return { statuses, fields: readFields(`errors.${statuses[0]}`, same[0]!.schema!) };
  });
}

/** A row of the table of errors: `409 idempotencyKeyInUse`, or `500, 503`. */
interface ErrorRow {
  statuses: readonly number[];
  name: string | undefined;
  remedy: string;
}

/** Finds the table with the columns `status` and `what to do`. */
function findErrorTable(markdown: string): ErrorRow[] {
  const tables = lexer(markdown).filter((token): token is Tokens.Table => token.type === 'table');
  return tables.flatMap(({ header, rows }) => {
    const [statusColumn, remedyColumn] = ['status', 'what to do'].map((title) =>
      header.findIndex(({ text }) => text === title),
    ) as [number, number];
    if (statusColumn < 0 || remedyColumn < 0) return [];
    return rows.map((cells) => ({
      statuses: (cells[statusColumn]!.text.match(/\d{3}/g) ?? []).map(Number),
      name: /`(\w+)`/.exec(cells[statusColumn]!.text)?.[1],
      remedy: cells[remedyColumn]!.text,
    }));
  });
}

function findRemedy(table: readonly ErrorRow[], { name, status }: NamedExample): string | undefined {
  const rows = table.filter(({ statuses }) => statuses.includes(status));
  return (rows.find((row) => row.name === name) ?? rows.find((row) => row.name === undefined))?.remedy;
}

function listResponseHeaders(operations: readonly ReferenceOperation[]): ReferenceHeader[] {
  const responses = operations.flatMap((operation) => Object.entries(operation.responses));
  const sent = responses.flatMap(([status, { headers = {} }]) =>
    Object.entries(headers).map(([name, header]) => ({ name, status, ...header })),
  );
  const statusesOf = (some: readonly { status: string }[]) => unique(some.map(({ status }) => status)).toSorted();
  return unique(sent.map(({ name }) => name)).map((name) => {
    const same = sent.filter((header) => header.name === name);
    const example = same.find((header: ResponseHeader) => header.example !== undefined)?.example;
    const isInAll = same.length === responses.length;
    return {
      name,
      descriptions: unique(same.map(({ description = '' }) => description)),
      example: typeof example === 'string' ? example : JSON.stringify(example ?? ''),
      statuses: isInAll ? undefined : statusesOf(same),
    };
  });
}
