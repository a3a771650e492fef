import { isDeepStrictEqual } from 'node:util';
import type { NamedExample, Operation, Schema } from '../../src/contract/document.ts';
import { fixedValue } from './booleans.ts';
import type { Findings } from './compare.ts';

/**
 * Compares what callers know responses by, and what the diff tools do not look at: the named examples with their statuses,
 * bodies and headers; the names in `x-problems`, and the order in which they are chosen; and the largest body.
 *
 * Compares operations that both versions have. The diff tools find the others.
 */
export function compareExamples(base: readonly Operation[], revision: readonly Operation[]): Findings {
  const changes = base.flatMap((before) => {
    const after = revision.find(({ method, path }) => method === before.method && path === before.path);
    return after ? compareOperation(before, after) : [];
  });
  return {
    tool: 'named examples',
    breaking: changes.filter(({ isBreaking }) => isBreaking).map(({ text }) => text),
    changes: changes.map(({ text }) => text),
  };
}

interface Change {
  text: string;
  isBreaking: boolean;
}

const breaking = (text: string): Change => ({ text, isBreaking: true });
const compatible = (text: string): Change => ({ text, isBreaking: false });

function compareOperation(before: Operation, after: Operation): Change[] {
  const added = after.examples.filter(({ name }) => !before.examples.some((example) => example.name === name));
  const changes = [
    ...before.examples.flatMap((example) => {
      const same = after.examples.filter(({ name }) => name === example.name);
      const other = same.find(({ status }) => status === example.status) ?? same[0];
      return other
        ? compareExample(example, other, before)
        : [breaking(`the response ${describeExample(example)} was removed`)];
    }),
    ...added.map((example) => compatible(`the response ${describeExample(example)} was added`)),
    ...compareProblems(requestSchemas(before), requestSchemas(after), []).map(breaking),
    ...compareBodyLimits(before, after),
  ];
  return changes.map(({ text, isBreaking }) => ({ text: `${before.method} ${before.path}: ${text}`, isBreaking }));
}

const describeExample = ({ status, name }: NamedExample) => `${status} \`${name}\``;

function compareExample(before: NamedExample, after: NamedExample, { responses }: Operation): Change[] {
  const example = describeExample(before);
  const schema = responses[before.status]?.content?.['application/json']?.schema;
  // The body of a failure is sent as it stands; a success has values of its own where the schema does not fix them.
  const isKnown = (place: readonly string[]) => before.status >= 300 || isFixed(findSchema(schema, place));
  return [
    ...(before.status === after.status
      ? []
      : [breaking(`the status of \`${before.name}\` changed from ${before.status} to ${after.status}`)]),
    ...differences(before.body, after.body)
      .filter((difference) => difference.before === undefined || isKnown(difference.place))
      .map((difference) => describeChange(`\`${difference.place.join('.')}\` of ${example}`, difference)),
    ...compareHeaders(before.headers, after.headers).map((difference) =>
      describeChange(`the header \`${difference.place.join()}\` of ${example}`, difference),
    ),
  ];
}

interface Difference {
  /** The keys of nested objects. */
  place: readonly string[];
  /** Undefined where there is none. */
  before: unknown;
  after: unknown;
}

function describeChange(what: string, { before, after }: Difference): Change {
  const [from, to] = [JSON.stringify(before), JSON.stringify(after)];
  if (before === undefined) return compatible(`${what} was added: ${to}`);
  return breaking(after === undefined ? `${what} was removed: ${from}` : `${what} changed from ${from} to ${to}`);
}

function differences(before: unknown, after: unknown, place: readonly string[] = []): Difference[] {
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => differences(before[key], after[key], [...place, key]));
  }
  return isDeepStrictEqual(before, after) ? [] : [{ place, before, after }];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names are compared without regard to case (RFC 9110). */
function compareHeaders(before: NamedExample['headers'], after: NamedExample['headers']): Difference[] {
  const names = new Map(Object.keys({ ...after, ...before }).map((name) => [name.toLowerCase(), name]));
  const named = (headers: NamedExample['headers']) =>
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [names.get(name.toLowerCase())!, value]));
  return differences(named(before), named(after));
}

