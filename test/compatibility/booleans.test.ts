import { expect, it } from 'vitest';
import { acceptPlainBooleans } from './booleans.ts';
import type { Operation, Schema } from '../../src/contract/document.ts';

const fixed = (value: boolean): Schema => ({ type: 'boolean', enum: [value] });
const plain: Schema = { type: 'boolean' };

/** An operation whose only response is an object with one field. */
function operation(field: Schema, values: readonly unknown[]): Operation {
  const examples = Object.fromEntries(values.map((value, index) => [`example${index}`, { value: { success: value } }]));
  const schema: Schema = { type: 'object', properties: { success: field } };
  const responses = { '200': { content: { 'application/json': { schema, examples } } } };
  return { method: 'POST', path: '/things', responses } as unknown as Operation;
}

it.each<[what: string, Schema]>([
  ['an enum', fixed(true)],
  ['a constant', { type: 'boolean', const: true }],
])('accepts that a boolean loses %s of one value which every example has', (_what, field) => {
  const base = operation(field, [true, true]);
  expect(acceptPlainBooleans([base], [operation(plain, [true])])).toEqual([
    'POST /things: `success: true` for the status `200`',
  ]);
  expect(base).toEqual(operation(plain, [true, true]));
});

it.each<[what: string, base: Operation, revision: Operation]>([
  ['has another value in an example', operation(fixed(true), [true]), operation(plain, [true, false])],
  ['had another value in an example', operation(fixed(true), [true, false]), operation(plain, [true])],
  ['is missing in an example', operation(fixed(true), [true]), operation(plain, [undefined])],
  ['has no example', operation(fixed(true), []), operation(plain, [])],
  ['may be null', operation(fixed(true), [true]), operation({ type: ['boolean', 'null'] }, [true])],
  ['has another value', operation(fixed(true), [true]), operation(fixed(false), [true])],
  ['may have both values', operation(fixed(true), [true]), operation({ type: 'boolean', enum: [true, false] }, [true])],
  ['had both values', operation({ type: 'boolean', enum: [true, false] }, [true]), operation(plain, [true])],
  ['is text', operation({ type: 'string', enum: ['yes'] }, ['yes']), operation({ type: 'string' }, ['yes'])],
])('leaves a field to the diff tools that %s', (_what, base, revision) => {
  const unchanged = structuredClone(base);
  expect(acceptPlainBooleans([base], [revision])).toEqual([]);
  expect(base).toEqual(unchanged);
});
