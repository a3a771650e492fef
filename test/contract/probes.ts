import { type DocumentedOperation, operations } from '../support/contractDocument.ts';
import type { WireResponse } from '../support/exchange.ts';
import { cases } from './cases.ts';
import { type Deployment, NoResponse } from './deployment.ts';
import { findScenario } from './judge.ts';
import { isBusy, waitAsTold } from './patience.ts';
import type { Settings } from './settings.ts';

/** For the first request and for all that ask for the key: whoever waits for exit code 2 waits for 5 seconds at most. */
const FIRST_MS = 2_500;
const KEY_MS = 1_500;

/** Problems that are found after the key is accepted and before anything is created. */
const BEHIND_KEY = ['invalidBody', 'bodyTooLarge', 'unsupportedMediaType'];

const keyProbes = operations.flatMap((operation) =>
  BEHIND_KEY.map((name) => cases.find((known) => known.operation === operation && known.example === name)!),
);

/** A request without a key or a body. */
const [{ method, path }] = operations as [(typeof operations)[number]];
export const probe = { method, path, headers: [] };

/** Why this deployment cannot be tested at all. Undefined where it can. */
export async function findObstacle(settings: Settings, deployment: Deployment): Promise<string | undefined> {
  try {
    return (await findUnreachable(settings, deployment)) ?? (await findRefusal(settings, deployment));
  } catch (error) {
    if (error instanceof NoResponse) return `${settings.baseUrl} does not respond: ${error.message}`;
    throw error;
  }
}

/** The key is not sent: a server that redirects to https has read everything in clear by then. */
async function findUnreachable({ baseUrl }: Settings, deployment: Deployment): Promise<string | undefined> {
  const send = baseUrl.startsWith('https:') ? deployment.send : deployment.sendBare;
  const response = await waitAsTold(() => send(probe, FIRST_MS));
  if (isBusy(response)) return `${baseUrl} is busy: it responds with ${response.status}.`;
  const { location } = response.headers;
  if (response.status < 300 || response.status > 399 || typeof location !== 'string') return undefined;
  const target = URL.parse(location, baseUrl + path);
  return `${baseUrl} redirects to ${target?.host ? target.origin + target.pathname : location}: BASE_URL must be the address that responds.`;
}

/**
 * The key is refused where every request gets the 401 of the contract, whatever else is wrong with it. A deployment that sends it
 * only sometimes, or with another body, breaks the contract for any key, which the cases report.
 */
async function findRefusal({ baseUrl, apiKey }: Settings, deployment: Deployment): Promise<string | undefined> {
  const responses = await Promise.all(
    keyProbes.map((known) =>
      deployment.send(known.request(apiKey), KEY_MS).then(
        (response) => ({ operation: known.operation, response }),
        () => undefined,
      ),
    ),
  );
  const all = (matches: (one: NonNullable<(typeof responses)[number]>) => boolean) =>
    responses.every((one) => one !== undefined && matches(one));
  if (all(({ operation, response }) => isRefusal(operation, response)))
    return `${baseUrl} refuses the API key: every request with it gets 401. Nothing else was tested.`;
  if (all(({ response }) => isGate(response)))
    return `Something in front of ${baseUrl} refuses every request: ${responses[0]!.response.status}. Nothing was tested. A gateway may need HEADER='Name: value'.`;
  return undefined;
}

function isRefusal(operation: DocumentedOperation, { status, text }: WireResponse): boolean {
  const refusal = findScenario(operation, 'invalidApiKey');
  return status === refusal.status && text === JSON.stringify(refusal.body);
}

/** No response of an API, but of what guards it. */
const isGate = ({ status, headers }: WireResponse): boolean =>
  [401, 403, 407].includes(status) && !String(headers['content-type']).includes('json');
