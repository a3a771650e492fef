/**
 * The document with what each reference (`$ref`) refers to in its place: the same object everywhere.
 *
 * Throws one Error that names every reference that leads nowhere, out of the document, or back to itself: a rule that
 * can't be read would not be checked.
 */
export function dereference<Document extends object>(document: Document): Document {
  const targets = new Map<string, unknown>();
  const faults = new Set<string>();

  const resolve = (node: unknown, open: readonly string[]): unknown => {
    if (Array.isArray(node)) return node.map((item) => resolve(item, open));
    if (typeof node !== 'object' || node === null) return node;
    const { $ref: reference } = node as { $ref?: unknown };
    if (typeof reference === 'string') return follow(reference, open);
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolve(value, open)]));
  };

  const follow = (reference: string, open: readonly string[]): unknown => {
    if (open.includes(reference)) faults.add(`$ref leads back to itself: ${reference}`);
    else if (!targets.has(reference)) {
      const target = reference.startsWith('#/') ? findNode(document, reference) : undefined;
      if (target === undefined) faults.add(`$ref leads nowhere: ${reference}`);
      targets.set(reference, resolve(target, [...open, reference]));
    }
    return targets.get(reference);
  };

  const whole = resolve(document, []) as Document;
  if (faults.size > 0) throw new Error([...faults].join('\n- '));
  return whole;
}

/** RFC 6901: `#/paths/~1things/get` → its node. */
function findNode(document: object, pointer: string): unknown {
  return pointer
    .slice(2)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | null | undefined)?.[key], document);
}
