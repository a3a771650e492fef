import { OpenAPIValidator } from 'openapi-backend';
import { afterEach, describe, expect, it, vi } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { openContract, type Call, type EngineOptions, type Fallback } from '../../../src/contract/engine.ts';
import type { Problem } from '../../../src/contract/problems.ts';
import { AMOUNT, BODY, edited, NOTE, POST } from '../../support/editedContract.ts';
import { engineCall, handle, respondWithFirstExample } from '../../support/engine.ts';

/** The first example of the operation, for every valid request. */
const fallback: EngineOptions = { notImplemented: respondWithFirstExample };

/** The problem that this body is refused with. */
async function findRefusal(body: string | Uint8Array, changed = edited()): Promise<Problem> {
  return handle(await openContract(changed, fallback), { body }).then(
    () => Promise.reject(new Error('expected a refusal')),
    (problem: Problem) => problem,
  );
}

/** The request as its handler gets it. */
async function handledRequest(changed: object, request: Parameters<typeof handle>[1]): Promise<object> {
  let seen: object = {};
  const notImplemented: Fallback = (given, operation) => {
    seen = given;
    return respondWithFirstExample(given, operation);
  };
  await handle(await openContract(changed, { notImplemented }), request);
  return seen;
}

/** The problem of this body, `created` where nothing is wrong with it. */
async function findOutcome(body: unknown, changed = edited()): Promise<string> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return handle(await openContract(changed, fallback), { body: text }).then(
    () => 'created',
    ({ example }: Problem) => example,
  );
}

it('a missing required header is refused with the problem that its rules name', async () => {
  const withRequiredKey = edited([['components', 'parameters', 'IdempotencyKey', 'required'], true]);
  expect(await findOutcome({ amount: 100 }, withRequiredKey)).toBe('invalidIdempotencyKey');
});

it('openContract does not change the document', async () => {
  const ours = edited();
  await openContract(ours, fallback);
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
    expect(await findOutcome(body)).toBe(problem);
  });

  it('reaches its handler as it was sent, with nothing added', async () => {
    expect(await handledRequest(edited(), { headers: { host: 'a' }, body: '{"amount":1,"own":[1,{}]}' })).toStrictEqual(
      {
        operationId: 'createPaymentIntent',
        tenant: 'acme',
        idempotencyKey: undefined,
        body: { amount: 1, own: [1, {}] },
        params: {},
        query: {},
        headers: { host: 'a' },
        isAbandoned: expect.any(Function),
      },
    );
  });

  it.each([
    ['an array', { type: 'array', maxItems: 2 }, [1, 2], [1, 2, 3]],
    ['an object', { type: 'object', maxProperties: 2 }, { a: 1, b: 2 }, { a: 1, b: 2, c: 3 }],
  ])('may have %s up to its maximum size, and not beyond', async (_what, rules, largest, tooLarge) => {
    const limited = edited([NOTE, { ...rules, 'x-problems': 'invalidMetadata' }]);
    expect(await findOutcome({ amount: 1, note: largest }, limited)).toBe('created');
    expect(await findOutcome({ amount: 1, note: tooLarge }, limited)).toBe('invalidMetadata');
  });

  it('with null where an object or null is allowed is valid', async () => {
    const nullable = { type: ['object', 'null'], properties: { a: {} }, 'x-problems': 'invalidMetadata' };
    expect(await findOutcome({ amount: 1, note: null }, edited([NOTE, nullable]))).toBe('created');
  });

  const bounds = {
    type: 'number',
    maximum: 5,
    minimum: 1,
    'x-problems': { type: 'invalidAmount', minimum: 'amountTooSmall', maximum: 'amountTooLarge' },
  };

  it('gets the problem of its first invalid value, not of another value under the same rules', async () => {
    const list = edited([NOTE, { type: 'array', items: bounds, 'x-problems': 'invalidMetadata' }]);
    expect(await findOutcome({ amount: 1, note: [9, 0] }, list)).toBe('amountTooLarge');
  });

  it('gets the problem of the first schema that a value violates, not of a later one for the same value', async () => {
    const other = { minimum: 10, 'x-problems': { minimum: 'amountTooPrecise' } };
    const both = edited([NOTE, { allOf: [bounds, other] }]);
    expect(await findOutcome({ amount: 1, note: 7 }, both)).toBe('amountTooLarge');
  });
});

