/** The contract with one thing changed. */
export interface Mutant {
  /** The changed place and the change. */
  name: string;
  document: object;
}

type Node = Record<string, unknown> | unknown[];
type Place = readonly (string | number)[];

/** Prose for readers, which no test can check: not changed. */
const PROSE_KEYS = new Set(['summary', 'description', 'title', 'example', 'tags']);

/** The keys below these names are chosen by the author and can be any word. */
const NAME_MAPS = new Set([
  'properties',
  'examples',
  'headers',
  'responses',
  'schemas',
  'parameters',
  'value',
  'x-headers',
]);

/** The order of these entries matters: the order of checks, of messages, of the fields in a response. */
const ORDERED = new Set(['properties', 'x-problems', 'value']);

/** Each rule, status, example, header and security requirement removed and changed, one at a time. */
export function mutantsOfContract(document: object): Mutant[] {
  const { paths, components, security } = document as Record<'paths' | 'components' | 'security', Node>;
  return [
    ...removed(document, ['security']),
    ...visit(document, security, ['security']),
    ...visit(document, paths, ['paths']),
    ...visit(document, components, ['components']),
  ];
}

function visit(document: object, node: Node, place: Place): Mutant[] {
  return Object.entries(node).flatMap(([key, value]) => {
    const here = [...place, Array.isArray(node) ? Number(key) : key];
    const isProse = PROSE_KEYS.has(key) && !NAME_MAPS.has(String(place.at(-1)));
    if (isProse) return [];
    return [
      ...removed(document, here),
      ...changed(document, here, value),
      ...(ORDERED.has(String(place.at(-1))) && Object.keys(node).at(-1) !== key ? [movedLast(document, here)] : []),
      ...(typeof value === 'object' && value !== null ? visit(document, value as Node, here) : []),
    ];
  });
}

/** A copy of the document, and the parent in it of the node at the place. */
function copyAt(document: object, place: Place): { copy: object; parent: Record<string | number, unknown> } {
  const copy = structuredClone(document);
  const parent = place
    .slice(0, -1)
    .reduce<unknown>((node, key) => (node as Record<string | number, unknown>)[key], copy);
  return { copy, parent: parent as Record<string | number, unknown> };
}

const describeMutant = (place: Place) => place.map((key) => String(key).replaceAll('/', '~1')).join('/');

function removed(document: object, place: Place): Mutant[] {
  const { copy, parent } = copyAt(document, place);
  const key = place.at(-1)!;
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
  return [{ name: `${describeMutant(place)} removed`, document: copy }];
}

function movedLast(document: object, place: Place): Mutant {
  const { copy, parent } = copyAt(document, place);
  const key = place.at(-1)!;
  const value = parent[key];
  delete parent[key];
  parent[key] = value;
  return { name: `${describeMutant(place)} moved last`, document: copy };
}

function changed(document: object, place: Place, value: unknown): Mutant[] {
  return others(document, place, value).map((other) => {
    const { copy, parent } = copyAt(document, place);
    parent[place.at(-1)!] = other;
    return { name: `${describeMutant(place)}: ${JSON.stringify(value)} → ${JSON.stringify(other)}`, document: copy };
  });
}

/** Values close to the original value. */
function others(document: object, place: Place, value: unknown): unknown[] {
  const key = place.at(-1);
  if (typeof value === 'boolean') return [!value];
  if (typeof value === 'number') {
    const step = Number.isInteger(value) ? 1 : 0.01;
    return [value - step, value + step].map((near) => Number(near.toFixed(2)));
  }
  if (typeof value !== 'string') return [];
  if (key === '$ref') return otherComponent(document, value);
  if (key === 'pattern') return ['', ...weakerPatterns(value)];
  if (place.includes('x-problems')) return [value === 'invalidRequest' ? 'invalidBody' : 'invalidRequest'];
  return [`${value}x`];
}

/** The next component of the same kind with a different meaning. */
function otherComponent(document: object, reference: string): string[] {
  const [, , kind, name] = reference.split('/') as [string, string, string, string];
  const parts = (document as { components: Record<string, Record<string, unknown>> }).components[kind]!;
  const names = Object.keys(parts);
  const following = [...names.slice(names.indexOf(name) + 1), ...names];
  const other = following.find((candidate) => meaningOf(parts[candidate]) !== meaningOf(parts[name]));
  return other ? [`#/components/${kind}/${other}`] : [];
}

const meaningOf = (part: unknown) =>
  JSON.stringify(part, (key, value: unknown) => (PROSE_KEYS.has(key) ? undefined : value));

/** The pattern without an anchor, and with each number increased by one. */
function weakerPatterns(pattern: string): string[] {
  const numbers = [...pattern.matchAll(/(?<=[{,])\d+(?=[,}])/g)];
  return [
    pattern.replace(/^\^/, ''),
    pattern.replace(/\$$/, ''),
    ...numbers.map(
      ({ 0: digits, index }) =>
        pattern.slice(0, index) + String(Number(digits) + 1) + pattern.slice(index + digits.length),
    ),
  ];
}
