import { describe, expect, it } from 'vitest';
import type { OperationId } from '../../../src/contract/handler.ts';
import { chaos, type ChaosReport } from './chaos.ts';

/** Time to start, finish the open orders and drain on a busy machine. */
const TIMEOUT_MS = 60_000;

type Count = ChaosReport['operations'][OperationId];
const sum = (counts: readonly Count[], field: keyof Count) => counts.reduce((total, count) => total + count[field], 0);

describe.concurrent('chaos', () => {
  it(
    'creates exactly one intent per order of each operation, and returns each client only its own secret',
    { timeout: TIMEOUT_MS },
    async () => {
      const report = await chaos({ seconds: 8, clients: 12, instances: 2, seed: 7 });
      expect(report.broken).toEqual([]);
      const counts = Object.values(report.operations);
      expect(counts.map(({ intents }) => intents)).toEqual(counts.map(({ orders }) => orders));
      expect(Math.min(...counts.map(({ orders }) => orders))).toBeGreaterThan(0);
      // The run must have had faults of every kind, or it would prove nothing.
      const { kills, stops, drains, logPauses, logClosures, rejected } = report.instances;
      expect(Math.min(kills, stops, drains, logPauses, logClosures, rejected)).toBeGreaterThan(0);
      expect(report.clients.attempts).toBeGreaterThan(sum(counts, 'orders'));
      expect(report.instances.abandoned).toBeGreaterThan(0);
    },
  );

  it('detects duplicate intents when clients send a new key with each retry', { timeout: TIMEOUT_MS }, async () => {
    const report = await chaos({ seconds: 3, clients: 6, instances: 1, seed: 7, breakKeys: true });
    const counts = Object.values(report.operations);
    expect(sum(counts, 'intents')).toBeGreaterThan(sum(counts, 'orders'));
    expect(report.broken).toContainEqual(expect.stringMatching(/has \d+ intents$/));
  });
});
