import { Problem } from './problems.ts';

/**
 * The client's idempotency key, bare: from the header `Idempotency-Key` or the body's field `idempotencyKey`, both valid.
 *
 * Throws the Problem `invalidIdempotencyKey` if both are given and differ.
 */
export function readIdempotencyKey(headers: Headers, body: unknown): string | undefined {
  const header = headers['idempotency-key'];
  const inHeader = header === undefined ? undefined : parseClientKey(String(header));
  const inBody = (body as { idempotencyKey?: string } | undefined)?.idempotencyKey;
  if (inHeader !== undefined && inBody !== undefined && inHeader !== inBody) {
    throw Problem.named('invalidIdempotencyKey', { detail: () => 'body/idempotencyKey differs from Idempotency-Key' });
  }
  return inHeader ?? inBody;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** `key` and `"key"` are the same key; in the quoted form \" and \\ stand for one character (RFC 8941, section 3.3.3). */
export function parseClientKey(header: string): string {
  return header.startsWith('"') ? header.slice(1, -1).replace(/\\(["\\])/g, '$1') : header;
}
