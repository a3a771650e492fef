import { describe, expect, it } from 'vitest';
import { chaos } from './chaos.ts';

/** The time that starting, ending in calm and draining may take on a busy machine. */
const TIMEOUT_MS = 60_000;

describe.concurrent('chaos', () => {
  it(
    'leaves one intent for each payment, and answers everyone with their own secret',
    { timeout: TIMEOUT_MS },
    async () => {
      const report = await chaos({ seconds: 8, clients: 12, instances: 2, seed: 7 });
      expect(report.broken).toEqual([]);
      expect(report.intents).toBe(report.payments);
      // It was no quiet run.
      const { kills, stops, drains, logPauses, logClosures, refused } = report.instances;
      expect(Math.min(kills, stops, drains, logPauses, logClosures, refused)).toBeGreaterThan(0);
      expect(report.clients.attempts).toBeGreaterThan(report.payments);
      expect(report.instances.abandoned).toBeGreaterThan(0);
    },
  );

  it('breaks, where clients send another key with each retry', { timeout: TIMEOUT_MS }, async () => {
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
