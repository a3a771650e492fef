import { OpenAPIValidator } from 'openapi-backend';
import { afterEach, describe, expect, it, vi } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { openContract, type Call, type EngineOptions, type Fallback } from '../../../src/contract/engine.ts';
import type { Problem } from '../../../src/contract/problems.ts';
import { AMOUNT, BODY, edited, NOTE, POST } from '../../support/editedContract.ts';
import { engineCall, handle, respondWithFirstExample } from '../../support/engine.ts';

/** The first example of the operation, for every valid request. */
const fallback: EngineOptions = { notImplemented: respondWithFirstExample };

/** How this body is refused. */
async function refusalOf(body: string | Uint8Array, changed = edited()): Promise<Problem> {
  return handle(await openContract(changed, fallback), { body }).then(
    () => Promise.reject(new Error('expected a refusal')),
    (problem: Problem) => problem,
  );
}

/** What the handler gets of a request. */
async function requestSeenBy(changed: object, request: Parameters<typeof handle>[1]): Promise<object> {
  let seen: object = {};
  const notImplemented: Fallback = (given, operation) => {
    seen = given;
    return respondWithFirstExample(given, operation);
  };
  await handle(await openContract(changed, { notImplemented }), request);
  return seen;
}

/** The problem of this body, `created` where nothing is wrong with it. */
async function outcomeOf(body: unknown, changed = edited()): Promise<string> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return handle(await openContract(changed, fallback), { body: text }).then(
    () => 'created',
    ({ example }: Problem) => example,
  );
}

it('a header that must be there is asked for by the name that its rules give', async () => {
  const withRequiredKey = edited([['components', 'parameters', 'IdempotencyKey', 'required'], true]);
  expect(await outcomeOf({ amount: 100 }, withRequiredKey)).toBe('invalidIdempotencyKey');
});

it('openContract leaves the document as it was', async () => {
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
    expect(await outcomeOf(body)).toBe(problem);
  });

  it('comes to its handler as it was sent, with nothing added', async () => {
    expect(await requestSeenBy(edited(), { headers: { host: 'a' }, body: '{"amount":1,"own":[1,{}]}' })).toStrictEqual({
      operationId: 'createPaymentIntent',
      tenant: 'acme',
      body: { amount: 1, own: [1, {}] },
      params: {},
      query: {},
      headers: { host: 'a' },
      isAbandoned: expect.any(Function),
    });
  });

  it.each([
    ['an array', { type: 'array', maxItems: 2 }, [1, 2], [1, 2, 3]],
    ['an object', { type: 'object', maxProperties: 2 }, { a: 1, b: 2 }, { a: 1, b: 2, c: 3 }],
  ])('may have %s up to its size, and not one over it', async (_what, rules, largest, tooLarge) => {
    const limited = edited([NOTE, { ...rules, 'x-problems': 'invalidMetadata' }]);
    expect(await outcomeOf({ amount: 1, note: largest }, limited)).toBe('created');
    expect(await outcomeOf({ amount: 1, note: tooLarge }, limited)).toBe('invalidMetadata');
  });

  it('with null where an object is allowed, too, is not looked into', async () => {
    const nullable = { type: ['object', 'null'], properties: { a: {} }, 'x-problems': 'invalidMetadata' };
    expect(await outcomeOf({ amount: 1, note: null }, edited([NOTE, nullable]))).toBe('created');
  });

  const bounds = {
    type: 'number',
    maximum: 5,
    minimum: 1,
    'x-problems': { type: 'invalidAmount', minimum: 'amountTooSmall', maximum: 'amountTooLarge' },
  };

  it('is answered for its first wrong value, and not for another value under the same rules', async () => {
    const list = edited([NOTE, { type: 'array', items: bounds, 'x-problems': 'invalidMetadata' }]);
    expect(await outcomeOf({ amount: 1, note: [9, 0] }, list)).toBe('amountTooLarge');
  });

  it('is answered for the first rules that a value breaks, and not for others of the same value', async () => {
    const other = { minimum: 10, 'x-problems': { minimum: 'amountTooPrecise' } };
    const both = edited([NOTE, { allOf: [bounds, other] }]);
    expect(await outcomeOf({ amount: 1, note: 7 }, both)).toBe('amountTooLarge');
  });
});

describe('a refusal', () => {
  it('gives the detail in the words of the validator, all of them', async () => {
    const { detail } = await refusalOf('{"amount":0.001,"metadata":1}');
    expect(detail?.()).toBe(
      'body/amount must be >= 0.5; body/amount must match format "usd"; body/metadata must be object',
    );
  });

  it('gives the detail a body is no JSON, and has no cause, which would be logged', async () => {
    const { detail, cause } = await refusalOf('{"amount":zq}');
    expect(detail?.()).toContain('zq');
    expect(cause).toBeUndefined();
  });

  it('is that of the metadata where a value is no text', async () => {
    expect((await refusalOf('{"amount":1,"metadata":{"a":"\\ud800"}}')).example).toBe('invalidMetadata');
  });

  it('is that of the body where it is no UTF-8', async () => {
    const body = Buffer.from('{"amount":1,"note":"\xff"}', 'latin1');
    expect((await refusalOf(body)).example).toBe('invalidBody');
  });
});

