import type { AnyRequest, OperationResponse } from '../contract/engine.ts';
import type { Operation, Schema } from '../contract/document.ts';

/** The oldest keys are forgotten beyond this number. */
const MAX_KEYS = 10_000;

interface Entry {
  content: string;
  /** Undefined while the first request is in progress. */
  response: OperationResponse | undefined;
}

/**
 * The idempotency keys of valid requests, as production has them from Stripe: a success is stored, a failure releases the key.
 * `name` is the key with its operation, `content` what the request asks Stripe for.
 */
export class IdempotencyKeys {
  readonly #entries = new Map<string, Entry>();

  /** The stored response, as a replay, or the problem with this key. Undefined for an unused key. */
  find(name: string, content: string): OperationResponse | 'idempotencyKeyReused' | 'idempotencyKeyInUse' | undefined {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    if (entry.content !== content) return 'idempotencyKeyReused';
    if (!entry.response) return 'idempotencyKeyInUse';
    return { ...entry.response, headers: { ...entry.response.headers, 'Idempotent-Replayed': 'true' } };
  }

  /** Holds the key until there is a response. A key that is held or stored already stays as it is. */
  async hold(name: string, content: string, respond: () => Promise<OperationResponse>): Promise<OperationResponse> {
    if (this.#entries.has(name)) return respond();
    const entry: Entry = { content, response: undefined };
    this.#entries.set(name, entry);
    const [oldest] = this.#entries.size > MAX_KEYS ? this.#entries.keys() : [];
    if (oldest !== undefined) this.#entries.delete(oldest);
    const response = await respond();
    if (response.status < 300) entry.response = response;
    else if (this.#entries.get(name) === entry) this.#entries.delete(name);
    return response;
  }

  clear(): void {
    this.#entries.clear();
  }
}

/**
 * What a request asks Stripe for, as text: the fields that the contract describes, but for the key itself. As in production,
 * the order of fields does not count, that of a list does, and an empty object is the same as none.
 */
export function describeContent({ params, query, body }: AnyRequest, { requestBody }: Operation): string {
  const described = fieldsOf(requestBody?.content['application/json']?.schema);
  const fields = Object.entries(body ?? {}).filter(
    ([name, value]) => described.includes(name) && name !== 'idempotencyKey' && !isEmptyObject(value),
  );
  return JSON.stringify(sortFields({ params, query, body: Object.fromEntries(fields) }));
}

const fieldsOf = ({ properties = {}, allOf = [] }: Schema = {}): string[] => [
  ...Object.keys(properties),
  ...allOf.flatMap((schema) => fieldsOf(schema)),
];

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** Objects as sorted lists of their fields: of any names, `__proto__` among them. */
function sortFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortFields);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => [name, sortFields(inner)] as const);
  return entries.toSorted(([one], [other]) => (one < other ? -1 : 1));
}
