import { describe, expect, it } from 'vitest';
import contract from '../../../generated/openapi.json' with { type: 'json' };
import { readReference, statusPhrase } from '../../../src/docs/reference.ts';
import { scenarios } from '../../support/contractDocument.ts';

const DESCRIPTION = `What it does.

## Errors

Decide by name.

| status | what happened | what to do |
|---|---|---|
| 400, 404 | Wrong. | Fix the request. |
| 409 \`inUse\` | Busy. | Wait. |
| 409 | Used. | Use a new key. |

## Change log

| version | changes |
|---|---|
| 1.0 | first |
`;

const json = (examples: object, schema: object = {}) => ({ content: { 'application/json': { schema, examples } } });
const notFound = { description: 'No such path.', ...json({ notFound: { value: { message: 'Not found' } } }) };

/** A contract with one operation, with changes to that operation. */
const documentWith = (operation: object, others: object = {}) => ({
  info: { title: 'Payments', version: '1.2.0', summary: 'Pay.', description: DESCRIPTION },
  servers: [{ url: 'https://payments.test', description: 'Production' }],
  security: [{ apiKey: [] }],
  paths: { '/intent': { post: { operationId: 'create', ...operation } }, ...others },
  components: {
    securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'cv-api-key', description: 'Your key.' } },
  },
});
const readWith = (operation: object, others?: object) => readReference(documentWith(operation, others));
const bodyOf = (schema: object) => ({ requestBody: { content: { 'application/json': { schema } } } });
const fieldsOf = (schema: object) => readWith(bodyOf(schema)).operations[0]!.requestFields;

describe('the introduction', () => {
  it('is split at its headings, and the change log comes last', () => {
    const reference = readWith({});
    expect(reference.lead.trim()).toBe('What it does.');
    expect(reference.introduction).toEqual([
      { id: 'errors', title: 'Errors', markdown: expect.stringContaining('Decide by name.') },
    ]);
    expect(reference.closing).toEqual([
      { id: 'change-log', title: 'Change log', markdown: expect.stringContaining('| 1.0 | first |') },
    ]);
  });

  it('has only headings of the second level at the beginning of a line', () => {
    const description = 'See ## Errors\n### Errors\n##  After the payment! \nfirst\nsecond';
    const { lead, introduction } = readReference({ info: { title: 'Payments', description } });
    expect(lead).toBe('See ## Errors\n### Errors\n');
    expect(introduction).toEqual([{ id: 'after-the-payment', title: 'After the payment!', markdown: 'first\nsecond' }]);
  });

  it('is optional, like everything but the title', () => {
    expect(readReference({ info: { title: 'Payments' } })).toEqual({
      title: 'Payments',
      version: '',
      summary: '',
      servers: [],
      lead: '',
      introduction: [],
      operations: [],
      errors: [],
      errorBodies: [],
      responseHeaders: [],
      closing: [],
    });
  });
});

describe('the request', () => {
  it('has the API key first, then the parameters', () => {
    const [operation] = readWith({
      parameters: [{ name: 'Idempotency-Key', in: 'header', description: 'One per call.', schema: { type: 'string' } }],
    }).operations;
    expect(operation!.requestHeaders).toMatchObject([
      { id: 'create.cv-api-key', name: 'cv-api-key', required: true, description: 'Your key.' },
      { id: 'create.Idempotency-Key', name: 'Idempotency-Key', required: false, description: 'One per call.' },
    ]);
  });

  it('has its examples by name', () => {
    const requestBody = {
      content: { 'application/json': { examples: { one: { summary: 'One', value: 1 }, two: { value: 2 } } } },
    };
    expect(readWith({ requestBody }).operations[0]!.requestExamples).toEqual([
      { name: 'one', summary: 'One', value: 1 },
      { name: 'two', summary: '', value: 2 },
    ]);
  });
});

