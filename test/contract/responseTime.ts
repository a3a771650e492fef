import type { RunCheck } from './exchangeRecord.ts';

/** The deadline of the service, and what the way there and back may take. */
const DEADLINE_MS = 10_000;
const MARGIN_MS = 2_000;

/** Responses that came later than the service promises. */
export const findLateResponses: RunCheck = (records) =>
  records
    .filter(({ response, latencyMs = 0 }) => response !== undefined && latencyMs > DEADLINE_MS + MARGIN_MS)
    .map((record) => ({
      record,
      violation: {
        part: 'time',
        expected: `a response within ${DEADLINE_MS / 1_000} seconds`,
        got: `one after ${(record.latencyMs! / 1_000).toFixed(1)} seconds`,
      },
    }));
