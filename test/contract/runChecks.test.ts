/** What the whole run finds, beyond single responses. Wrong deployments of many kinds: wrong/. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { liveTarget } from '../support/targets.ts';
import type { Case } from './case.ts';
import { cases } from './cases.ts';
import { openDeployment } from './deployment.ts';
import { createReport } from './report.ts';
import { runCases } from './run.ts';
import { runChecks } from './runChecks.ts';
import { readSettings } from './settings.ts';

let live: Awaited<ReturnType<typeof liveTarget>>;
beforeAll(async () => {
  live = await liveTarget();
});
afterAll(() => live.close());
// The keys of the cases are new in each process, not in each run.
beforeEach(() => live.stripe.reset());

/** Cases that a server takes its time for are tested on their own. */
const quick = cases.filter(({ bytes }) => bytes === undefined);

async function runWith(some: readonly Case[], ...more: string[]) {
  const { baseUrl, apiKey, secondApiKey, stripe } = live;
  const given = [`BASE_URL=${baseUrl}`, `API_KEY=${apiKey}`, `API_KEY_2=${secondApiKey}`, `STRIPE_URL=${stripe.url}`];
  const settings = readSettings([...given, ...more], {});
  return createReport(settings, await runCases(some, runChecks, settings, openDeployment(settings)));
}

describe('a run on a right deployment', () => {
  it.each(['pk_test_contract', 'rk_test_contract'])(
    'finds nothing wrong with its intents at Stripe, as %s reads them',
    async (key) => {
      const report = await runWith(quick, 'CREATE=1', `STRIPE_KEY=${key}`);
      expect(report.causes).toEqual([]);
      expect(report.verdict).toBe('kept');
    },
  );

  it('is unknown where Stripe does not show an intent', async () => {
    const busy = createServer((_request, response) => response.writeHead(429).end('{}'));
    await once(busy.listen(0, '127.0.0.1'), 'listening');
    const { port } = busy.address() as AddressInfo;
    const report = await runWith(
      quick.slice(-1),
      'CREATE=1',
      'STRIPE_KEY=pk_test_1',
      `STRIPE_URL=http://127.0.0.1:${port}`,
    );
    busy.close().closeAllConnections();
    expect(report.verdict).toBe('unknown');
    expect(report.cases).toMatchObject([{ skipReason: 'Stripe does not show its intent: 429' }]);
  });

  it('creates nothing without CREATE=1', async () => {
    await runWith(quick);
    expect(live.stripe.ledger.requestCount).toBe(0);
  });
});
