import type { Operation, Schema } from '../../src/contract/document.ts';

/**
 * Finds each boolean of a response that had one allowed value and is now a plain boolean, while every example, before and now,
 * has that value. Removes the value from the schema of the base, so that the diff tools do not report it; returns the sentences
 * that do.
 *
 * Generators of code need the plain boolean, and responses stay the same: the contract tests compare them with their example.
 *
 * Nothing in the base may be shared between two places: a change of one would be a change of both.
 */
export function acceptPlainBooleans(base: readonly Operation[], revision: readonly Operation[]): string[] {
  return base.flatMap(({ method, path, responses }) => {
    const after = revision.find((operation) => operation.method === method && operation.path === path)?.responses ?? {};
    return Object.entries(responses).flatMap(([status, { content }]) => {
      const [from, to] = [content, after[status]?.content].map((types) => types?.['application/json']);
      const examples = [from, to].flatMap((type) => Object.values(type?.examples ?? {}).map(({ value }) => value));
      return accept(from?.schema, to?.schema, examples).map(
        (field) => `${method} ${path}: \`${field}\` for the status \`${status}\``,
      );
    });
  });
}

/** The accepted fields, with their values. `values` are those of all examples at this place. */
function accept(before: Field, after: Field, values: readonly unknown[], place: readonly string[] = []): string[] {
  if (typeof before !== 'object' || typeof after !== 'object') return [];
  const value = fixedValue(before);
  const isPlain = after.type === 'boolean' && !('enum' in after) && !('const' in after);
  if (typeof value === 'boolean' && isPlain && values.length > 0 && values.every((other) => other === value)) {
    delete before['enum'];
    delete before['const'];
    return [`${place.join('.')}: ${value}`];
  }
  return Object.entries(before.properties ?? {}).flatMap(([name, field]) => {
    const inner = values.map((object) => (object as Record<string, unknown> | null | undefined)?.[name]);
    return accept(field, after.properties?.[name], inner, [...place, name]);
  });
}

type Field = Schema | boolean | undefined;

/** The only value that a schema allows. Undefined if it allows several. */
export function fixedValue(schema: Schema): unknown {
  const { const: value, enum: values } = schema;
  return Array.isArray(values) && values.length === 1 ? values[0] : value;
}
