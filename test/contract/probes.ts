import { type DocumentedOperation, operations } from '../support/contractDocument.ts';
import type { Case } from './case.ts';
import { cases } from './cases.ts';
import type { Deployment, Received } from './deployment.ts';
import { findScenario } from './judge.ts';
import { isBusy, isSilent, sendPatiently } from './patience.ts';
import type { Settings } from './settings.ts';
import { findStripeObstacle } from './stripeIntents.ts';

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
export const findObstacle = async (settings: Settings, deployment: Deployment): Promise<string | undefined> =>
  (await findUnreachable(settings, deployment)) ??
  (await findRefusal(settings, deployment)) ??
  (await findStripeObstacle(settings));

/** The key is not sent: a server that redirects to https has read everything in clear by then. */
async function findUnreachable({ baseUrl }: Settings, deployment: Deployment): Promise<string | undefined> {
  const send = baseUrl.startsWith('https:') ? deployment.send : deployment.sendBare;
  const response = await sendPatiently(() => send(probe, FIRST_MS));
  if (response.status === undefined) return `${baseUrl} does not respond: ${response.reason}`;
  if (isSilent(response)) return `${baseUrl} does not respond: a gateway in front of it says ${response.status}`;
  if (isBusy(response)) return describeBusy(baseUrl, response);
  const { location } = response.headers;
  if (response.status < 300 || response.status > 399 || typeof location !== 'string') return undefined;
  const target = URL.parse(location, baseUrl + path);
  return `${baseUrl} redirects to ${target?.host ? target.origin + target.pathname : location}: BASE_URL must be the address that responds.`;
}

/**
 * The key is refused where every request gets the 401 of the contract, whatever else is wrong with it. A deployment that sends it
 * only sometimes, or with another body, breaks the contract for any key, which the cases report. A 429 says nothing: strangers are
 * limited, too.
 */
async function findRefusal({ baseUrl, apiKey }: Settings, deployment: Deployment): Promise<string | undefined> {
  const ask = async ({ operation, request }: Case) => ({
    operation,
    response: await deployment.send(request(apiKey), KEY_MS),
  });
  const asked = await Promise.all(keyProbes.map(ask));
  let told = asked.filter(({ response }) => !isBusy(response) && !isSilent(response));
  if (told.length === 0 && asked.some(({ response }) => isBusy(response))) {
    const [{ operation, request }] = keyProbes as [Case];
    const response = await sendPatiently(() => deployment.send(request(apiKey), KEY_MS));
    if (isBusy(response)) return describeBusy(baseUrl, response);
    told = isSilent(response) ? [] : [{ operation, response }];
  }
  const [first] = told;
  if (first === undefined) return undefined;
  if (told.every(({ operation, response }) => isRefusal(operation, response)))
    return `${baseUrl} refuses the API key: every request with it gets 401. Nothing else was tested.`;
  if (told.every(({ response }) => isGate(response)))
    return `Something in front of ${baseUrl} refuses every request: ${first.response.status}. Nothing was tested. A gateway may need HEADER='Name: value'.`;
  return undefined;
}

const describeBusy = (baseUrl: string, { status }: Received): string =>
  `${baseUrl} is busy: it responds with ${status}.`;

function isRefusal(operation: DocumentedOperation, response: Received): boolean {
  const refusal = findScenario(operation, 'invalidApiKey');
  return response.status === refusal.status && response.text === JSON.stringify(refusal.body);
}

/** No response of an API, but of what guards it. */
const isGate = (response: Received): boolean =>
  (response.status === 401 || response.status === 403 || response.status === 407) &&
  !String(response.headers['content-type']).includes('json');
