import { OpenAPIValidator } from 'openapi-backend';
import { afterEach, describe, expect, it, vi } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { ContractError, openContract, type FindHandler } from '../../../src/contract/contract.ts';
import { problemNames, type Problem } from '../../../src/contract/problems.ts';

const answered: FindHandler = () => async () => ({ example: 'created' });

const POST = ['paths', '/api/v1/payments/intent', 'post'];
const BODY = [...POST, 'requestBody'];
const SCHEMAS = ['components', 'schemas'];
const PROPERTIES = [...SCHEMAS, 'PaymentIntentRequest', 'properties'];
const AMOUNT = [...PROPERTIES, 'amount'];
const NOTE = [...PROPERTIES, 'note'];
const METADATA = [...SCHEMAS, 'Metadata'];
const API_KEY = ['components', 'securitySchemes', 'apiKey'];

type Edit = readonly [place: readonly string[], value: unknown];
type Node = Record<string, unknown>;

/** The contract with other values in some places; undefined takes out what stands there. */
function edited(...edits: readonly Edit[]): object {
  const copy: Node = structuredClone(document);
  for (const [place, value] of edits) {
    const parent = place.slice(0, -1).reduce((node, key) => node[key] as Node, copy);
    parent[place.at(-1)!] = value;
  }
  // As a file would bring it: without what is undefined.
  return JSON.parse(JSON.stringify(copy));
}

/** What is said about a document, under the heading; nothing where it opens. */
async function faultsIn(changed: object): Promise<string[]> {
  return openContract(changed, answered).then(
    () => [],
    (error: Error) => error.message.replace("The contract can't be served:\n- ", '').split('\n- '),
  );
}

/** What is said about a document, and where. */
async function placesIn(changed: object, handlerOf: FindHandler = answered): Promise<[string, string][]> {
  const error: unknown = await openContract(changed, handlerOf).catch((thrown: unknown) => thrown);
  if (!(error instanceof ContractError)) throw new Error(`expected a ContractError, got ${String(error)}`);
  return error.issues.map(({ text, path }) => [text, path.join(' ')]);
}

/** How this body is refused. */
async function readRefusal(body: string): Promise<Problem> {
  const { operations } = await openContract(edited(), answered);
  const running = operations[0]!.run({ tenant: 'acme', headers: {}, body: Buffer.from(body) });
  return running.then(
    () => Promise.reject(new Error('expected a refusal')),
    (problem: Problem) => problem,
  );
}

/** The problem that answers this body, `created` where nothing is wrong with it. */
async function readResponse(body: unknown, changed = edited()): Promise<string> {
  const { operations } = await openContract(changed, answered);
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const outcome: { example: string } = await operations[0]!
    .run({ tenant: 'acme', headers: {}, body: bytes })
    .catch((problem: { example: string }) => problem);
  return outcome.example;
}

const HERE = 'POST /api/v1/payments/intent';