describe('a field', () => {
  it('is listed before the fields inside it, with a placeholder for other keys', () => {
    const metadata = {
      type: 'object',
      properties: { email: { type: 'string' } },
      additionalProperties: { type: 'string' },
    };
    const [outer, ...inner] = fieldsOf({ properties: { metadata }, additionalProperties: false });
    expect(outer).toMatchObject({ id: 'create.metadata', name: 'metadata', type: 'object' });
    expect(inner.map(({ id, name }) => [id, name])).toEqual([
      ['create.metadata.email', 'metadata.email'],
      ['create.metadata.*', 'metadata.*'],
    ]);
  });

  it('has the description and the rules of the schemas that it combines', () => {
    const allOf = [{ type: 'string', maxLength: 5, description: 'Any.' }];
    expect(fieldsOf({ properties: { email: { allOf, description: 'An email.' } } })).toMatchObject([
      { type: 'string', description: 'An email.', rules: [{ texts: ['at most 5 characters'], error: undefined }] },
    ]);
  });

  it('names the type and the values of its items', () => {
    const types = { type: 'array', items: { type: 'string', enum: ['card', 'link'] } };
    expect(fieldsOf({ properties: { types } })).toMatchObject([{ type: 'array of string', values: ['card', 'link'] }]);
  });

  it('names the error of each rule, those with the same error together', () => {
    const amount = {
      type: 'number',
      exclusiveMinimum: 0,
      minimum: 0.5,
      'x-problems': { type: 'invalidAmount', exclusiveMinimum: 'invalidAmount', minimum: 'amountTooSmall' },
    };
    const [field] = fieldsOf({
      required: ['amount'],
      'x-problems': { required: 'amountRequired' },
      properties: { amount },
    });
    expect(field).toMatchObject({
      required: true,
      rules: [
        { texts: ['required'], error: 'amountRequired' },
        { texts: ['number', 'more than 0'], error: 'invalidAmount' },
        { texts: ['at least 0.5'], error: 'amountTooSmall' },
      ],
    });
  });

  it('says each rule that the engine enforces', () => {
    const rules = {
      maximum: 9,
      minLength: 1,
      maxLength: 2,
      minItems: 1,
      maxItems: 58,
      uniqueItems: true,
      maxProperties: 50,
      pattern: '^a$',
      format: 'usd',
      propertyNames: { maxLength: 40 },
    };
    expect(fieldsOf({ properties: { all: rules } })[0]!.rules).toEqual([
      {
        error: undefined,
        texts: [
          'at most 9',
          'at least 1 character',
          'at most 2 characters',
          'at least 1 item',
          'at most 58 items',
          'no repeats',
          'at most 50 keys',
          'pattern `^a$`',
          'format `usd`',
          'each key: at most 40 characters',
        ],
      },
    ]);
  });
});

it('has each success with its fields, and the errors apart from it', () => {
  const schema = {
    required: ['data'],
    properties: { data: { type: 'object', properties: { secret: { type: 'string' } } } },
  };
  const responses = {
    200: { description: 'It exists.', ...json({ created: { summary: 'Success', value: { data: {} } } }, schema) },
    404: notFound,
    204: { description: 'Nothing.' },
  };
  const [operation] = readWith({ responses }).operations;
  expect(operation!.successes).toMatchObject([
    {
      name: 'created',
      description: 'It exists.',
      body: { data: {} },
      fields: [
        { id: 'create.created.data', required: true },
        { id: 'create.created.data.secret', required: false },
      ],
    },
  ]);
  expect(operation!.errors.map(({ name }) => name)).toEqual(['notFound']);
});

it.each([
  [404, 'Not Found'],
  [413, 'Content Too Large'],
  [599, ''],
])('the phrase of %d is "%s"', (status, phrase) => {
  expect(statusPhrase(status)).toBe(phrase);
});

