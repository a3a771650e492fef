import { describe, expect, it } from 'vitest';
import { openContract, type EngineOptions } from '../../../src/contract/engine.ts';
import { ContractError } from '../../../src/contract/lint.ts';
import { bodyProblemNames, sharedProblemNames } from '../../../src/contract/problems.ts';
import { AMOUNT, BODY, edited, NOTE, POST, SCHEMAS, type Edit } from '../../support/editedContract.ts';
import { respondWithFirstExample } from '../../support/engine.ts';

const METADATA = [...SCHEMAS, 'Metadata'];
const API_KEY = ['components', 'securitySchemes', 'apiKey'];
const HERE = 'POST /api/v1/payments/intent';

const fallback: EngineOptions = { notImplemented: respondWithFirstExample };

/** The issues of a document, without the heading; none where it opens. */
async function issuesIn(changed: object): Promise<string[]> {
  return openContract(changed, fallback).then(
    () => [],
    (error: Error) => error.message.replace("The contract can't be served:\n- ", '').split('\n- '),
  );
}

/** The issues of a document, each with its place. */
async function placesIn(changed: object, options: EngineOptions = fallback): Promise<[string, string][]> {
  const error: unknown = await openContract(changed, options).catch((thrown: unknown) => thrown);
  if (!(error instanceof ContractError)) throw new Error(`expected a ContractError, got ${String(error)}`);
  return error.issues.map(({ text, path }) => [text, path.join(' ')]);
}

