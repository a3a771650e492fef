import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContractError } from '../../../src/contract/lint.ts';
import { readContractFile } from '../../../src/mock/contractFile.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contract-file-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The contract in a file, and how the file is named in messages. */
async function written(text: string) {
  const file = join(folder, 'openapi.yaml');
  await writeFile(file, text);
  return { file, shown: relative(process.cwd(), file) };
}
const read = async (text: string) => readContractFile((await written(text)).file);

/** The message with `@` for the file's name. */
async function readRefusal(text: string): Promise<string> {
  const { file, shown } = await written(text);
  const [{ reason }] = (await Promise.allSettled([readContractFile(file)])) as [PromiseRejectedResult];
  return (reason as Error).message.replaceAll(shown, '@');
}

const CONTRACT = `openapi: 3.1.0
paths:
  /intent:
    post: &post
      responses:
        '404':
          $ref: '#/components/responses/a~1b~0c'
        list: [zero, { name: one }]
    put: *post
components:
  responses:
    a/b~c:
      description: Not found
    circle:
      $ref: '#/components/responses/circle'
    $ref:
      type: string
    7: seven
`;

describe('a contract', () => {
  it.each([
    ['YAML', 'openapi: 3.1.0\npaths: {}\n'],
    ['JSON', '{"openapi": "3.1.0", "paths": {}}'],
  ])('may be %s', async (_what, text) => {
    expect((await read(text)).document).toEqual({ openapi: '3.1.0', paths: {} });
  });

  it('may refer to any part of itself, and have a field that is named like a reference', async () => {
    expect((await read(CONTRACT)).document).toMatchObject({ openapi: '3.1.0' });
  });

  it.each([
    ['- a list\n', '- @:1:1 expected an OpenAPI document'],
    ["- $ref: '#/lost'\n", '- @:1:1 expected an OpenAPI document'],
    ['[7', '- @:1:3 Flow sequence must end with a ]'],
    ['', '- @:1:1 expected an OpenAPI document'],
    ['a: b: c\n', '- @:1:4 Nested mappings are not allowed in compact mappings'],
    ['a: "b\nc: [\n', expect.stringMatching(/^- @:\d+:\d+ Missing closing "quote(\n- @:\d+:\d+ .*)*$/)],
  ])('that is none is refused, with every place: %j', async (text, message) => {
    expect(await readRefusal(text)).toEqual(message);
  });

  it('has no reference that leads nowhere, or elsewhere', async () => {
    const text = `a:
  $ref: '#/lost'
b:
  - $ref: other.yaml#/b
  - { $ref: '#/b/7' }
  - $ref: 7
  - $ref: ./a
  - $ref: '#/b/0'
c: { $refs: '#/lost', 7: '#/lost' }
`;
    expect(await readRefusal(text)).toBe(
      '- @:2:9 unresolved $ref: #/lost\n- @:4:11 unresolved $ref: other.yaml#/b\n- @:5:13 unresolved $ref: #/b/7\n- @:7:11 unresolved $ref: ./a',
    );
  });
});

/** What is said of an error, with `@` for the file's name. */
async function readMessage(error: Error): Promise<string> {
  const { file, shown } = await written(CONTRACT);
  return (await readContractFile(file)).locate(error).message.replaceAll(shown, '@');
}

const faults = (...paths: string[][]) =>
  new ContractError(
    'Wrong',
    paths.map((path) => ({ text: `${path.at(-1)} is wrong`, path })),
  );

describe('a fault', () => {
  it.each<[string, string[], string]>([
    ['its key', ['paths', '/intent', 'post'], '4:5'],
    ['a key that is no text', ['components', 'responses', '7'], '18:5'],
    ['its place in a list', ['paths', '/intent', 'post', 'responses', 'list', '1'], '8:22'],
    ['a key in a list', ['paths', '/intent', 'post', 'responses', 'list', '1', 'name'], '8:24'],
    ['where a reference leads', ['paths', '/intent', 'post', 'responses', '404', 'description'], '13:7'],
    ['where an alias leads', ['paths', '/intent', 'put', 'responses', '404', 'description'], '13:7'],
    ['as near as the document goes', ['paths', '/intent', 'post', 'lost', 'description'], '4:5'],
    ['the reference, where it is a circle', ['components', 'responses', 'circle', 'description'], '14:5'],
    ['the beginning, where it is nowhere', ['lost'], '1:1'],
    ['the beginning, where it is everywhere', [], '1:1'],
  ])('is shown at %s', async (_what, path, expected) => {
    expect(await readMessage(faults(path))).toBe(`- @:${expected} ${path.at(-1)} is wrong`);
  });

  it('is one line of several', async () => {
    expect(await readMessage(faults(['openapi'], ['paths']))).toBe('- @:1:1 openapi is wrong\n- @:2:1 paths is wrong');
  });

  it('of another kind is shown without a place', async () => {
    expect(await readMessage(new TypeError('broken'))).toBe('- @: broken');
  });
});