describe('a refusal', () => {
  it('has all messages of the validator as its detail', async () => {
    const { detail } = await findRefusal('{"amount":0.001,"metadata":1}');
    expect(detail?.()).toBe(
      'body/amount must be >= 0.5; body/amount must be a whole number of cents; body/metadata must be object',
    );
  });

  it('has the message of the JSON parser as its detail, and no cause, which would be logged', async () => {
    const { detail, cause } = await findRefusal('{"amount":zq}');
    expect(detail?.()).toContain('zq');
    expect(cause).toBeUndefined();
  });

  it('is invalidMetadata where a value is not well-formed Unicode', async () => {
    expect((await findRefusal('{"amount":1,"metadata":{"a":"\\ud800"}}')).example).toBe('invalidMetadata');
  });

  it('is invalidBody where the body is no UTF-8', async () => {
    const body = Buffer.from('{"amount":1,"note":"\xff"}', 'latin1');
    expect((await findRefusal(body)).example).toBe('invalidBody');
  });
});

describe('an operation', () => {
  it('may have no body and no parameters', async () => {
    const bare = edited([[...POST, 'requestBody'], undefined], [[...POST, 'parameters'], undefined]);
    expect(await handledRequest(bare, { body: 'no JSON' })).toStrictEqual({
      operationId: 'createPaymentIntent',
      tenant: 'acme',
      idempotencyKey: undefined,
      body: undefined,
      params: {},
      query: {},
      headers: {},
      isAbandoned: expect.any(Function),
    });
  });

  it.each([
    ['none', '', undefined],
    ['an empty object', '{}', {}],
  ])('may have an optional body: %s', async (_what, body, seen) => {
    const schema = { type: 'object', 'x-problems': 'invalidBody' };
    const optional = edited([[...BODY, 'required'], undefined], [[...BODY, 'content', 'application/json'], { schema }]);
    expect(await handledRequest(optional, { body })).toMatchObject({ body: seen });
  });

  it.each([
    ['the header', { 'idempotency-key': 'k' }, {}],
    ['the header, quoted', { 'idempotency-key': '"k"' }, {}],
    ['the body', {}, { idempotencyKey: 'k' }],
    ['both', { 'idempotency-key': '"k"' }, { idempotencyKey: 'k' }],
  ])('gets the idempotency key from %s', async (_where, headers, fields) => {
    const body = JSON.stringify({ amount: 1, ...fields });
    expect(await handledRequest(edited(), { headers, body })).toMatchObject({ idempotencyKey: 'k' });
  });

  it('is not run with one idempotency key in the header and another in the body', async () => {
    const request = { headers: { 'idempotency-key': 'k' }, body: '{"amount":1,"idempotencyKey":"K"}' };
    await expect(handledRequest(edited(), request)).rejects.toMatchObject({ example: 'invalidIdempotencyKey' });
  });

  it('has the responses and examples of the contract, in the same order', async () => {
    const { operations } = await openContract(edited(), fallback);
    const [{ examples, responses }] = operations as [(typeof operations)[0]];
    expect(examples[0]).toMatchObject({ status: 200, name: 'created' });
    expect(examples.at(-1)).toMatchObject({
      status: 503,
      name: 'providerUnavailable',
      headers: { 'Retry-After': '1' },
    });
    expect(Object.keys(responses)).toEqual(Object.keys(document.paths['/api/v1/payments/intent'].post.responses));
  });

  it('has examples only where a response has JSON', async () => {
    const bare = edited([[...POST, 'responses', '299'], { description: 'None.' }]);
    const { operations } = await openContract(bare, fallback);
    expect(operations[0]!.examples.filter(({ status }) => status === 299)).toEqual([]);
  });
});

