import { setTimeout as sleep } from 'node:timers/promises';
import type { WireResponse } from '../support/exchange.ts';
import type { Case } from './case.ts';
import type { Deployment, Received } from './deployment.ts';
import type { ExchangeRecord, Run, RunCheck } from './exchangeRecord.ts';
import { describeCase, findScenario, judgeExample } from './judge.ts';
import { isBusy, isSilent, sendPatiently, type Tally } from './patience.ts';
import { probe } from './probes.ts';
import type { Settings } from './settings.ts';

/** Twice the deadline of the service. */
const RESPONSE_MS = 20_000;

/** Twice the time that the service waits for headers. */
const BYTES_MS = 10_000;

/** A deployment that starts again, which takes seconds. */
const RESTART_PAUSES_MS = [500, 1_000, 2_000, 4_000];

/** So many cases in a row that time out, or find the deployment busy, end the run. */
const MAX_IN_VAIN = 3;

/** What was done beyond sending each case once. */
interface RunTally extends Tally {
  requests: number;
  /** Responses of 500 and more that were right when the request was repeated. */
  failed: number;
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
    (await sendInOrder(wellFormed, settings, deployment, tally)) ??
    (await sendMalformed(malformed, settings, deployment));
  if (ending !== undefined) {
    const rest = toSend.filter(
      ({ response, violations, skipReason }) => !response && !skipReason && !violations.length,
    );
    for (const record of rest) record.skipReason = 'not sent: the run ended before';
    return { records, findings: [], notes: describeTally(tally), ending };
  }
  const findings = await Promise.all(checks.map(async (check) => check(records, settings, deployment)));
  return { records, findings: findings.flat(), notes: describeTally(tally) };
}

function createRecord(known: Case, settings: Settings): ExchangeRecord {
  const skipReason = findSkipReason(known, settings);
  return { known, request: known.request(settings.apiKey), violations: [], ...(skipReason && { skipReason }) };
}

/** Why a deployment can not be tested with this case; undefined where it can. */
function findSkipReason(
  { arrange, bytes, creates, mayCreate, first = [] }: Case,
  settings: Settings,
): string | undefined {
  if (arrange) return 'no single request leads to it';
  if ((creates || first.length > 0) && !settings.creates) return 'creates an intent: CREATE=1';
  if (mayCreate && !settings.creates) return 'could create an intent: CREATE=1';
  if (first.some(({ byAnotherTenant }) => byAnotherTenant) && settings.secondApiKey === undefined)
    return 'needs the key of another tenant: API_KEY_2';
  if (bytes === undefined) return undefined;
  if (settings.prefix !== '') return 'malformed HTTP, which reaches no server below a path';
  const proxy = settings.proxies[settings.baseUrl.startsWith('https:') ? 'HTTPS_PROXY' : 'HTTP_PROXY'];
  return proxy === undefined ? undefined : 'malformed HTTP, which passes no proxy';
}

/** Returns why it ended early, if it did. */
async function sendInOrder(
  records: readonly ExchangeRecord[],
  settings: Settings,
  deployment: Deployment,
  tally: RunTally,
): Promise<string | undefined> {
  let inVain = 0;
  let last: ExchangeRecord | undefined;
  for (const record of records) {
    const outcome = await sendRecord(record, settings, deployment, tally);
    inVain = outcome === 'in vain' ? inVain + 1 : 0;
    if (outcome === 'gone' || inVain === MAX_IN_VAIN) {
      // Nothing is known of a deployment that has responded to no case.
      if (outcome === 'gone' && last === undefined) leaveUnresolved(record, 'no response');
      return describeEnding(record, last);
    }
    if (record.response !== undefined) last = record;
  }
  return undefined;
}

const leaveUnresolved = (record: ExchangeRecord, skipReason: string): void =>
  void Object.assign(record, { violations: [], skipReason, isUnresolved: true });

function describeEnding({ known, response }: ExchangeRecord, last: ExchangeRecord | undefined): string {
  if (response !== undefined && isBusy(response))
    return `The deployment stays busy: it responds with ${response.status}.`;
  const ending = `The deployment stopped responding at "${describeCase(known)}".`;
  return last === undefined ? ending : `${ending} Its last response was to "${describeCase(last.known)}".`;
}