describe('a contract that can not be served', () => {
  it('is not ours', async () => {
    expect(await faultsIn(edited())).toEqual([]);
  });

  it('is refused with all that is wrong, at once', async () => {
    const wrong = edited(
      [[...AMOUNT, 'x-problems', 'minimum'], undefined],
      [[...BODY, 'x-body-limit-bytes'], undefined],
      [[...POST, 'security'], []],
      [['components', 'responses', 'NotFound', 'content', 'application/json', 'examples'], {}],
    );
    await expect(openContract(wrong, () => undefined)).rejects.toMatchObject({
      message: `The contract can't be served:
- no response has an example named notFound
- ${HERE}: no handler for the operation createPaymentIntent
- ${HERE}: security is not exactly one API key in a header
- ${HERE}: no x-body-limit-bytes
- ${HERE}: application/json/amount: x-problems names no 400 example for minimum`,
    });
  });

  it('is refused with the place of each fault, references followed', async () => {
    const wrong = edited([[...AMOUNT, 'x-problems', 'minimum'], undefined]);
    const place = 'post requestBody content application/json schema properties amount minimum'.split(' ');
    await expect(openContract(wrong, answered)).rejects.toMatchObject({
      issues: [{ path: ['paths', '/api/v1/payments/intent', ...place] }],
    });
  });

  const WHERE = 'paths /api/v1/payments/intent post';
  const SCHEMA = `${WHERE} requestBody content application/json schema`;
  const EXAMPLES = ['components', 'responses', 'NotFound', 'content', 'application/json', 'examples'];

  it.each<[string, string, Edit]>([
    ['no response has an example named notFound', 'components responses', [EXAMPLES, {}]],
    [
      'the example notFound has no object as its value',
      'components responses',
      [[...EXAMPLES, 'notFound', 'value'], 'words'],
    ],
    [`${HERE}: security is not exactly one API key in a header`, `${WHERE} security`, [[...POST, 'security'], []]],
    [
      `${HERE}: a parameter is not in a header`,
      `${WHERE} parameters 0`,
      [[...POST, 'parameters'], [{ name: 'q', in: 'query', schema: {} }]],
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
    ...['anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'contains', 'patternProperties', 'dependencies'].map(
      (keyword): [string, string, Edit] => [
        `${HERE}: application/json/note: ${keyword} is not supported`,
        `${SCHEMA} properties note ${keyword}`,
        [NOTE, { [keyword]: {}, 'x-problems': 'invalidBody' }],
      ],
    ),
  ])('says what is wrong, and where: %s', async (text, place, edit) => {
    expect(await placesIn(edited(edit))).toEqual([[text, place]]);
  });

  it('says which operation has no handler', async () => {
    expect(await placesIn(edited(), () => undefined)).toEqual([
      [`${HERE}: no handler for the operation createPaymentIntent`, `${WHERE} operationId`],
    ]);
    await expect(openContract(edited(), () => undefined)).rejects.toMatchObject({ name: 'ContractError' });
  });

  it.each(['title', 'description', 'example', 'examples', 'default', 'deprecated', 'properties', 'items', 'allOf'])(
    'is not one for want of an answer to %s, which never fails',
    async (keyword) => {
      const values: Record<string, unknown> = { allOf: [{}], examples: ['a'], description: 'a', title: 'a' };
      expect(await faultsIn(edited([NOTE, { [keyword]: values[keyword] ?? {} }]))).toEqual([]);
    },
  );

  it('is not one for want of an answer where other fields may be there', async () => {
    expect(await faultsIn(edited([NOTE, { additionalProperties: true }]))).toEqual([]);
  });

  it.each<[string, string, Edit]>([
    [
      'a rule whose answer was forgotten',
      'amount: x-problems names no 400 example for multipleOf',
      [[...AMOUNT, 'multipleOf'], 5],
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
      'paymentMethodTypes/items: x-problems names no 400 example for enum',
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
  ])('says so of %s', async (_what, fault, edit) => {
    expect(await faultsIn(edited(edit))).toEqual([`${HERE}: application/json/${fault}`]);
  });

  it('says so of a rule for a header', async () => {
    const place = ['components', 'parameters', 'IdempotencyKey', 'schema', 'x-problems'];
    expect(await faultsIn(edited([place, undefined]))).toEqual([
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
  ])('says so of a rule without an answer in %s', async (_what, edit) => {
    expect(await faultsIn(edited(edit))).not.toEqual([]);
  });

  it.each([undefined, null, 'Not found'])('says so of an answer whose body is %o', async (value) => {
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
    expect(await faultsIn(edited([place, value]))).toEqual(['the example notFound has no object as its value']);
  });

  it('says so of every answer that code gives and no example has', async () => {
    const others = edited([[...POST, 'responses'], { 200: { description: 'None of ours.' } }]);
    expect(await faultsIn(others)).toEqual(
      expect.arrayContaining(problemNames.map((name) => `no response has an example named ${name}`)),
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
  ])('says so of %s', async (_what, edit) => {
    const other: Edit = [['components', 'securitySchemes', 'other'], undefined];
    expect(await faultsIn(edited(other, edit))).toEqual([`${HERE}: security is not exactly one API key in a header`]);
  });

  it('says so of a body that is no JSON', async () => {
    const edit: Edit = [[...BODY, 'content', 'text/plain'], { schema: {} }];
    expect(await faultsIn(edited(edit))).toEqual([`${HERE}: a body of type text/plain is not read`]);
  });

  it.each<[string, string[]]>([
    ['a query parameter', [...POST, 'parameters']],
    ['a query parameter of the whole path', ['paths', '/api/v1/payments/intent', 'parameters']],
  ])('says so of %s', async (_what, place) => {
    const edit: Edit = [place, [{ name: 'q', in: 'query', schema: {} }]];
    expect(await faultsIn(edited(edit))).toEqual([`${HERE}: a parameter is not in a header`]);
  });
});

it('a header that must be there is asked for by the name that its rules give', async () => {
  const withRequiredKey = edited([['components', 'parameters', 'IdempotencyKey', 'required'], true]);
  expect(await readResponse({ amount: 100 }, withRequiredKey)).toBe('invalidIdempotencyKey');
});

it('openContract leaves the document as it was', async () => {
  const ours = edited();
  await openContract(ours, answered);
  expect(ours).toEqual(edited());
});

describe('a body', () => {
  it.each([
    ['1e400', '{"amount":1e400}', 'invalidAmount'],
    ['nothing', '', 'amountRequired'],
    ['no JSON', '{"amount":', 'invalidBody'],
    ['null', 'null', 'invalidBody'],
    ['an array', '[]', 'invalidBody'],
  ])('that is or has %s is refused', async (_what, body, problem) => {
    expect(await readResponse(body)).toBe(problem);
  });

  it('that is missing altogether is read as an empty one', async () => {
    const { operations } = await openContract(edited(), answered);
    const request = { tenant: 'acme', headers: {}, body: undefined };
    await expect(operations[0]!.run(request)).rejects.toMatchObject({ example: 'amountRequired' });
  });

  it('comes to its handler as it was sent, with nothing added', async () => {
    let given: object = {};
    const { operations } = await openContract(edited(), () => async (request: object) => {
      given = request;
      return { example: 'created' };
    });
    await operations[0]!.run({
      tenant: 'acme',
      headers: { host: 'a' },
      body: Buffer.from('{"amount":1,"own":[1,{}]}'),
    });
    expect(given).toStrictEqual({
      operationId: 'createPaymentIntent',
      tenant: 'acme',
      body: { amount: 1, own: [1, {}] },
      headers: { host: 'a' },
    });
  });

  it.each([
    ['an array', { type: 'array', maxItems: 2 }, [1, 2], [1, 2, 3]],
    ['an object', { type: 'object', maxProperties: 2 }, { a: 1, b: 2 }, { a: 1, b: 2, c: 3 }],
  ])('may have %s up to its size, and not one over it', async (_what, rules, largest, tooLarge) => {
    const limited = edited([NOTE, { ...rules, 'x-problems': 'invalidMetadata' }]);
    expect(await readResponse({ amount: 1, note: largest }, limited)).toBe('created');
    expect(await readResponse({ amount: 1, note: tooLarge }, limited)).toBe('invalidMetadata');
  });

  it('with null where an object is allowed, too, is not looked into', async () => {
    const nullable = { type: ['object', 'null'], properties: { a: {} }, 'x-problems': 'invalidMetadata' };
    expect(await readResponse({ amount: 1, note: null }, edited([NOTE, nullable]))).toBe('created');
  });

  const bounds = {
    type: 'number',
    maximum: 5,
    minimum: 1,
    'x-problems': { type: 'invalidAmount', minimum: 'amountTooSmall', maximum: 'amountTooLarge' },
  };

  it('is answered for its first wrong value, and not for another value under the same rules', async () => {
    const list = edited([NOTE, { type: 'array', items: bounds, 'x-problems': 'invalidMetadata' }]);
    expect(await readResponse({ amount: 1, note: [9, 0] }, list)).toBe('amountTooLarge');
  });

  it('is answered for the first rules that a value breaks, and not for others of the same value', async () => {
    const other = { minimum: 10, 'x-problems': { minimum: 'amountTooPrecise' } };
    const both = edited([NOTE, { allOf: [bounds, other] }]);
    expect(await readResponse({ amount: 1, note: 7 }, both)).toBe('amountTooLarge');
  });
});

describe('a refusal', () => {
  it('says why in the words of the validator, all of them', async () => {
    const { detail } = await readRefusal('{"amount":0.001,"metadata":1}');
    expect(detail?.()).toBe(
      'body/amount must be >= 0.5; body/amount must match format "usd"; body/metadata must be object',
    );
  });

  it('says why a body is no JSON, and has no cause, which would be logged', async () => {
    const { detail, cause } = await readRefusal('{"amount":zq}');
    expect(detail?.()).toContain('zq');
    expect(cause).toBeUndefined();
  });

  it('is that of the metadata where a value is no text', async () => {
    expect((await readRefusal('{"amount":1,"metadata":{"a":"\\ud800"}}')).example).toBe('invalidMetadata');
  });

  it('is that of the body where it is no UTF-8', async () => {
    const { operations } = await openContract(edited(), answered);
    const body = Buffer.from('{"amount":1,"note":"\xff"}', 'latin1');
    await expect(operations[0]!.run({ tenant: 'acme', headers: {}, body })).rejects.toMatchObject({
      example: 'invalidBody',
    });
  });
});

describe('an operation', () => {
  it('may have no body and no parameters', async () => {
    const bare = edited([[...POST, 'requestBody'], undefined], [[...POST, 'parameters'], undefined]);
    let given: object = {};
    const { operations } = await openContract(bare, () => async (request: object) => {
      given = request;
      return { example: 'created' };
    });
    expect(operations).toMatchObject([{ bodyLimitBytes: undefined, mediaTypes: [] }]);
    await operations[0]!.run({ tenant: 'acme', headers: {}, body: Buffer.from('no JSON') });
    expect(given).toStrictEqual({ operationId: 'createPaymentIntent', tenant: 'acme', body: undefined, headers: {} });
  });

  it('has its answers and their examples from the contract, in its order', async () => {
    const { operations } = await openContract(edited(), answered);
    const [{ scenarios, responses }] = operations as [(typeof operations)[0]];
    expect(scenarios[0]).toEqual({ status: 200, example: 'created' });
    expect(scenarios.at(-1)).toEqual({ status: 503, example: 'providerUnavailable' });
    expect(Object.keys(responses)).toEqual(Object.keys(document.paths['/api/v1/payments/intent'].post.responses));
  });

  it('has examples only where a response has JSON', async () => {
    const bare = edited([[...POST, 'responses', '299'], { description: 'None.' }]);
    const { operations } = await openContract(bare, answered);
    expect(operations[0]!.scenarios.filter(({ status }) => status === 299)).toEqual([]);
  });
});

describe('an answer', () => {
  it('is the example of that name, with its headers', async () => {
    const contract = await openContract(edited(), answered);
    const body = { success: false, message: 'Payment provider is unavailable' };
    const response = { status: 503, headers: { 'Retry-After': '1' }, body };
    expect(contract.response('providerUnavailable')).toEqual(response);
    expect(contract.operations[0]!.response('providerUnavailable')).toEqual(response);
  });

  it('that the contract lacks is a fault of ours, which is named', async () => {
    const { operations } = await openContract(edited(), answered);
    expect(() => operations[0]!.response('nonsense')).toThrow(
      new Error('createPaymentIntent: no response has an example named nonsense'),
    );
  });
});

it('the contract says how an operation is reached', async () => {
  const { operations } = await openContract(
    edited([['components', 'securitySchemes', 'apiKey', 'name'], 'CV-Api-Key']),
    answered,
  );
  expect(operations).toMatchObject([
    {
      id: 'createPaymentIntent',
      method: 'POST',
      path: '/api/v1/payments/intent',
      apiKeyHeader: 'cv-api-key',
      bodyLimitBytes: 131_072,
      mediaTypes: ['application/json'],
    },
  ]);
});

describe('of several broken rules', () => {
  // A number that breaks every rule of the amount but its type.
  const everything = { amount: -0.001 };

  it.each([
    ['exclusiveMinimum', 'invalidAmount'],
    ['minimum', 'amountTooSmall'],
    ['format', 'amountTooPrecise'],
  ])('the one that x-problems lists first answers: %s', async (keyword, problem) => {
    const { [keyword as 'type']: first, ...others } =
      document.components.schemas.PaymentIntentRequest.properties.amount['x-problems'];
    const reordered = edited([[...AMOUNT, 'x-problems'], { [keyword]: first, ...others }]);
    expect(await readResponse(everything, reordered)).toBe(problem);
  });

  it('the first field of the contract answers, in whatever order the fields come', async () => {
    expect(await readResponse('{"metadata":1,"paymentMethodTypes":1,"amount":1.001}')).toBe('amountTooPrecise');
    expect(await readResponse('{"metadata":1,"paymentMethodTypes":1,"amount":1}')).toBe('invalidPaymentMethodTypes');
  });

  it('a missing field answers before those that are there', async () => {
    expect(await readResponse({ metadata: 1, paymentMethodTypes: 1 })).toBe('amountRequired');
  });
});

/** How many errors the contract's own validators collect about a body. */
async function errorsAbout(body: string): Promise<number> {
  const opened = vi.spyOn(OpenAPIValidator.prototype, 'buildRequestValidatorsForOperation');
  await readResponse(body);
  const validators = opened.mock.results.flatMap(({ value }) => value as { errors?: object[] | null }[]);
  return validators.flatMap(({ errors }) => errors ?? []).length;
}

describe('a hostile body', () => {
  afterEach(() => void vi.restoreAllMocks());

  const { maxItems } = document.components.schemas.PaymentIntentRequest.properties.paymentMethodTypes;
  const { maxProperties } = document.components.schemas.Metadata;
  const limitBytes = document.paths['/api/v1/payments/intent'].post.requestBody['x-body-limit-bytes'];

  const filled = (head: string, item: (index: number) => string, tail: string) => {
    let body = head + item(0);
    for (let index = 1; body.length < limitBytes - 30; index++) body += `,${item(index)}`;
    return body + tail;
  };

  it('of payment method types costs no more errors than a few for each that is allowed', async () => {
    const body = filled('{"amount":1,"paymentMethodTypes":[', () => '1', ']}');
    expect(JSON.parse(body).paymentMethodTypes.length).toBeGreaterThan(60_000);
    expect(await errorsAbout(body)).toSatisfy((errors: number) => errors > 0 && errors <= 3 * maxItems);
  });

  it('of metadata costs no more errors than a few for each key that is allowed', async () => {
    const body = filled('{"amount":1,"metadata":{', (index) => `"[${index}":1`, '}}');
    expect(Object.keys(JSON.parse(body).metadata).length).toBeGreaterThan(10_000);
    expect(await errorsAbout(body)).toSatisfy((errors: number) => errors > 0 && errors <= 5 * maxProperties);
  });
});
