import type { Form } from './form.ts';
import { newClientSecret, newIntentId } from './ids.ts';

/** What all kinds of intents have. */
export interface Intent {
  id: string;
  client_secret: string;
  /** Seconds since 1970. */
  created: number;
  metadata: Record<string, string>;
  /** US cents, if it is about an amount. */
  amount?: number;
}

/** A collection of Stripe's API: what it has of its own. */
export interface Collection<Created extends Intent> {
  /** Of a creation. An intent's own path is `<path>/<id>`. */
  path: string;
  /** Names the kind in Stripe's message for an unknown ID. */
  noun: string;
  /** Reads the parameters of a creation, and returns what creates the intent. Throws Stripe's 400 for the first invalid one. */
  prepare(form: Form): () => Created;
}

/**
 * A valid intent of another customer: another ID, other values under the same metadata keys, and another amount unless
 * `sameAmount`, which leaves only the ID and the metadata to tell the two apart.
 */
export function otherCustomersIntent<Mine extends Intent>(mine: Mine, sameAmount: boolean): Mine {
  const id = newIntentId(mine.id.slice(0, mine.id.indexOf('_') + 2));
  const metadata = Object.fromEntries(Object.keys(mine.metadata).map((key) => [key, `someone-else-${id}`]));
  const theirs = { ...mine, id, client_secret: newClientSecret(id), metadata };
  return sameAmount || mine.amount === undefined ? theirs : { ...theirs, amount: mine.amount === 5000 ? 6000 : 5000 };
}
