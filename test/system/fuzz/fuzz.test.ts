import { expect, it } from 'vitest';
import { fuzz } from './fuzz.ts';

it(
  '2,000 requests with changed bytes: only answers of the contract, an intent for each 200, and nothing left',
  { timeout: 60_000 },
  async () => {
    const { failures, statuses, connectionsLeft, heapGrowthMb } = await fuzz({ requests: 2_000, seed: 7 });
    expect(failures).toEqual([]);
    // Changes that only ever broke requests in one way would promise nothing.
    expect(Object.keys(statuses)).toEqual(
      expect.arrayContaining(['200', '400', '401', '404', '405', '413', '415', '417']),
    );
    expect(connectionsLeft).toBe(0);
    expect(heapGrowthMb).toBeLessThan(20);
  },
);
