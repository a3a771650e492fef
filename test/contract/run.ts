import { setTimeout as sleep } from 'node:timers/promises';
import type { WireResponse } from '../support/exchange.ts';
import type { Case } from './case.ts';
import { type Deployment, NoResponse } from './deployment.ts';
import type { ExchangeRecord, Run, RunCheck } from './exchangeRecord.ts';
import { describeCase, findScenario, judgeExample } from './judge.ts';
import { isBusy, waitAsTold } from './patience.ts';
import { probe } from './probes.ts';
import type { Settings } from './settings.ts';

/** Twice the deadline of the service. */
const RESPONSE_MS = 20_000;

/** Twice the time that the service waits for headers. */
const BYTES_MS = 10_000;

/** Where one connection in 20 is reset, five in a row are one request in three million. */
const PAUSES_MS = [50, 100, 200, 400];

/** A deployment that starts again, which takes seconds. */
const RESTART_PAUSES_MS = [500, 1_000, 2_000, 4_000];

/** So many cases in a row that time out, or find the deployment busy, end the run. */
const MAX_IN_VAIN = 3;

/** What was done beyond sending each case once. */
interface Tally {
  requests: number;
  /** Requests without a response that got one when they were repeated. */
  broken: number;
  /** Responses of 500 and more that were right when the request was repeated. */
  failed: number;
  waitedMs: number;
}

/** Sends the cases to a deployment, one after the other, and judges the responses. */
export async function runCases(
  cases: readonly Case[],
  checks: readonly RunCheck[],
  settings: Settings,
  deployment: Deployment,
): Promise<Run> {
  const tally = { requests: 0, broken: 0, failed: 0, waitedMs: 0 };
  const records = cases.map((known) => createRecord(known, settings));
  const toSend = records.filter(({ skipReason }) => skipReason === undefined);
  const malformed = toSend.filter(({ known }) => known.bytes !== undefined);
  const wellFormed = toSend.filter(({ known }) => known.bytes === undefined);
  const ending =
    (await sendInOrder(wellFormed, deployment, tally)) ?? (await sendMalformed(malformed, settings, deployment));
  const findings = await Promise.all(checks.map(async (check) => check(records, settings, deployment)));
  return { records, findings: findings.flat(), notes: describeTally(tally), ...(ending && { ending }) };
}

function createRecord(known: Case, settings: Settings): ExchangeRecord {
  const skipReason = findSkipReason(known, settings);
  return { known, request: known.request(settings.apiKey), violations: [], ...(skipReason && { skipReason }) };
}

/** Why a deployment can not be tested with this case; undefined where it can. */
function findSkipReason({ arrange, bytes, creates, mayCreate }: Case, settings: Settings): string | undefined {
  if (arrange) return 'no single request leads to it';
  if (creates && !settings.creates) return 'creates an intent: CREATE=1';
  if (mayCreate && !settings.creates) return 'could create an intent: CREATE=1';
  if (bytes === undefined) return undefined;
  if (settings.prefix !== '') return 'malformed HTTP, which reaches no server below a path';
  const proxy = settings.proxies[settings.baseUrl.startsWith('https:') ? 'HTTPS_PROXY' : 'HTTP_PROXY'];
  return proxy === undefined ? undefined : 'malformed HTTP, which passes no proxy';
}

/** Returns why it ended early, if it did. */
async function sendInOrder(
  records: readonly ExchangeRecord[],
  deployment: Deployment,
  tally: Tally,
): Promise<string | undefined> {
  let inVain = 0;
  let last: ExchangeRecord | undefined;
  for (const [index, record] of records.entries()) {
    const outcome = await sendRecord(record, deployment, tally);
    inVain = outcome === 'in vain' ? inVain + 1 : 0;
    if (outcome === 'gone' || inVain === MAX_IN_VAIN) {
      for (const rest of records.slice(index + 1)) rest.skipReason = 'not sent: the run ended before';
      if (last === undefined) resolveNothing(record);
      return describeEnding(record, last);
    }
    if (record.response !== undefined) last = record;
  }
  return undefined;
}

/** Nothing is known of a deployment that has responded to no case. */
const resolveNothing = (record: ExchangeRecord): void =>
  void Object.assign(record, { violations: [], isUnresolved: true });

function describeEnding({ known, response }: ExchangeRecord, last: ExchangeRecord | undefined): string {
  if (response !== undefined && isBusy(response))
    return `The deployment stays busy: it responds with ${response.status}.`;
  const ending = `The deployment stopped responding at "${describeCase(known)}".`;
  return last === undefined ? ending : `${ending} Its last response was to "${describeCase(last.known)}".`;
}

/** The case was judged; or the deployment was too busy or too slow for that; or it responds to nothing any more. */
type Outcome = 'judged' | 'in vain' | 'gone';