describe('an operation', () => {
  it('may have no body and no parameters', async () => {
    const bare = edited([[...POST, 'requestBody'], undefined], [[...POST, 'parameters'], undefined]);
    expect(await requestSeenBy(bare, { body: 'no JSON' })).toStrictEqual({
      operationId: 'createPaymentIntent',
      tenant: 'acme',
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
    expect(await requestSeenBy(optional, { body })).toMatchObject({ body: seen });
  });

  it('has its responses and their examples from the contract, in its order', async () => {
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

  it('is that of a fault of ours where the operation documents no such problem', async () => {
    const { post } = document.paths['/api/v1/payments/intent'];
    const { '409': _conflict, ...responses } = post.responses;
    const second = { ...post, operationId: 'second', responses };
    const contract = await openContract(edited([['paths', '/second'], { post: second }]), fallback);
    expect(contract.problemResponse('idempotencyKeyReused', contract.operations[1])).toMatchObject({ status: 500 });
  });

  it('has the words of its own operation, where two use one name', async () => {
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

  it('is the route, the key, the body, the schema, the operation', async () => {
    const { steps, outcome } = await stepsOf({});
    expect(steps).toEqual(['createPaymentIntent', 'authenticate', 'readBody', 'operation']);
    expect(outcome).toMatchObject({ status: 200 });
  });

  it('ends at a key that is refused, before a byte of the body is read, with what was thrown: 429 is no 401', async () => {
    const { steps, outcome } = await stepsOf({ authenticate: REFUSED, readBody: new Error('too large') });
    expect(steps).toEqual(['createPaymentIntent', 'authenticate']);
    expect(outcome).toBe(REFUSED);
  });

  it('ends at a body that is refused', async () => {
    const { steps, outcome } = await stepsOf({ readBody: REFUSED });
    expect(steps).toEqual(['createPaymentIntent', 'authenticate', 'readBody']);
    expect(outcome).toBe(REFUSED);
  });

  it('ends at a rule that is broken', async () => {
    const { steps, outcome } = await stepsOf({}, '{}');
    expect(steps).toEqual(['createPaymentIntent', 'authenticate', 'readBody']);
    expect(outcome).toMatchObject({ example: 'amountRequired' });
  });
});

it('the rules of body and headers are told together, the body first', async () => {
  const headers = { 'idempotency-key': 'not ASCII: é' };
  const contract = await openContract(edited(), fallback);
  const problem: unknown = await handle(contract, { headers, body: '{}' }).catch((error: unknown) => error);
  expect(problem).toMatchObject({ example: 'amountRequired' });
  expect((problem as Problem).detail?.()).toMatch(
    /^body must have required property 'amount'; header\/idempotency-key must/,
  );
});

it('compile finds a schema that makes no sense before its first request', async () => {
  const wrong = edited([NOTE, { type: 'string', pattern: '(', 'x-problems': 'invalidBody' }]);
  const contract = await openContract(wrong, fallback);
  expect(() => contract.compile()).toThrow('Invalid regular expression');
});

it('a success that the contract lacks is a fault of ours, which is named', async () => {
  const handlers = { createPaymentIntent: async () => ({ example: 'nonsense', fields: {} }) };
  const contract = await openContract(edited(), { handlers: handlers as never });
  await expect(handle(contract, { body: '{"amount":1}' })).rejects.toThrow(
    'createPaymentIntent: no response has an example named nonsense',
  );
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
    expect(await outcomeOf(everything, reordered)).toBe(problem);
  });

  it('the first field of the contract answers, in whatever order the fields come', async () => {
    expect(await outcomeOf('{"metadata":1,"paymentMethodTypes":1,"amount":1.001}')).toBe('amountTooPrecise');
    expect(await outcomeOf('{"metadata":1,"paymentMethodTypes":1,"amount":1}')).toBe('invalidPaymentMethodTypes');
  });

  it('a missing field answers before those that are there', async () => {
    expect(await outcomeOf({ metadata: 1, paymentMethodTypes: 1 })).toBe('amountRequired');
  });
});

/** How many errors the contract's own validators collect about a body. */
async function errorsAbout(body: string): Promise<number> {
  const opened = vi.spyOn(OpenAPIValidator.prototype, 'buildRequestValidatorsForOperation');
  await outcomeOf(body);
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