/** The schema of a field, by its keys. Undefined if the schema describes no such field. */
function findSchema(schema: Schema | boolean | undefined, [key, ...rest]: readonly string[]): Schema | undefined {
  if (typeof schema !== 'object') return undefined;
  if (key === undefined) return schema;
  const parts = [schema, ...(schema.allOf ?? [])];
  return findSchema(parts.find(({ properties }) => properties?.[key])?.properties![key], rest);
}

const isFixed = (schema: Schema | undefined): boolean =>
  schema !== undefined && (schema.type === 'boolean' || fixedValue(schema) !== undefined);

/** The schemas of a request, as the places that hold them. */
const requestSchemas = ({ requestBody, parameters }: Operation) => ({
  body: requestBody?.content['application/json']?.schema,
  parameters: { properties: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])) },
});

/** Which response a broken rule gets. A rule that only one version has is found by the diff tools. */
function compareProblems(before: unknown, after: unknown, place: readonly string[]): string[] {
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return [];
  const [from, to] = [before as Schema, after as Schema];
  const keys = Object.keys(from).filter((key) => key !== 'x-problems' && Object.hasOwn(to, key));
  const name = place.filter((key) => key !== 'properties').join('.');
  return [
    ...compareNames(from['x-problems'], to['x-problems'], name),
    ...compareOrder(from['x-problems'], to['x-problems'], `the order of the rules of \`${name}\``),
    ...compareOrder(from.properties, to.properties, `the order of the fields of \`${name}\``),
    ...keys.flatMap((key) => compareProblems(from[key], to[key], [...place, key])),
  ];
}

type Problems = Schema['x-problems'];

function compareNames(before: Problems, after: Problems, name: string): string[] {
  // A name alone stands for every rule.
  const nameFor = (problems: Problems, rule: string) => (typeof problems === 'object' ? problems[rule] : problems);
  const rules = new Set(
    Object.keys({ ...(typeof before === 'object' && before), ...(typeof after === 'object' && after) }),
  );
  return [...(rules.size > 0 ? rules : ['any rule'])]
    .map((rule) => ({ rule, from: nameFor(before, rule), to: nameFor(after, rule) }))
    .filter(({ from, to }) => from !== undefined && to !== undefined && from !== to)
    .map(({ rule, from, to }) => `the response where \`${name}\` breaks ${rule} changed from \`${from}\` to \`${to}\``);
}

/** The first of several wrong fields, and the first of several broken rules, has the response. */
function compareOrder(before: unknown, after: unknown, what: string): string[] {
  if (!isObject(before) || !isObject(after)) return [];
  const [from, to] = [
    Object.keys(before).filter((key) => Object.hasOwn(after, key)),
    Object.keys(after).filter((key) => Object.hasOwn(before, key)),
  ];
  // Between two with the same response, the order makes no difference.
  const responses = (keys: readonly string[]) => keys.map((key) => [...new Set(problemNames(before[key]))].toSorted());
  return isDeepStrictEqual(responses(from), responses(to))
    ? []
    : [`${what}, which decides between two violations, changed from ${from.join(', ')} to ${to.join(', ')}`];
}

/** The responses to the violations of a rule, which is given by its name, or of a schema. */
function problemNames(rule: unknown): string[] {
  if (typeof rule === 'string') return [rule];
  if (typeof rule !== 'object' || rule === null) return [];
  const { 'x-problems': problems = {}, ...rest } = rule as Schema;
  const inner = Object.values(rest).filter((value) => typeof value === 'object');
  return [...(typeof problems === 'string' ? [problems] : Object.values(problems)), ...inner.flatMap(problemNames)];
}

function compareBodyLimits(before: Operation, after: Operation): Change[] {
  const [from, to] = [before, after].map(({ requestBody }) => requestBody?.['x-body-limit-bytes']);
  if (from === undefined || to === undefined || from === to) return [];
  const text = `the largest body changed from ${from} to ${to} bytes`;
  return [to < from ? breaking(text) : compatible(text)];
}