describe('the response to a problem', () => {
  it('is the example of that name, with its headers', async () => {
    const contract = await openContract(edited(), fallback);
    const body = { success: false, message: 'Payment provider is unavailable' };
    const response = { status: 503, headers: { 'Retry-After': '1' }, body };
    expect(contract.problemResponse('providerUnavailable')).toMatchObject(response);
    expect(contract.problemResponse('providerUnavailable', contract.operations[0])).toMatchObject(response);
  });

  it('is a 500 where the operation documents no such problem', async () => {
    const { post } = document.paths['/api/v1/payments/intent'];
    const { '409': _conflict, ...responses } = post.responses;
    const second = { ...post, operationId: 'second', responses };
    const contract = await openContract(edited([['paths', '/second'], { post: second }]), fallback);
    expect(contract.problemResponse('idempotencyKeyReused', contract.operations[1])).toMatchObject({ status: 500 });
  });

  it('is that of its own operation, where two use one name', async () => {
    const { post } = document.paths['/api/v1/payments/intent'];
    const value = { success: false, message: 'Not here' };
    const content = { 'application/json': { examples: { notFound: { value } } } };
    const second = { ...post, operationId: 'second', responses: { ...post.responses, 404: { content } } };
    const contract = await openContract(edited([['paths', '/second'], { post: second }]), fallback);
    const [first, other] = contract.operations;
    expect(contract.problemResponse('notFound', other).body).toEqual(value);
    expect(contract.problemResponse('notFound', first).body).toEqual({ success: false, message: 'Not found' });
    expect(contract.problemResponse('notFound').body).toEqual({ success: false, message: 'Not found' });
  });
});

/** What each step of a request sees, in their order; the steps that fail throw this. */
async function stepsOf(failing: Partial<Record<'authenticate' | 'readBody', unknown>>, body = '{"amount":1}') {
  const steps: string[] = [];
  const step = <Value>(name: 'authenticate' | 'readBody', value: Value) => {
    steps.push(name);
    if (name in failing) throw failing[name];
    return value;
  };
  const call: Call = {
    ...engineCall(),
    onOperation: ({ id }) => void steps.push(id),
    authenticate: async () => step('authenticate', 'acme'),
    readBody: async () => step('readBody', Buffer.from(body)),
    runOperation: (run) => {
      steps.push('operation');
      return run();
    },
  };
  const outcome = await handle(await openContract(edited(), fallback), {}, call).catch((error: unknown) => error);
  return { steps, outcome };
}

describe('the order of checks', () => {
  const REFUSED = new Error('refused');

  it('is route, key, body, schema, operation', async () => {
    const { steps, outcome } = await stepsOf({});
    expect(steps).toEqual(['createPaymentIntent', 'authenticate', 'readBody', 'operation']);
    expect(outcome).toMatchObject({ status: 200 });
  });

  it('ends at a refused key, before the body is read, with the error that was thrown: a 429 is no 401', async () => {
    const { steps, outcome } = await stepsOf({ authenticate: REFUSED, readBody: new Error('too large') });
    expect(steps).toEqual(['createPaymentIntent', 'authenticate']);
    expect(outcome).toBe(REFUSED);
  });

  it('ends at a refused body', async () => {
    const { steps, outcome } = await stepsOf({ readBody: REFUSED });
    expect(steps).toEqual(['createPaymentIntent', 'authenticate', 'readBody']);
    expect(outcome).toBe(REFUSED);
  });

  it('ends at a violated schema', async () => {
    const { steps, outcome } = await stepsOf({}, '{}');
    expect(steps).toEqual(['createPaymentIntent', 'authenticate', 'readBody']);
    expect(outcome).toMatchObject({ example: 'amountRequired' });
  });
});

