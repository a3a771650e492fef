import { describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { dereference, readOperations, type Operation, type Schema } from '../../../src/contract/document.ts';
import { openContract } from '../../../src/contract/engine.ts';
import { liveHandlers } from '../../../src/operations/index.ts';
import type { PaymentGateway } from '../../../src/payments/gateway.ts';
import { handle } from '../../support/engine.ts';

const operations = readOperations(dereference(document));

/** What the payment gateway is asked for a request to an operation. */
async function orderOf({ method, path }: Operation, body: unknown, headers: Record<string, string>): Promise<object> {
  const orders: object[] = [];
  const response = { clientSecret: 'a', replayed: false, requestId: 'b', droppedMethodTypes: [] };
  const gateway = new Proxy({} as PaymentGateway, {
    get: (_target, call) => async (order: object) => {
      orders.push({ call, order: structuredClone(JSON.parse(JSON.stringify(order))) });
      return response;
    },
  });
  const contract = await openContract(document, { handlers: liveHandlers(gateway) });
  await handle(contract, { method, path, headers, body: JSON.stringify(body) });
  expect(orders).toHaveLength(1);
  return orders[0]!;
}

const schemaOf = ({ requestBody }: Operation): Schema => requestBody?.content['application/json']?.schema ?? {};

/** The request examples, and the first of them with each field that no example has. */
function examplesOf(operation: Operation): object[] {
  const { examples = {} } = operation.requestBody?.content['application/json'] ?? {};
  const values = Object.values(examples).map(({ value }) => value as object);
  const isMissing = (field: string) => !values.some((value) => Object.hasOwn(value, field));
  const others = Object.entries(schemaOf(operation).properties ?? {}).filter(([field]) => isMissing(field));
  return [...values, ...others.map(([field, schema]) => ({ ...values[0], [field]: (schema as Schema)['example'] }))];
}

/** With an idempotency key, unless it is in the body. */
const headersFor = (body: object): Record<string, string> =>
  'idempotencyKey' in body ? {} : { 'idempotency-key': 'one' };

/** The value with each of its parts changed in turn, to another one that the schema allows. */
function* variations(value: unknown, { allOf = [], ...rules }: Schema): Generator {
  const schema: Schema = Object.assign({}, rules, ...allOf);
  if (typeof value === 'number') yield value + 1;
  else if (typeof value === 'string')
    yield (schema['enum'] as string[] | undefined)?.find((other) => other !== value) ?? `${value}x`;
  else if (Array.isArray(value)) {
    if (value.length > 1) yield value.slice(1);
    yield [...(schema.items as { enum: string[] }).enum]
      .filter((other) => !value.includes(other))
      .slice(0, 1)
      .concat(value);
  } else {
    const object = value as Record<string, unknown>;
    for (const [name, part] of Object.entries(object)) {
      const property = (schema.properties?.[name] ?? schema.additionalProperties ?? {}) as Schema;
      for (const other of variations(part, property)) yield { ...object, [name]: other };
    }
  }
}

describe.each(operations.map((operation) => [operation.id, operation] as const))('%s', (_id, operation) => {
  it('uses every field of its body', async () => {
    let changes = 0;
    for (const example of examplesOf(operation)) {
      const headers = headersFor(example);
      const order = await orderOf(operation, example, headers);
      expect(await orderOf(operation, example, headers)).toEqual(order);
      for (const changed of variations(example, schemaOf(operation))) {
        changes += 1;
        expect(await orderOf(operation, changed, headers), JSON.stringify(changed)).not.toEqual(order);
      }
    }
    expect(changes).toBeGreaterThan(0);
  });

  it('uses every header that it documents', async () => {
    const [example] = examplesOf(operation);
    for (const { name } of operation.parameters.filter((parameter) => parameter.in === 'header')) {
      const [one, other] = ['one', 'other'].map((value) =>
        orderOf(operation, example, { [name.toLowerCase()]: value }),
      );
      expect(await one, name).not.toEqual(await other);
    }
  });
});