/** The case was judged; or the deployment was too busy or too slow for that; or it responds to nothing any more. */
type Outcome = 'judged' | 'in vain' | 'gone';

async function sendRecord(
  record: ExchangeRecord,
  settings: Settings,
  deployment: Deployment,
  tally: RunTally,
): Promise<Outcome> {
  const { operation, example, isFreeInFront } = record.known;
  const judge = (response: WireResponse) =>
    isFreeInFront && isClientError(response) ? [] : judgeExample(response, operation, example);
  const send = async () => sendCounted(record, deployment, tally);

  await sendFirst(record, settings, deployment, tally);
  let response = await send();
  let isGone = false;
  if (isSilent(response)) {
    isGone = !(await isBack(deployment));
    if (!isGone) response = await send();
  }
  if (response.status === undefined) {
    record.violations = [{ part: 'response', expected: 'a response', got: response.reason }];
    if (isGone) return 'gone';
    return response.isTimeout ? 'in vain' : 'judged';
  }
  record.response = response;
  if (isBusy(response) && response.status !== findScenario(operation, example).status) {
    leaveUnresolved(record, `busy: ${response.status}`);
    return 'in vain';
  }
  record.violations = judge(response);
  // What should have been refused may have created something, which repeating would do again.
  if (record.violations.length > 0 && response.status >= 300 && !isGone) {
    const repeated = await send();
    if (repeated.status === undefined || judge(repeated).length > 0) return 'judged';
    if (response.status >= 500) {
      tally.failed++;
      record.violations = [];
    } else record.isFlaky = true;
  }
  return isGone ? 'gone' : 'judged';
}

async function sendFirst(
  record: ExchangeRecord,
  { apiKey, secondApiKey }: Settings,
  deployment: Deployment,
  tally: RunTally,
): Promise<void> {
  const { first = [], isFirstAtOnce } = record.known;
  const responses: Promise<Received>[] = [];
  for (const { request, byAnotherTenant } of first) {
    const sent = { request: request(byAnotherTenant ? secondApiKey! : apiKey) };
    responses.push(sendCounted(sent, deployment, tally).finally(() => Object.assign(record, repeatOf(sent))));
    if (!isFirstAtOnce) await responses.at(-1);
  }
  const received = await Promise.all(responses);
  record.first = received.map((one) => (one.status === undefined ? undefined : one));
}

const isClientError = ({ status }: WireResponse): boolean => status >= 400 && status <= 499;

type Sent = Pick<ExchangeRecord, 'request' | 'latencyMs' | 'isRepeated'>;

const repeatOf = ({ isRepeated }: Sent): Partial<Sent> => (isRepeated ? { isRepeated } : {});

async function sendCounted(record: Sent, deployment: Deployment, tally: RunTally): Promise<Received> {
  let count = 0;
  return sendPatiently(async () => {
    tally.requests++;
    if (++count > 1) record.isRepeated = true;
    const startedAt = performance.now();
    const response = await deployment.send(record.request, RESPONSE_MS);
    record.latencyMs = performance.now() - startedAt;
    return response;
  }, tally);
}

/** Whether the deployment responds at all, at once or after it has started again. */
async function isBack(deployment: Deployment): Promise<boolean> {
  for (const pauseMs of [0, ...RESTART_PAUSES_MS]) {
    await sleep(pauseMs);
    if (!isSilent(await deployment.send(probe, BYTES_MS))) return true;
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
      const response = await deployment.sendBytes(sent, BYTES_MS);
      if (response.status === undefined || !hasEnvelope(response)) {
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

function describeTally({ requests, broken, failed, waitedMs }: RunTally): string[] {
  return [
    ...(broken > 0 ? [`Flaky: ${broken} of ${requests} requests got no response until they were repeated.`] : []),
    ...(failed > 0 ? [`Flaky: ${failed} of ${requests} requests failed with 500, and were right when repeated.`] : []),
    ...(waitedMs > 0 ? [`The deployment was busy (429 or 503): waited ${Math.ceil(waitedMs / 1000)} s.`] : []),
  ];
}
