import { readAccount, readPublishableAccount } from './authorization.ts';
import { Refusal } from './errors.ts';
import type { Collection, Intent } from './intents.ts';
import type { Memory } from './ledger.ts';

/** A GET request. The URL has the path and the query. */
interface Retrieval {
  authorization: string | undefined;
  url: string;
}

/** The intent at its own path, or a page of a collection. Undefined for an unknown path. */
export function retrieve(
  { authorization, url }: Retrieval,
  memory: Memory,
  collections: readonly Collection<Intent>[],
): object | undefined {
  const { pathname, searchParams } = new URL(url, 'http://stripe');
  const list = collections.find(({ path }) => path === pathname);
  if (list !== undefined) return listPage(memory.list(readAccount(authorization), pathname), pathname, searchParams);
  const [, parent, id] = /^(.+)\/([^/]+)$/.exec(pathname) ?? [];
  const collection = collections.find(({ path }) => path === parent);
  if (collection === undefined) return undefined;
  const publishable = readPublishableAccount(authorization);
  const intent = memory.find(publishable ?? readAccount(authorization), pathname);
  if (intent === undefined) {
    throw new Refusal(404, `No such ${collection.noun}: '${id}'`, { code: 'resource_missing', param: 'intent' });
  }
  return publishable === undefined ? intent : publicFields(intent, searchParams.get('client_secret'));
}

/** Fields that a publishable key does not read: https://docs.stripe.com/api/payment_intents/object, https://docs.stripe.com/api/setup_intents/object */
const SECRET_FIELDS = new Set([
  'allowed_payment_method_types',
  'customer',
  'latest_charge',
  'metadata',
  'on_behalf_of',
]);

function publicFields(intent: Intent, clientSecret: string | null): object {
  if (clientSecret !== intent.client_secret) {
    const message = 'The client_secret provided does not match the client_secret associated with the intent.';
    throw new Refusal(400, message, { param: 'client_secret' });
  }
  return Object.fromEntries(Object.entries(intent).filter(([name]) => !SECRET_FIELDS.has(name)));
}

const DEFAULT_LIMIT = 10;

/** The newest first. https://docs.stripe.com/api/pagination */
function listPage(intents: readonly Intent[], url: string, query: URLSearchParams): object {
  const read = (name: string, fallback: number) => Number(query.get(name) ?? fallback);
  const [from, to] = [read('created[gte]', 0), read('created[lte]', Infinity)];
  const found = intents.filter(({ created }) => created >= from && created <= to).toReversed();
  const start = found.findIndex(({ id }) => id === query.get('starting_after')) + 1;
  const end = start + read('limit', DEFAULT_LIMIT);
  return { object: 'list', url, has_more: end < found.length, data: found.slice(start, end) };
}