async function sendRecord(record: ExchangeRecord, deployment: Deployment, tally: Tally): Promise<Outcome> {
  const { operation, example } = record.known;
  const isRight = (got: WireResponse | NoResponse): boolean =>
    !(got instanceof NoResponse) && judgeExample(got, operation, example).length === 0;

  let response = await sendPatiently(record, deployment, tally);
  let isGone = false;
  if (isSilent(response)) {
    isGone = !(await isBack(deployment));
    if (!isGone && !isTimeout(response)) response = await sendPatiently(record, deployment, tally);
  }
  if (response instanceof NoResponse) {
    record.violations = [{ part: 'response', expected: 'a response', got: response.message }];
    if (isGone) return 'gone';
    return response.isTimeout ? 'in vain' : 'judged';
  }
  record.response = response;
  if (isBusy(response) && response.status !== findScenario(operation, example).status) {
    Object.assign(record, { skipReason: `busy: ${response.status}`, isUnresolved: true });
    return 'in vain';
  }
  record.violations = judgeExample(response, operation, example);
  // What should have been refused may have created something, which repeating would do again.
  const isRepeated = record.violations.length > 0 && response.status >= 300 && !isGone;
  if (isRepeated && isRight(await sendPatiently(record, deployment, tally))) {
    if (response.status >= 500) {
      tally.failed++;
      record.violations = [];
    } else record.isFlaky = true;
  }
  return isGone ? 'gone' : 'judged';
}

/** Sends the request until a response comes, as long as the deployment asks to wait or closes the connection. */
async function sendPatiently(
  record: ExchangeRecord,
  deployment: Deployment,
  tally: Tally,
): Promise<WireResponse | NoResponse> {
  const send = async (): Promise<WireResponse> => {
    tally.requests++;
    const startedAt = performance.now();
    const response = await deployment.send(record.request, RESPONSE_MS);
    record.latencyMs = performance.now() - startedAt;
    return response;
  };
  for (let repeats = 0; ; repeats++) {
    const response = await waitAsTold(send, (ms) => (tally.waitedMs += ms)).catch(asNoResponse);
    if (!isSilent(response)) tally.broken += repeats;
    const pauseMs = PAUSES_MS[repeats];
    if (!isSilent(response) || pauseMs === undefined || (isTimeout(response) && repeats > 0)) return response;
    await sleep(pauseMs);
  }
}

function asNoResponse(error: unknown): NoResponse {
  if (error instanceof NoResponse) return error;
  throw error;
}

/** No response, or one of a gateway that gets none. */
const isSilent = (response: WireResponse | NoResponse): boolean =>
  response instanceof NoResponse || response.status === 502 || response.status === 504;

const isTimeout = (response: WireResponse | NoResponse): boolean =>
  response instanceof NoResponse && response.isTimeout;

/** Whether the deployment responds at all, at once or after it has started again. */
async function isBack(deployment: Deployment): Promise<boolean> {
  for (const pauseMs of [0, ...RESTART_PAUSES_MS]) {
    await sleep(pauseMs);
    if (!isSilent(await deployment.send(probe, BYTES_MS).catch(asNoResponse))) return true;
  }
  return false;
}

/**
 * What no HTTP client sends, all at once, as a server takes its time for some of it. Something in front of the deployment may
 * respond instead, or close the connection: only a response in the contract's own shape is judged.
 *
 * Returns why the run ended, if the deployment did not survive this.
 */
async function sendMalformed(
  records: readonly ExchangeRecord[],
  { baseUrl }: Settings,
  deployment: Deployment,
): Promise<string | undefined> {
  const { host } = new URL(baseUrl);
  await Promise.all(
    records.map(async (record) => {
      const { bytes = '', operation, example } = record.known;
      const sent = bytes.replace('\r\nHost: a\r\n', `\r\nHost: ${host}\r\n`);
      const response = await deployment.sendBytes(sent, BYTES_MS).catch(asNoResponse);
      if (response instanceof NoResponse || !hasEnvelope(response)) {
        record.skipReason = 'malformed HTTP: something in front responds to it, or nothing does';
        return;
      }
      record.response = response;
      record.violations = judgeExample(response, operation, example);
    }),
  );
  const unanswered = records.find(({ response }) => response === undefined);
  if (unanswered === undefined || (await isBack(deployment))) return undefined;
  unanswered.violations = [{ part: 'response', expected: 'a deployment that survives the request', got: 'none' }];
  delete unanswered.skipReason;
  return `The deployment stopped responding after malformed HTTP: ${records.map(({ known }) => known.title).join(', ')}.`;
}

/** Failures of this contract are JSON objects with the field `success`. */
function hasEnvelope({ text }: WireResponse): boolean {
  try {
    return Object.hasOwn(JSON.parse(text) as object, 'success');
  } catch {
    return false;
  }
}

function describeTally({ requests, broken, failed, waitedMs }: Tally): string[] {
  return [
    ...(broken > 0 ? [`Flaky: ${broken} of ${requests} requests got no response until they were repeated.`] : []),
    ...(failed > 0 ? [`Flaky: ${failed} of ${requests} requests failed with 500, and were right when repeated.`] : []),
    ...(waitedMs > 0 ? [`The deployment was busy (429 or 503): waited ${Math.ceil(waitedMs / 1000)} s.`] : []),
  ];
}
