import { operations, scenarios } from '../support/contractDocument.ts';
import { send } from '../support/exchange.ts';
import { everyOperationCases } from './everyOperation.cases.ts';

/** Behind the key, before anything is created. */
const BEHIND_KEY = ['invalidBody', 'invalidIdempotencyKey', 'bodyTooLarge', 'unsupportedMediaType'];

const probes = operations.flatMap((operation) => {
  const known = everyOperationCases(operation);
  return BEHIND_KEY.map((name) => known.find(({ example }) => example === name)!);
});

/**
 * Whether this key opens nothing: every request gets the contract's own 401, whatever else is wrong with it. A deployment that
 * says so only now and then, or in other words, breaks the contract whatever the key, and is left to the cases.
 */
export async function isKeyRefused(baseUrl: string, apiKey: string): Promise<boolean> {
  for (const { operation, request } of probes) {
    const { status, body } = scenarios.find((one) => one.operation === operation && one.example === 'invalidApiKey')!;
    const response = await send(baseUrl, request(apiKey), AbortSignal.timeout(10_000)).catch(() => undefined);
    if (response?.status !== status || response.text !== JSON.stringify(body)) return false;
  }
  return true;
}