describe('an error', () => {
  const conflict = {
    description: 'In use, or used.',
    headers: { 'Retry-After': { description: 'Seconds.', example: 1 } },
    ...json({
      used: { summary: 'Used before', value: { message: 'Key was used' } },
      inUse: { summary: 'In use', value: { message: 'Key is in use' }, 'x-headers': { 'Retry-After': '1' } },
    }),
  };

  it('has its message, its meaning, and what to do: by its name, or else by its status', () => {
    const [status] = readWith({ responses: { 409: conflict } }).errors;
    expect(status).toMatchObject({
      status: 409,
      descriptions: ['In use, or used.'],
      errors: [
        { name: 'used', message: 'Key was used', summary: 'Used before', remedy: 'Use a new key.' },
        {
          name: 'inUse',
          message: 'Key is in use',
          summary: 'In use',
          remedy: 'Wait.',
          headers: { 'Retry-After': '1' },
        },
      ],
    });
  });

  it('has no remedy where the table has none', () => {
    const [status] = readWith({ responses: { 500: json({ internalError: { value: { error: 'Broken' } } }) } }).errors;
    expect(status!.errors).toMatchObject([{ message: 'Broken', remedy: undefined }]);
  });

  it('is listed once, with the operations that send it unless all do', () => {
    const invalid = json({ invalid: { value: { message: 'Invalid' } } });
    const other = { '/setup': { post: { operationId: 'setup', responses: { 404: notFound } } } };
    const { errors } = readWith({ responses: { 404: notFound, 400: invalid } }, other);
    expect(
      errors.map(({ status, errors: some }) => [status, some.map(({ name, operations }) => [name, operations])]),
    ).toEqual([
      [400, [['invalid', ['create']]]],
      [404, [['notFound', undefined]]],
    ]);
  });

  it('names the fields whose rules lead to it', () => {
    const schema = { properties: { amount: { minimum: 1, 'x-problems': 'invalid' }, other: { minimum: 1 } } };
    const responses = { 400: json({ invalid: { value: { message: 'Invalid' } } }) };
    const [status] = readWith({ ...bodyOf(schema), responses }).errors;
    expect(status!.errors[0]!.fields.map(({ id }) => id)).toEqual(['create.amount']);
  });
});

it('lists each body of an error once, with the statuses that have it', () => {
  const failure = { $ref: '#/components/schemas/Failure' };
  const document = documentWith({
    responses: {
      404: json({}, failure),
      400: json({}, failure),
      401: json({}, { properties: { error: { type: 'string' } } }),
      200: json({}, failure),
    },
  });
  const schemas = { Failure: { properties: { message: { type: 'string' } } } };
  const { errorBodies } = readReference({ ...document, components: { ...document.components, schemas } });
  expect(errorBodies.map(({ statuses, fields }) => [statuses, fields.map(({ id }) => id)])).toEqual([
    [[400, 404], ['errors.400.message']],
    [[401], ['errors.401.error']],
  ]);
});

it('lists each header of a response once, with the statuses that have it', () => {
  const headers = { 'X-Request-Id': { description: 'The ID.', example: 'a' } };
  const limited = { headers: { ...headers, 'Retry-After': { description: 'Seconds.', example: 1 } } };
  const busy = { headers: { ...headers, 'Retry-After': { description: 'Seconds, at least.' } } };
  expect(readWith({ responses: { 503: busy, 200: { headers }, 429: limited } }).responseHeaders).toEqual([
    { name: 'X-Request-Id', descriptions: ['The ID.'], example: 'a', statuses: undefined },
    { name: 'Retry-After', descriptions: ['Seconds.', 'Seconds, at least.'], example: '1', statuses: ['429', '503'] },
  ]);
});

describe('the reference of our contract', () => {
  const reference = readReference(contract);
  const errors = reference.errors.flatMap((status) => status.errors);

  it('has every error of the contract, and says of each what it means and what to do', () => {
    const names = scenarios.filter(({ status }) => status >= 300).map(({ example }) => example);
    expect(errors.map(({ name }) => name).toSorted()).toEqual([...new Set(names)].toSorted());
    expect(errors.filter(({ message, summary, remedy }) => !message || !summary || !remedy)).toEqual([]);
  });

  it('describes every field and every header', () => {
    const fields = reference.operations.flatMap(({ requestHeaders, requestFields, successes }) => [
      ...requestHeaders,
      ...requestFields,
      ...successes.flatMap((success) => success.fields),
    ]);
    expect(fields.filter(({ description }) => description === '').map(({ id }) => id)).toEqual([]);
    expect(reference.responseHeaders.filter(({ descriptions }) => descriptions.includes(''))).toEqual([]);
  });
});
