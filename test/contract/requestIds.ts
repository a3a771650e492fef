import type { RunCheck } from './exchangeRecord.ts';

/** Responses that share their X-Request-Id: whoever asks about one of them is asked which. */
export const findRepeatedRequestIds: RunCheck = (records) => {
  const exchanges = records.flatMap((record) => {
    const id = record.response?.headers['x-request-id'];
    return typeof id === 'string' ? [{ record, id }] : [];
  });
  const repeated = [...Map.groupBy(exchanges, ({ id }) => id).values()].filter(({ length }) => length > 1);
  return repeated.flat().map(({ record, id }) => ({
    record,
    violation: { part: 'X-Request-Id', expected: 'another value in each response', got: JSON.stringify(id) },
  }));
};