it('violations of body and headers are reported together, the body first', async () => {
  const headers = { 'idempotency-key': 'not ASCII: é' };
  const contract = await openContract(edited(), fallback);
  const problem: unknown = await handle(contract, { headers, body: '{}' }).catch((error: unknown) => error);
  expect(problem).toMatchObject({ example: 'amountRequired' });
  expect((problem as Problem).detail?.()).toMatch(
    /^body must have required property 'amount'; header\/idempotency-key must/,
  );
});

it('compile refuses an invalid schema before the first request', async () => {
  const wrong = edited([NOTE, { type: 'string', pattern: '(', 'x-problems': 'invalidBody' }]);
  const contract = await openContract(wrong, fallback);
  expect(() => contract.compile()).toThrow('Invalid regular expression');
});

it('a success without an example in the contract is an internal error that names it', async () => {
  const handlers = { createPaymentIntent: async () => ({ example: 'nonsense', fields: {} }) };
  const contract = await openContract(edited(), { handlers: handlers as never });
  await expect(handle(contract, { body: '{"amount":1}' })).rejects.toThrow(
    'createPaymentIntent: no response has an example named nonsense',
  );
});

describe('of several violations', () => {
  // A number that breaks every rule of the amount but its type.
  const everything = { amount: -0.001 };

  it.each([
    ['exclusiveMinimum', 'invalidAmount'],
    ['minimum', 'amountTooSmall'],
    ['x-whole-cents', 'amountTooPrecise'],
  ])('the one that x-problems lists first is the problem: %s', async (keyword, problem) => {
    const { [keyword as 'type']: first, ...others } =
      document.components.schemas.PaymentIntentRequest.properties.amount['x-problems'];
    const reordered = edited([[...AMOUNT, 'x-problems'], { [keyword]: first, ...others }]);
    expect(await findOutcome(everything, reordered)).toBe(problem);
  });

  it('the one of the first field in the contract is the problem, in whatever order the fields are sent', async () => {
    expect(await findOutcome('{"metadata":1,"paymentMethodTypes":1,"amount":1.001}')).toBe('amountTooPrecise');
    expect(await findOutcome('{"metadata":1,"paymentMethodTypes":1,"amount":1}')).toBe('invalidPaymentMethodTypes');
  });

  it('a missing field is the problem before invalid ones', async () => {
    expect(await findOutcome({ metadata: 1, paymentMethodTypes: 1 })).toBe('amountRequired');
  });
});

/** How many errors the contract's own validators collect about a body. */
async function errorsAbout(body: string): Promise<number> {
  const opened = vi.spyOn(OpenAPIValidator.prototype, 'buildRequestValidatorsForOperation');
  await findOutcome(body);
  const validators = opened.mock.results.flatMap(({ value }) => value as { errors?: object[] | null }[]);
  return validators.flatMap(({ errors }) => errors ?? []).length;
}

describe('a hostile body', () => {
  afterEach(() => void vi.restoreAllMocks());

  const { maxItems } = document.components.schemas.PaymentMethodTypes;
  const { maxProperties } = document.components.schemas.Metadata;
  const limitBytes = document.paths['/api/v1/payments/intent'].post.requestBody['x-body-limit-bytes'];

  const filled = (head: string, item: (index: number) => string, tail: string) => {
    let body = head + item(0);
    for (let index = 1; body.length < limitBytes - 30; index++) body += `,${item(index)}`;
    return body + tail;
  };

  it('of payment method types costs only a few errors for each that is allowed', async () => {
    const body = filled('{"amount":1,"paymentMethodTypes":[', () => '1', ']}');
    expect(JSON.parse(body).paymentMethodTypes.length).toBeGreaterThan(60_000);
    expect(await errorsAbout(body)).toSatisfy((errors: number) => errors > 0 && errors <= 3 * maxItems);
  });

  it('of metadata costs only a few errors for each key that is allowed', async () => {
    const body = filled('{"amount":1,"metadata":{', (index) => `"[${index}":1`, '}}');
    expect(Object.keys(JSON.parse(body).metadata).length).toBeGreaterThan(10_000);
    expect(await errorsAbout(body)).toSatisfy((errors: number) => errors > 0 && errors <= 5 * maxProperties);
  });
});
