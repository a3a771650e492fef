/** The cases on a deployment. Run by cli.ts, here and in the package; starts no server. */
import { describe, inject, it } from 'vitest';
import { curlLine, send, type WireResponse } from '../support/exchange.ts';
import type { Case } from './case.ts';
import { cases } from './cases.ts';
import type { ExchangeRecord } from './exchangeRecord.ts';
import { expectExample, hideSecrets, findScenario } from './judge.ts';

const { baseUrl, apiKey, creates } = inject('deployment');

/** Twice the deadline of the service. */
const RESPONSE_MS = 20_000;

const titled = cases.map((known) => {
  const { operation, example, title } = known;
  return [`${operation.operationId} ${findScenario(operation, example).status} ${example}: ${title}`, known] as const;
});

describe(`${baseUrl} keeps the contract`, () => {
  it.for(titled)('%s', async ([, known], { task, skip }) => {
    const record = newRecord(known);
    task.meta.exchange = record;
    skip(record.skipReason !== undefined, record.skipReason);
    await sendCase(known, record)
      .then((response) => expectExample(response, known.operation, known.example))
      .catch((error: Error) => {
        record.violation = hideSecrets(describeViolation(known, record, error), apiKey);
        // Without its cause, which could hold a secret.
        throw new Error([record.curl, `→ ${record.response ?? 'no response'}`, record.violation].join('\n'));
      });
  });
});

function newRecord(known: Case): ExchangeRecord {
  const { operation, example, title, request } = known;
  const skipReason = findSkipReason(known);
  return {
    operationId: operation.operationId,
    example,
    title,
    curl: curlLine(baseUrl, request(apiKey), apiKey),
    ...(skipReason && { skipReason }),
  };
}

/** Why a deployment can not be tested with this case; undefined where it can. */
function findSkipReason({ arrange, bytes, creates: isCreating }: Case): string | undefined {
  if (arrange) return 'no single request leads to it';
  if (bytes !== undefined) return 'needs malformed HTTP';
  return isCreating && !creates ? 'creates an intent: CREATE=1' : undefined;
}

/** Sends the request, and records the response. */
async function sendCase({ request }: Case, record: ExchangeRecord): Promise<WireResponse> {
  const signal = AbortSignal.timeout(RESPONSE_MS);
  const startedAt = performance.now();
  const response = await send(baseUrl, request(apiKey), signal).catch((error: Error) => {
    throw signal.aborted ? new Error(`expected a response within ${RESPONSE_MS / 1000} seconds`) : error;
  });
  record.latencyMs = performance.now() - startedAt;
  record.response = hideSecrets(`${response.status} ${response.text}`, apiKey);
  return response;
}

/** What the contract expects instead: another response, or what the body alone does not show. */
function describeViolation({ operation, example }: Case, { response }: ExchangeRecord, error: Error): string {
  const { status, body } = findScenario(operation, example);
  const expected = hideSecrets(`${status} ${JSON.stringify(body)}`, apiKey);
  return response === undefined || response === expected ? error.message : `expected ${expected}`;
}
