import { describe, expect, it } from 'vitest';
import { chaos } from './chaos.ts';

/** Time to start, finish the open payments and drain on a busy machine. */
const TIMEOUT_MS = 60_000;

describe.concurrent('chaos', () => {
  it(
    'creates exactly one intent per payment, and returns each client only its own secret',
    { timeout: TIMEOUT_MS },
    async () => {
      const report = await chaos({ seconds: 8, clients: 12, instances: 2, seed: 7 });
      expect(report.broken).toEqual([]);
      expect(report.intents).toBe(report.payments);
      // The run must have had faults of every kind, or it would prove nothing.
      const { kills, stops, drains, logPauses, logClosures, rejected } = report.instances;
      expect(Math.min(kills, stops, drains, logPauses, logClosures, rejected)).toBeGreaterThan(0);
      expect(report.clients.attempts).toBeGreaterThan(report.payments);
      expect(report.instances.abandoned).toBeGreaterThan(0);
    },
  );

  it('detects duplicate intents when clients send a new key with each retry', { timeout: TIMEOUT_MS }, async () => {
    const { broken, payments, intents } = await chaos({
      seconds: 3,
      clients: 6,
      instances: 1,
      seed: 7,
      breakKeys: true,
    });
    expect(intents).toBeGreaterThan(payments);
    expect(broken).toContainEqual(expect.stringMatching(/has \d+ intents$/));
  });
});
