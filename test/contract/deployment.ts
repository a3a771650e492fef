/** The cases on a deployment. Run by cli.ts, here and in a package: no server of ours is needed. */
import { describe, inject, it } from 'vitest';
import { curlLine, send, type WireResponse } from '../support/exchange.ts';
import type { Case } from './case.ts';
import { cases } from './cases.ts';
import type { ExchangeRecord } from './exchangeRecord.ts';
import { expectExample, hideSecrets, findScenario } from './judge.ts';

const { baseUrl, apiKey, creates } = inject('deployment');

/** Twice as long as the service takes at most. */
const RESPONSE_MS = 20_000;

const titled = cases.map((known) => {
  const { operation, example, title } = known;
  return [`${operation.operationId} ${findScenario(operation, example).status} ${example}: ${title}`, known] as const;
});

describe(`${baseUrl} keeps the contract`, () => {
  it.for(titled)('%s', async ([, known], { task, skip }) => {
    const record = newRecord(known);
    task.meta.exchange = record;
    skip(record.unasked !== undefined, record.unasked);
    await ask(known, record)
      .then((response) => expectExample(response, known.operation, known.example))
      .catch((error: Error) => {
        record.fault = hideSecrets(describeFault(known, record, error), apiKey);
        // Without its cause, which could hold a secret.
        throw new Error([record.curl, `→ ${record.response ?? 'no answer'}`, record.fault].join('\n'));
      });
  });
});

function newRecord(known: Case): ExchangeRecord {
  const { operation, example, title, request } = known;
  const unasked = findSkipReason(known);
  return {
    operationId: operation.operationId,
    example,
    title,
    curl: curlLine(baseUrl, request(apiKey), apiKey),
    ...(unasked && { unasked }),
  };
}

/** Why this can't be had by asking rightly; undefined where it can. */
function findSkipReason({ arrange, bytes, creates: isCreating }: Case): string | undefined {
  if (arrange) return 'no request alone brings it about';
  if (bytes !== undefined) return 'takes broken HTTP';
  return isCreating && !creates ? 'creates an intent: CREATE=1' : undefined;
}

/** Writes down what comes back. */
async function ask({ request }: Case, record: ExchangeRecord): Promise<WireResponse> {
  const signal = AbortSignal.timeout(RESPONSE_MS);
  const startedAt = performance.now();
  const response = await send(baseUrl, request(apiKey), signal).catch((error: Error) => {
    throw signal.aborted ? new Error(`expected an answer within ${RESPONSE_MS / 1000} seconds`) : error;
  });
  record.latencyMs = performance.now() - startedAt;
  record.response = hideSecrets(`${response.status} ${response.text}`, apiKey);
  return response;
}

/** What the contract wants instead: another answer, or more than one sees in this one. */
function describeFault({ operation, example }: Case, { response }: ExchangeRecord, error: Error): string {
  const { status, body } = findScenario(operation, example);
  const wanted = hideSecrets(`${status} ${JSON.stringify(body)}`, apiKey);
  return response === undefined || response === wanted ? error.message : `expected ${wanted}`;
}
