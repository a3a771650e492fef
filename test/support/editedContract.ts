import document from '../../generated/openapi.json' with { type: 'json' };

/** Paths into the contract. */
const PAYMENTS = '/api/v1/payments/intent';
export const POST = ['paths', PAYMENTS, 'post'];
export const BODY = [...POST, 'requestBody'];
export const SCHEMAS = ['components', 'schemas'];
const PROPERTIES = [...SCHEMAS, 'PaymentIntentRequest', 'properties'];
export const AMOUNT = [...PROPERTIES, 'amount'];
/** The path of a field that the contract does not have. */
export const NOTE = [...PROPERTIES, 'note'];

export type Edit = readonly [path: readonly string[], value: unknown];
type Node = Record<string, unknown>;

/** A copy of the contract of payments alone, with other values at some paths; undefined removes the value. */
export function edited(...edits: readonly Edit[]): object {
  const { paths, ...rest } = structuredClone(document);
  const copy: Node = { ...rest, paths: { [PAYMENTS]: paths[PAYMENTS] } };
  for (const [path, value] of edits) {
    const parent = path.slice(0, -1).reduce((node, key) => node[key] as Node, copy);
    parent[path.at(-1)!] = value;
  }
  // A contract that is read from a file has no undefined values.
  return JSON.parse(JSON.stringify(copy)) as object;
}
