import { operations } from '../support/contractDocument.ts';
import { apiKeyCases } from './apiKey.cases.ts';
import type { Case } from './case.ts';
import { createPaymentIntentCases } from './createPaymentIntent.cases.ts';
import { createSetupIntentCases } from './createSetupIntent.cases.ts';
import { everyOperationCases } from './everyOperation.cases.ts';

/** What the contract checks last. The value is for those who read the request. */
const INVALID_KEY = ['Idempotency-Key', 'invalid, so that nothing is created'] as const;

/** Valid fields that Stripe refuses: none of these types can be used in US dollars. */
const REFUSED_BY_STRIPE: Readonly<Record<string, object>> = { createPaymentIntent: { paymentMethodTypes: ['blik'] } };

/** The cases of all operations: at least one for each named example of the contract. */
export const cases: readonly Case[] = [
  ...operations.flatMap(everyOperationCases),
  ...apiKeyCases,
  ...createPaymentIntentCases,
  ...createSetupIntentCases,
].map(refuseTwice);

/**
 * A request that must be refused gets a second reason for it, which is checked later: a deployment that skips the check in question
 * creates nothing either, and responds with the second reason.
 */
function refuseTwice(known: Case): Case {
  const { operation, example, creates, first, arrange, bytes } = known;
  if (creates || first || arrange) return known;
  if (bytes !== undefined) {
    return { ...known, bytes: bytes.replace(/^(POST .*\r\n)/, (line) => `${line}${INVALID_KEY.join(': ')}\r\n`) };
  }
  const change = (edit: (request: ReturnType<Case['request']>) => object): Case => ({
    ...known,
    request: (apiKey) => ({ ...known.request(apiKey), ...edit(known.request(apiKey)) }),
  });
  if (example !== 'invalidIdempotencyKey') return change(({ headers }) => ({ headers: [...headers, INVALID_KEY] }));
  const fields = REFUSED_BY_STRIPE[operation.operationId];
  if (fields === undefined) return { ...known, mayCreate: true };
  return change(({ body }) => ({ body: JSON.stringify({ ...(JSON.parse(String(body)) as object), ...fields }) }));
}