describe('a contract that can not be served', () => {
  it('is not the contract of this project', async () => {
    expect(await issuesIn(edited())).toEqual([]);
  });

  it('is refused with all issues at once', async () => {
    const wrong = edited(
      [[...AMOUNT, 'x-problems', 'minimum'], undefined],
      [[...BODY, 'x-body-limit-bytes'], undefined],
      [[...POST, 'security'], []],
      [['components', 'responses', 'NotFound', 'content', 'application/json', 'examples'], {}],
    );
    await expect(openContract(wrong, {})).rejects.toMatchObject({
      message: `The contract can't be served:
- ${HERE}: no handler for the operation createPaymentIntent
- ${HERE}: security is not exactly one API key in a header
- ${HERE}: no response has an example named notFound
- ${HERE}: no x-body-limit-bytes
- ${HERE}: application/json/amount: x-problems names no 400 example for minimum`,
    });
  });

  it('is refused with the place of each issue, references followed', async () => {
    const wrong = edited([[...AMOUNT, 'x-problems', 'minimum'], undefined]);
    const place = 'post requestBody content application/json schema properties amount minimum'.split(' ');
    await expect(openContract(wrong, fallback)).rejects.toMatchObject({
      issues: [{ path: ['paths', '/api/v1/payments/intent', ...place] }],
    });
  });

  const WHERE = 'paths /api/v1/payments/intent post';
  const SCHEMA = `${WHERE} requestBody content application/json schema`;
  const EXAMPLES = ['components', 'responses', 'NotFound', 'content', 'application/json', 'examples'];

  it.each<[string, string, Edit]>([
    [`${HERE}: no response has an example named notFound`, `${WHERE} responses`, [EXAMPLES, {}]],
    [
      `${HERE}: the example notFound has no object as its value`,
      `${WHERE} responses 404 content application/json examples notFound`,
      [[...EXAMPLES, 'notFound', 'value'], 'words'],
    ],
    [`${HERE}: security is not exactly one API key in a header`, `${WHERE} security`, [[...POST, 'security'], []]],
    [
      `${HERE}: q: a parameter in cookie is not supported`,
      `${WHERE} parameters 0`,
      [[...POST, 'parameters'], [{ name: 'q', in: 'cookie', schema: {} }]],
    ],
    [
      `${HERE}: q: a parameter without a schema is not supported`,
      `${WHERE} parameters 0`,
      [[...POST, 'parameters'], [{ name: 'q', in: 'query', content: { 'application/json': { schema: {} } } }]],
    ],
    [
      `${HERE}: q: x-problems names no 400 example for maxLength`,
      `${WHERE} parameters 0 schema maxLength`,
      [[...POST, 'parameters'], [{ name: 'q', in: 'query', schema: { maxLength: 5 } }]],
    ],
    [
      `${HERE}: application/json/note: the format email is not checked; use one of unicode, int32, int64, byte, double`,
      `${SCHEMA} properties note format`,
      [NOTE, { format: 'email', 'x-problems': 'invalidBody' }],
    ],
    [
      `${HERE}: a body of type text/plain is not read`,
      `${WHERE} requestBody content text/plain`,
      [[...BODY, 'content', 'text/plain'], { schema: {} }],
    ],
    [`${HERE}: no x-body-limit-bytes`, `${WHERE} requestBody`, [[...BODY, 'x-body-limit-bytes'], undefined]],
    [
      `${HERE}: X-A: x-problems names no 400 example for pattern`,
      `${WHERE} parameters 1 schema pattern`,
      [[...POST, 'parameters', '1'], { name: 'X-A', in: 'header', schema: { pattern: 'a' } }],
    ],
    [
      `${HERE}: X-A: x-problems names no 400 example for required`,
      `${WHERE} parameters 1 schema required`,
      [[...POST, 'parameters', '1'], { name: 'X-A', in: 'header', required: true, schema: {} }],
    ],
    [
      `${HERE}: application/json/note/items: x-problems names no 400 example for minimum`,
      `${SCHEMA} properties note items minimum`,
      [NOTE, { items: { minimum: 1 } }],
    ],
    [
      `${HERE}: application/json/note/allOf: x-problems names no 400 example for minimum`,
      `${SCHEMA} properties note allOf 1 minimum`,
      [NOTE, { allOf: [{}, { minimum: 1 }] }],
    ],
    [
      `${HERE}: application/json/note/propertyNames: x-problems names no 400 example for minLength`,
      `${SCHEMA} properties note propertyNames minLength`,
      [NOTE, { propertyNames: { minLength: 1 }, 'x-problems': 'invalidBody' }],
    ],
    [
      `${HERE}: application/json/note/additionalProperties: x-problems names no 400 example for type`,
      `${SCHEMA} properties note additionalProperties type`,
      [NOTE, { additionalProperties: { type: 'string' } }],
    ],
    ...['anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'contains', 'patternProperties', 'dependencies']
      .concat(
        [
          'dependentRequired',
          'dependentSchemas',
          'unevaluatedProperties',
          'unevaluatedItems',
          'prefixItems',
          'minContains',
        ],
        ['maxContains', 'contentEncoding', '$ref', '$dynamicRef', 'nullable', 'discriminator', 'requird'],
      )
      .map((keyword): [string, string, Edit] => [
        `${HERE}: application/json/note: ${keyword} is not supported`,
        `${SCHEMA} properties note ${keyword}`,
        [NOTE, { [keyword]: {}, 'x-problems': 'invalidBody' }],
      ]),
  ])('is refused with the issue and its place: %s', async (text, place, edit) => {
    expect(await placesIn(edited(edit))).toEqual([[text, place]]);
  });

  it('is refused with the operation that has no handler', async () => {
    expect(await placesIn(edited(), {})).toEqual([
      [`${HERE}: no handler for the operation createPaymentIntent`, `${WHERE} operationId`],
    ]);
    await expect(openContract(edited(), {})).rejects.toMatchObject({ name: 'ContractError' });
  });

  it.each(['title', 'description', 'example', 'examples', 'default', 'deprecated', 'properties', 'items', 'allOf'])(
    'is not one for want of an answer to %s, which never fails',
    async (keyword) => {
      const values: Record<string, unknown> = { allOf: [{}], examples: ['a'], description: 'a', title: 'a' };
      expect(await issuesIn(edited([NOTE, { [keyword]: values[keyword] ?? {} }]))).toEqual([]);
    },
  );

  it('is not one that allows additional properties without a problem for them', async () => {
    expect(await issuesIn(edited([NOTE, { additionalProperties: true }]))).toEqual([]);
  });

  it.each<[string, string, Edit]>([
    [
      'a rule whose answer was forgotten',
      'amount: x-problems names no 400 example for multipleOf',
      [[...AMOUNT, 'multipleOf'], 5],
    ],
    [
      'a rule of our own without a problem',
      'amount: x-problems names no 400 example for x-whole-cents',
      [[...AMOUNT, 'x-problems', 'x-whole-cents'], undefined],
    ],
    [
      'a name that stands for no example',
      'amount: x-problems names no 400 example for type',
      [[...AMOUNT, 'x-problems', 'type'], 'nonsense'],
    ],
    [
      'a name that stands for an example of another status',
      'amount: x-problems names no 400 example for type',
      [[...AMOUNT, 'x-problems', 'type'], 'internalError'],
    ],
    [
      'a field that nobody may send, whose rule can name no answer',
      'metadata/email: a schema that is false is not supported',
      [[...METADATA, 'properties', 'email'], false],
    ],
    [
      'a rule for items',
      'paymentMethodTypes/allOf/items: x-problems names no 400 example for enum',
      [[...SCHEMAS, 'PaymentMethodType', 'x-problems'], { type: 'invalidPaymentMethodTypes' }],
    ],
    [
      'a rule for keys',
      'metadata/propertyNames: x-problems names no 400 example for pattern',
      [
        [...METADATA, 'propertyNames', 'x-problems'],
        { minLength: 'invalidMetadata', maxLength: 'invalidMetadata', format: 'invalidMetadata' },
      ],
    ],
    [
      'a rule in allOf',
      'metadata/email/allOf: x-problems names no 400 example for minLength',
      [[...METADATA, 'properties', 'email', 'allOf'], [{ minLength: 1 }]],
    ],
    [
      'a rule for other fields',
      'metadata/additionalProperties: x-problems names no 400 example for type',
      [[...METADATA, 'additionalProperties'], { type: 'string' }],
    ],
    [
      'that there are no other fields',
      'metadata: x-problems names no 400 example for additionalProperties',
      [METADATA, { additionalProperties: false }],
    ],
  ])('is refused for %s', async (_what, fault, edit) => {
    expect(await issuesIn(edited(edit))).toEqual([`${HERE}: application/json/${fault}`]);
  });

  it('is refused for a rule of a header', async () => {
    const place = ['components', 'parameters', 'IdempotencyKey', 'schema', 'x-problems'];
    expect(await issuesIn(edited([place, undefined]))).toEqual([
      `${HERE}: Idempotency-Key: x-problems names no 400 example for type`,
      `${HERE}: Idempotency-Key: x-problems names no 400 example for pattern`,
    ]);
  });

  it.each<[string, Edit]>([
    ['alternatives', [NOTE, { anyOf: [{ type: 'string' }], 'x-problems': 'invalidMetadata' }]],
    ['exclusive alternatives', [NOTE, { oneOf: [{ type: 'string' }], 'x-problems': 'invalidMetadata' }]],
    ['fields by pattern', [NOTE, { patternProperties: { '^a': { type: 'string' } }, 'x-problems': 'invalidMetadata' }]],
    ['an item that must be there', [NOTE, { contains: { type: 'string' }, 'x-problems': 'invalidMetadata' }]],
    ['a condition', [NOTE, { if: { type: 'string' }, else: { minimum: 1 }, 'x-problems': 'invalidMetadata' }]],
  ])('is refused for a rule without a problem in %s', async (_what, edit) => {
    expect(await issuesIn(edited(edit))).not.toEqual([]);
  });

  it.each([undefined, null, 'Not found'])('is refused for an example whose body is %o', async (value) => {
    const place = [
      'components',
      'responses',
      'NotFound',
      'content',
      'application/json',
      'examples',
      'notFound',
      'value',
    ];
    expect(await issuesIn(edited([place, value]))).toEqual([
      `${HERE}: the example notFound has no object as its value`,
    ]);
  });

  it('is refused for every problem that the code can send and no example has', async () => {
    const others = edited([[...POST, 'responses'], { 200: { description: 'None of ours.' } }]);
    expect(await issuesIn(others)).toEqual(
      expect.arrayContaining(
        [...sharedProblemNames, ...bodyProblemNames].map((name) => `${HERE}: no response has an example named ${name}`),
      ),
    );
  });

  it.each<[string, Edit]>([
    ['no security at all', [['security'], undefined]],
    ['no security for the operation', [[...POST, 'security'], []]],
    ['security that anyone meets', [[...POST, 'security'], [{}]]],
    [
      'security that anyone may choose to meet',
      [
        [...POST, 'security'],
        [{ apiKey: [] }, {}],
      ],
    ],
    ['two keys at once', [[...POST, 'security'], [{ apiKey: [], other: [] }]]],
    ['a scheme that is not described', [[...POST, 'security'], [{ other: [] }]]],
    ['a scheme that is no API key', [API_KEY, { type: 'http', scheme: 'bearer' }]],
    ['an API key in the query', [[...API_KEY, 'in'], 'query']],
    ['an API key in a cookie', [[...API_KEY, 'in'], 'cookie']],
  ])('is refused for %s', async (_what, edit) => {
    const other: Edit = [['components', 'securitySchemes', 'other'], undefined];
    expect(await issuesIn(edited(other, edit))).toEqual([`${HERE}: security is not exactly one API key in a header`]);
  });

  it('is refused for a body that is no JSON', async () => {
    const edit: Edit = [[...BODY, 'content', 'text/plain'], { schema: {} }];
    expect(await issuesIn(edited(edit))).toEqual([`${HERE}: a body of type text/plain is not read`]);
  });
});
