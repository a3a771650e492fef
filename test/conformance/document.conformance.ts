/**
 * Reads the contract with the linters and importers of others. An import must not contain an idempotency key of the contract:
 * every developer would send the same one, and the second would get a 409.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { document } from '../support/contractDocument.ts';
import { CONTRACT, NPM_TOOLS } from './judges.ts';

const text = readFileSync(CONTRACT, 'utf8');
/** The packages of test/conformance/package.json, which only `make conformance` installs. */
const load = createRequire(import.meta.url);

describe('the contract', () => {
  it.each(['openapi/openapi.yaml', 'generated/openapi.json'])('has no finding of Spectral in %s', async (file) => {
    const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
    const ruleset = fileURLToPath(new URL('spectral.yaml', import.meta.url));
    const options = ['lint', path, '--ruleset', ruleset, '--fail-severity', 'hint', '--fail-on-unmatched-globs'];
    const { stdout } = await promisify(execFile)(process.execPath, [`${NPM_TOOLS}spectral`, ...options]);
    expect(stdout).toContain('No results');
  });

  it('is valid for swagger-parser, which resolves every reference', async () => {
    const parser = load('@apidevtools/swagger-parser') as { validate(api: unknown): Promise<typeof document> };
    const validated = await parser.validate(structuredClone(document));
    expect(Object.keys(validated.paths)).toEqual(Object.keys(document.paths));
  });
});

interface ImportedRequest {
  name: string;
  headers: { name: string; value: string; enabled: boolean }[];
  body: string;
}

describe('an import into Postman', () => {
  // Postman switches every optional header on, which the contract can't prevent. It makes up the value in each import.
  it.each(['Schema', 'Example'])('has no key that two developers share (parameters from: %s)', async (source) => {
    const imported = await importIntoPostman(source);
    expect(imported.map(({ name }) => name)).toEqual(summaries());
    const keys = [...imported, ...(await importIntoPostman(source))].map(idempotencyKeyOf);
    expect(new Set(keys.slice(0, imported.length)).intersection(new Set(keys.slice(imported.length)))).toEqual(
      new Set(),
    );
  });

  it('has no key in the bodies that are examples of the contract', async () => {
    const imported = await importIntoPostman('Example');
    expect(imported.filter(({ body }) => body.includes('idempotencyKey'))).toEqual([]);
  });
});

describe('an import into Bruno', () => {
  it('sends no idempotency key', () => {
    const imported = importIntoBruno();
    expect(imported.map(({ name }) => name)).toEqual(summaries());
    expect(imported.map(idempotencyKeyOf)).toEqual(imported.map(() => undefined));
    expect(imported.filter(({ body }) => body.includes('idempotencyKey'))).toEqual([]);
  });
});

const summaries = () => Object.values(document.paths).map(({ post }) => post.summary);

const idempotencyKeyOf = ({ headers }: ImportedRequest) =>
  headers.find(({ name, enabled }) => enabled && name.toLowerCase() === 'idempotency-key')?.value;

interface PostmanItem {
  name: string;
  item?: PostmanItem[];
  request: { header: { key: string; value: string; disabled?: boolean }[]; body: { raw: string } };
}

async function importIntoPostman(parametersResolution: string): Promise<ImportedRequest[]> {
  type Result = { result: boolean; reason?: string; output: { data: PostmanItem }[] };
  type Callback = (error: Error | null, result: Result) => void;
  const postman = load('openapi-to-postmanv2') as { convertV2(input: object, options: object, done: Callback): void };
  const { result, reason, output } = await new Promise<Result>((resolve, reject) => {
    postman.convertV2({ type: 'string', data: text }, { parametersResolution }, (error, converted) =>
      error ? reject(error) : resolve(converted),
    );
  });
  expect(result, reason).toBe(true);
  const requests = ({ item, ...rest }: PostmanItem): PostmanItem[] => (item ? item.flatMap(requests) : [rest]);
  return requests(output[0]!.data).map(({ name, request }) => ({
    name,
    headers: request.header.map(({ key, value, disabled }) => ({ name: key, value, enabled: !disabled })),
    body: request.body.raw,
  }));
}

interface BrunoItem {
  name: string;
  items?: BrunoItem[];
  request: { headers: ImportedRequest['headers']; body: { json: string | null } };
}

function importIntoBruno(): ImportedRequest[] {
  const { openApiToBruno } = load('@usebruno/converters') as {
    openApiToBruno: (api: object) => { items: BrunoItem[] };
  };
  const requests = ({ items, ...rest }: BrunoItem): BrunoItem[] => (items ? items.flatMap(requests) : [rest]);
  return openApiToBruno(JSON.parse(text) as object)
    .items.flatMap(requests)
    .map(({ name, request }) => ({ name, headers: request.headers, body: request.body.json ?? '' }));
}
