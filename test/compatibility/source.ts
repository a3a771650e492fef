import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { readOperations } from '../../src/contract/document.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const CONTRACT = 'openapi/openapi.yaml';
/** The contract as it was last released: a copy, which each release replaces. */
export const RELEASED = 'openapi/released.yaml';

/** A contract, and where it was found. */
export interface Source {
  name: string;
  document: object;
}

/**
 * Reads a contract: a deployment's by a URL, that of a file, or that of a git ref.
 *
 * Throws an Error of one sentence if there is no OpenAPI document.
 */
export async function readSource(source: string, limits = LIMITS): Promise<Source> {
  if (/^https?:/i.test(source)) return fetchContract(source, limits);
  const file = await readFile(resolve(ROOT, source), 'utf8').catch(() => undefined);
  if (file !== undefined) return { name: source, document: readDocument(file, source) };
  const name = `${source}:${CONTRACT}`;
  const { stdout } = await promisify(execFile)('git', ['show', name], { cwd: ROOT }).catch(() => {
    throw new Error(`${source}: expected the URL of a deployment, a file, or a git ref that has ${CONTRACT}`);
  });
  return { name, document: readDocument(stdout, name) };
}

function readDocument(text: string, name: string): object {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('\n');
    throw new Error(`${name}: neither YAML nor JSON (${reason.replace(/:$/, '')})`, { cause: error });
  }
  if (!isContract(document)) throw new Error(`${name}: not an OpenAPI 3 document with operations`);
  return document;
}

function isContract(document: unknown): document is object {
  const { openapi, paths } = (document ?? {}) as { openapi?: unknown; paths?: unknown };
  const hasPathItems = Object.values(paths ?? {}).every((item) => typeof item === 'object' && item !== null);
  return String(openapi).startsWith('3.') && hasPathItems && readOperations(document as object).length > 0;
}

/** A deployment may be slow, or send without end. */
const LIMITS = { timeoutMs: 10_000, bytes: 5_000_000 };

/** Where the mock, and a server with `DOCS=on`, serve their contract. */
const SERVED = '/docs/openapi.json';

/** The document at the URL, or that of the deployment which has it as its base URL. */
async function fetchContract(source: string, limits: typeof LIMITS): Promise<Source> {
  const url = URL.parse(source);
  if (!url || url.username || url.password) throw new Error('BASE: expected a URL without user name and password');
  const isServed = url.pathname.endsWith(SERVED);
  const served = isServed ? url : new URL(url.pathname.replace(/(\/docs)?\/*$/, SERVED), url);
  const misses: string[] = [];
  for (const place of isServed ? [served] : [url, served]) {
    // Without the query, which may hold a secret.
    const name = place.origin + place.pathname;
    const { status, text } = await fetchText(place, name, limits);
    try {
      if (status !== 200) throw new Error(`${name}: status ${status}`);
      const document = readDocument(text, name);
      return { name, document: place === served ? withoutOwnServer(document) : document };
    } catch (error) {
      misses.push((error as Error).message);
    }
  }
  throw new Error(`${misses.join('; ')}. A server has its contract at ${SERVED} if it runs with DOCS=on.`);
}

/** Throws if there is no whole response within the limits. */
async function fetchText(url: URL, name: string, limits: typeof LIMITS): Promise<{ status: number; text: string }> {
  const signal = AbortSignal.timeout(limits.timeoutMs);
  try {
    const { status, body } = await fetch(url, { signal });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body ?? []) {
      bytes += chunk.length;
      if (bytes > limits.bytes) throw new Error(`more than ${limits.bytes} bytes`);
      chunks.push(chunk);
    }
    return { status, text: Buffer.concat(chunks).toString() };
  } catch (error) {
    if (signal.aborted) throw new Error(`${name}: no whole response within ${limits.timeoutMs} ms`, { cause: error });
    const { message, cause } = error as Error & { cause?: { code?: string; message: string } };
    throw new Error(`${name}: ${cause?.code ?? cause?.message ?? message}`, { cause: error });
  }
}

/** The API reference puts the server of its playground before those of the contract. */
const withoutOwnServer = (document: { servers?: readonly unknown[] }): object => ({
  ...document,
  servers: document.servers?.slice(1),
});
