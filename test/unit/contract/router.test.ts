import { describe, expect, it } from 'vitest';
import { openContract, type Fallback } from '../../../src/contract/engine.ts';
import { edited } from '../../support/editedContract.ts';
import { handle, respondWithFirstExample } from '../../support/engine.ts';
import document from '../../../generated/openapi.json' with { type: 'json' };

const { post } = document.paths['/api/v1/payments/intent'];
const { requestBody: _body, parameters: _parameters, ...bare } = post;

const inPath = (name: string, schema: object = {}) => ({ name, in: 'path', required: true, schema });
const inQuery = (name: string, schema: object = {}) => ({ name, in: 'query', schema });
const atMost9 = { type: 'integer', maximum: 9, 'x-problems': 'invalidRequest' };
const text = { type: 'string', maxLength: 150, 'x-problems': 'invalidRequest' };

/** One operation for each path and method, named after both, without a body. */
function contractOf(paths: Record<string, Record<string, object[]>>): object {
  const items = Object.entries(paths).map(([path, methods]) => [
    path,
    Object.fromEntries(
      Object.entries(methods).map(([method, parameters]) => [
        method,
        { ...bare, operationId: `${method} ${path}`, parameters },
      ]),
    ),
  ]);
  return edited([['paths'], Object.fromEntries(items)]);
}

const PATHS = {
  '/things': { get: [], post: [] },
  '/things/{id}': {
    get: [inPath('id', text), inQuery('expand', text), inQuery('limit', atMost9)],
    delete: [inPath('id')],
  },
  '/things/new': { get: [] },
  '/things/{id}/parts/{part-id}': { get: [inPath('id'), inPath('part-id')] },
  '/odd:things/{id}': { get: [inPath('id')] },
  '/files/{name}.json': { get: [inPath('name')] },
  '/files/{name}': { get: [inPath('name')], put: [inPath('name')] },
};

/** The operation that a request reaches, with its parameters; else the problem. */
async function route(method: string, target: string): Promise<object> {
  let seen: object = {};
  const notImplemented: Fallback = (given, operation) => {
    seen = { id: operation.id, params: given.params, query: given.query };
    return respondWithFirstExample(given, operation);
  };
  const [path = '', queryString = ''] = target.split('?', 2);
  const contract = await openContract(contractOf(PATHS), { notImplemented });
  return handle(contract, { method, path, queryString }).then(
    () => seen,
    ({ example, headers }: { example: string; headers: object }) => ({ problem: example, ...headers }),
  );
}

describe('a request reaches', () => {
  it.each<[string, string, object]>([
    ['GET', '/things', { id: 'get /things' }],
    ['POST', '/things', { id: 'post /things' }],
    ['GET', '/th%69ngs', { id: 'get /things' }],
    ['GET', '/things/7', { id: 'get /things/{id}', params: { id: '7' } }],
    ['GET', '/things/a%2Fb%20c', { id: 'get /things/{id}', params: { id: 'a/b c' } }],
    ['GET', '/things/new', { id: 'get /things/new' }],
    // A path without a template goes first only where it has the method.
    ['DELETE', '/things/new', { id: 'delete /things/{id}', params: { id: 'new' } }],
    ['GET', '/things/7/parts/8', { params: { id: '7', 'part-id': '8' } }],
    ['GET', '/odd:things/7', { params: { id: '7' } }],
    ['GET', '/files/a.json', { id: 'get /files/{name}.json', params: { name: 'a' } }],
    ['GET', '/files/aXjson', { id: 'get /files/{name}', params: { name: 'aXjson' } }],
    ['PUT', '/files/a.json', { id: 'put /files/{name}', params: { name: 'a.json' } }],
    ['GET', '/things/__proto__', { params: { id: '__proto__' } }],
  ])('%s %s', async (method, target, reached) => {
    expect(await route(method, target)).toMatchObject(reached);
  });

  it.each([
    ['GET', '/things/'],
    ['GET', '/things%2F7'],
    ['GET', '/Things'],
    ['GET', '//things'],
    ['GET', '/things/7/'],
    ['GET', ''],
    ['GET', '*'],
    ['GET', '/things/%zz'],
  ])('no operation: %s %s', async (method, target) => {
    expect(await route(method, target)).toEqual({ problem: 'notFound' });
  });

  it.each([
    ['PATCH', '/things', 'GET, POST'],
    ['PATCH', '/things/new', 'GET, DELETE'],
    ['HEAD', '/things/7', 'GET, DELETE'],
  ])('no operation of its method: %s %s', async (method, target, allow) => {
    expect(await route(method, target)).toEqual({ problem: 'methodNotAllowed', Allow: allow });
  });
});

describe('a query parameter', () => {
  it('is validated, and converted to its type', async () => {
    expect(await route('GET', '/things/7?expand=a%20b&limit=5')).toMatchObject({ query: { expand: 'a b', limit: 5 } });
    expect(await route('GET', '/things/7?limit=50')).toEqual({ problem: 'invalidRequest' });
    expect(await route('GET', '/things/7?limit=many')).toEqual({ problem: 'invalidRequest' });
    expect(await route('GET', '/things/7?expand[a]=1')).toEqual({ problem: 'invalidRequest' });
  });

  it('that the operation does not have is ignored, as unknown fields of a body are', async () => {
    expect(await route('GET', '/things/7?utm=1&expand=a')).toMatchObject({ query: { expand: 'a' } });
    expect(await route('GET', '/things?utm=1')).toMatchObject({ id: 'get /things', query: {} });
  });
});

it('a path parameter is validated', async () => {
  expect(await route('GET', `/things/${'x'.repeat(200)}`)).toEqual({ problem: 'invalidRequest' });
});
