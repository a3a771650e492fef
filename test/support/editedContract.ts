import document from '../../generated/openapi.json' with { type: 'json' };

/** Where things stand in the contract. */
export const POST = ['paths', '/api/v1/payments/intent', 'post'];
export const BODY = [...POST, 'requestBody'];
export const SCHEMAS = ['components', 'schemas'];
const PROPERTIES = [...SCHEMAS, 'PaymentIntentRequest', 'properties'];
export const AMOUNT = [...PROPERTIES, 'amount'];
/** A field that the contract does not have. */
export const NOTE = [...PROPERTIES, 'note'];

export type Edit = readonly [place: readonly string[], value: unknown];
type Node = Record<string, unknown>;

/** The contract with other values in some places; undefined takes out what stands there. */
export function edited(...edits: readonly Edit[]): object {
  const copy: Node = structuredClone(document);
  for (const [place, value] of edits) {
    const parent = place.slice(0, -1).reduce((node, key) => node[key] as Node, copy);
    parent[place.at(-1)!] = value;
  }
  // As a file would bring it: without what is undefined.
  return JSON.parse(JSON.stringify(copy)) as object;
}
