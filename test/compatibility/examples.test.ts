import { expect, it } from 'vitest';
import { dereference, readOperations } from '../../src/contract/document.ts';
import { document } from '../support/contractDocument.ts';
import { AMOUNT, BODY, edited, POST, SCHEMAS, type Edit } from '../support/editedContract.ts';
import { compareExamples } from './examples.ts';

const operations = (...edits: readonly Edit[]) => readOperations(dereference(edited(...edits)));

/** Compares the operation of the payment intent with that of an edited contract. */
function compareWith(...edits: readonly Edit[]) {
  const [before, after] = [operations(), operations(...edits)].map((all) => all.filter(({ path }) => path === POST[1]));
  return compareExamples(before!, after!);
}

const examplesOf = (response: string) => [
  'components',
  'responses',
  response,
  'content',
  'application/json',
  'examples',
];
const BAD_REQUEST = examplesOf('BadRequest');
const TOO_MANY = [...examplesOf('TooManyRequests'), 'tooManyRequests'];
const CREATED = [...POST, 'responses', '200', 'content', 'application/json', 'examples', 'created', 'value'];
const FIELDS = [...SCHEMAS, 'PaymentIntentRequest', 'properties'];
const { amount, ...otherFields } = document.components.schemas.PaymentIntentRequest.properties;
const { type, exclusiveMinimum, ...otherRules } = amount['x-problems'];
const { amountRequired, ...otherExamples } =
  document.components.responses.BadRequest.content['application/json'].examples;
const { tooManyRequests } = document.components.responses.TooManyRequests.content['application/json'].examples;
const lowerCase = (headers: object) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

it.each<[what: string, Edit, change: string]>([
  [
    'a message',
    [[...BAD_REQUEST, 'amountTooSmall', 'value', 'message'], 'Amount is too small'],
    '`message` of 400 `amountTooSmall` changed from "Amount must be at least 0.50" to "Amount is too small"',
  ],
  [
    'a boolean of a failure',
    [[...BAD_REQUEST, 'amountTooSmall', 'value', 'success'], true],
    '`success` of 400 `amountTooSmall` changed from false to true',
  ],
  [
    'the message of a success',
    [[...CREATED, 'message'], 'Created'],
    '`message` of 200 `created` changed from "Payment intent created successfully" to "Created"',
  ],
  ['a boolean of a success', [[...CREATED, 'success'], false], '`success` of 200 `created` changed from true to false'],
  [
    'a field of a body that is gone',
    [[...BAD_REQUEST, 'amountTooSmall', 'value', 'message'], undefined],
    '`message` of 400 `amountTooSmall` was removed: "Amount must be at least 0.50"',
  ],
  [
    'the value of a header',
    [[...TOO_MANY, 'x-headers', 'Retry-After'], '5'],
    'the header `Retry-After` of 429 `tooManyRequests` changed from "1" to "5"',
  ],
  [
    'a header that is gone',
    [[...TOO_MANY, 'x-headers', 'Retry-After'], undefined],
    'the header `Retry-After` of 429 `tooManyRequests` was removed: "1"',
  ],
  ['a removed example', [BAD_REQUEST, otherExamples], 'the response 400 `amountRequired` was removed'],
  [
    'the response to a broken rule',
    [[...AMOUNT, 'x-problems', 'minimum'], 'invalidAmount'],
    'the response where `body.amount` breaks minimum changed from `amountTooSmall` to `invalidAmount`',
  ],
  [
    'the response to every broken rule',
    [[...SCHEMAS, 'Metadata', 'x-problems'], 'invalidBody'],
    'the response where `body.metadata` breaks any rule changed from `invalidMetadata` to `invalidBody`',
  ],
  [
    'the response to one of the broken rules that had one name',
    [[...SCHEMAS, 'Metadata', 'x-problems'], { type: 'invalidMetadata', maxProperties: 'invalidBody' }],
    'the response where `body.metadata` breaks maxProperties changed from `invalidMetadata` to `invalidBody`',
  ],
  [
    'the order of the rules of a field',
    [[...AMOUNT, 'x-problems'], { type, ...otherRules, exclusiveMinimum }],
    'the order of the rules of `body.amount`, which decides between two violations, changed from ' +
      'type, exclusiveMinimum, minimum, maximum, x-whole-cents to type, minimum, maximum, x-whole-cents, exclusiveMinimum',
  ],
  [
    'the response to a broken header',
    [['components', 'parameters', 'IdempotencyKey', 'schema', 'x-problems'], 'invalidRequest'],
    'the response where `parameters.Idempotency-Key` breaks any rule changed from `invalidIdempotencyKey` to `invalidRequest`',
  ],
  ['a smaller body', [[...BODY, 'x-body-limit-bytes'], 1024], 'the largest body changed from 131072 to 1024 bytes'],
])('breaks callers: %s', (_what, edit, change) => {
  const text = `POST /api/v1/payments/intent: ${change}`;
  expect(compareWith(edit)).toMatchObject({ breaking: [text], changes: [text] });
});

