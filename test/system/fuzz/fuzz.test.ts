import { expect, it } from 'vitest';
import { operations } from '../../support/contractDocument.ts';
import { fuzz } from './fuzz.ts';

it(
  '2,000 mutated requests get only documented responses, create one intent per 200, and leak no connection or memory',
  { timeout: 60_000 },
  async () => {
    const { failures, statuses, intents, connectionsLeft, heapGrowthMb } = await fuzz({ requests: 2_000, seed: 7 });
    expect(failures).toEqual([]);
    // Mutations that all broke requests in the same way would prove nothing.
    expect(Object.keys(statuses)).toEqual(
      expect.arrayContaining(['200', '400', '401', '404', '405', '413', '415', '417']),
    );
    expect(Math.min(...operations.map(({ operationId }) => intents[operationId]!))).toBeGreaterThan(50);
    expect(connectionsLeft).toBe(0);
    expect(heapGrowthMb).toBeLessThan(20);
  },
);
