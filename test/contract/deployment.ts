/** The cases on a deployment. Run by cli.ts, here and in a package: no server of ours is needed. */
import { describe, inject, it } from 'vitest';
import { curlLine, send, type WireResponse } from '../support/exchange.ts';
import type { Case } from './case.ts';
import { cases } from './cases.ts';
import type { ExchangeRecord } from './exchangeRecord.ts';
import { expectExample, hideSecrets, scenarioOf } from './judge.ts';

const { baseUrl, apiKey, creates } = inject('deployment');

/** Twice as long as the service takes at most. */
const ANSWER_MS = 20_000;

/** Why this can't be had by asking rightly; undefined where it can. */
function unaskedFor({ arrange, bytes, creates: isCreating }: Case): string | undefined {
  if (arrange) return 'no request alone brings it about';
  if (bytes !== undefined) return 'takes broken HTTP';
  return isCreating && !creates ? 'creates an intent: CREATE=1' : undefined;
}

const titled = cases.map((known) => {
  const { operation, example, title } = known;
  return [`${operation.operationId} ${scenarioOf(operation, example).status} ${example}: ${title}`, known] as const;
});

describe(`${baseUrl} keeps the contract`, () => {
  it.for(titled)('%s', async ([, known], { task, skip }) => {
    const { operation, example, title, request } = known;
    const wire = request(apiKey);
    const { operationId } = operation;
    const unasked = unaskedFor(known);
    const curl = curlLine(baseUrl, wire, apiKey);
    const record: ExchangeRecord = { operationId, example, title, curl, ...(unasked && { unasked }) };
    task.meta.exchange = record;
    skip(unasked !== undefined, unasked);
    const signal = AbortSignal.timeout(ANSWER_MS);
    const startedAt = performance.now();
    const fail = (fault: string): never => {
      record.fault = hideSecrets(fault, apiKey);
      throw new Error([record.curl, `→ ${record.answer ?? 'no answer'}`, record.fault].join('\n'));
    };
    const answer: WireResponse = await send(baseUrl, wire, signal).catch((error: Error) =>
      fail(signal.aborted ? `expected an answer within ${ANSWER_MS / 1000} seconds` : error.message),
    );
    record.latencyMs = performance.now() - startedAt;
    record.answer = hideSecrets(`${answer.status} ${answer.text}`, apiKey);
    try {
      expectExample(answer, operation, example);
    } catch (error) {
      const { status, body } = scenarioOf(operation, example);
      const wanted = hideSecrets(`${status} ${JSON.stringify(body)}`, apiKey);
      fail(record.answer === wanted ? (error as Error).message : `expected ${wanted}`);
    }
  });
});