it('breaks callers: the order of the fields, where their responses differ', () => {
  expect(compareWith([FIELDS, { ...otherFields, amount }]).breaking).toEqual([
    expect.stringMatching(
      /intent: the order of the fields of `body`, .*changed from amount, paymentMethodTypes, metadata.* to paymentMethodTypes, metadata.*, amount$/,
    ),
  ]);
});

it('breaks callers: a renamed example', () => {
  const { breaking, changes } = compareWith([BAD_REQUEST, { ...otherExamples, noAmount: amountRequired }]);
  expect(breaking).toEqual(['POST /api/v1/payments/intent: the response 400 `amountRequired` was removed']);
  expect(changes).toEqual([...breaking, 'POST /api/v1/payments/intent: the response 400 `noAmount` was added']);
});

it('breaks callers: another status', () => {
  const conflict = document.components.responses.Conflict;
  const responses = [...POST, 'responses'];
  expect(compareWith([[...responses, '409'], undefined], [[...responses, '422'], conflict]).breaking).toEqual([
    'POST /api/v1/payments/intent: the status of `idempotencyKeyReused` changed from 409 to 422',
    'POST /api/v1/payments/intent: the status of `idempotencyKeyInUse` changed from 409 to 422',
  ]);
});

it.each<[what: string, Edit, changes: string[]]>([
  [
    'one more example',
    [[...BAD_REQUEST, 'invalidNote'], { value: { success: false, message: 'Invalid note' } }],
    ['the response 400 `invalidNote` was added'],
  ],
  [
    'one more header',
    [[...TOO_MANY, 'x-headers', 'X-Note'], 'a'],
    ['the header `X-Note` of 429 `tooManyRequests` was added: "a"'],
  ],
  [
    'one more field',
    [[...BAD_REQUEST, 'amountRequired', 'value', 'note'], 'a'],
    ['`note` of 400 `amountRequired` was added: "a"'],
  ],
  [
    'a larger body',
    [[...BODY, 'x-body-limit-bytes'], 262_144],
    ['the largest body changed from 131072 to 262144 bytes'],
  ],
  ['another sample of a secret', [[...CREATED, 'data', 'paymentIntentSecret'], 'pi_1_secret_2'], []],
  ['another summary', [[...BAD_REQUEST, 'amountRequired', 'summary'], 'No amount'], []],
  ['a header in another case', [[...TOO_MANY, 'x-headers'], lowerCase(tooManyRequests['x-headers'])], []],
  ['the order of the examples', [BAD_REQUEST, { ...otherExamples, amountRequired }], []],
  ['a rule that is gone', [[...AMOUNT, 'x-problems'], { type, ...otherRules }], []],
  [
    'the order of two fields with the same response',
    [
      [...SCHEMAS, 'Metadata', 'properties'],
      Object.fromEntries(Object.entries(document.components.schemas.Metadata.properties).toReversed()),
    ],
    [],
  ],
])('breaks no callers: %s', (_what, edit, changes) => {
  expect(compareWith(edit)).toMatchObject({
    breaking: [],
    changes: changes.map((change) => `POST /api/v1/payments/intent: ${change}`),
  });
});

it('leaves operations that only one version has to the diff tools', () => {
  const [operation] = operations();
  expect(compareExamples([operation!], [])).toMatchObject({ breaking: [], changes: [] });
  expect(compareExamples([], [operation!])).toMatchObject({ breaking: [], changes: [] });
});
