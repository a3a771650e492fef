import { operations, scenarios } from '../support/contractDocument.ts';
import { send } from '../support/exchange.ts';
import { everyOperationCases } from './everyOperation.cases.ts';

/** Problems that are found after the key is accepted and before anything is created. */
const BEHIND_KEY = ['invalidBody', 'invalidIdempotencyKey', 'bodyTooLarge', 'unsupportedMediaType'];

const probes = operations.flatMap((operation) => {
  const known = everyOperationCases(operation);
  return BEHIND_KEY.map((name) => known.find(({ example }) => example === name)!);
});

/**
 * Whether the deployment refuses this key: every request gets the 401 of the contract, whatever else is wrong with it. One that
 * sends it only sometimes, or with another body, breaks the contract for any key, which the cases report.
 */
export async function isKeyRefused(baseUrl: string, apiKey: string): Promise<boolean> {
  for (const { operation, request } of probes) {
    const { status, body } = scenarios.find((one) => one.operation === operation && one.example === 'invalidApiKey')!;
    const response = await send(baseUrl, request(apiKey), AbortSignal.timeout(10_000)).catch(() => undefined);
    if (response?.status !== status || response.text !== JSON.stringify(body)) return false;
  }
  return true;
}
