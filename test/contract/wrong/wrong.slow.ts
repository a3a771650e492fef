/**
 * Wrong deployments, by kind: the contract tests must notice each, and must create nothing without CREATE=1, whatever is wrong.
 * With UPDATE=1 the tables of the READMEs are written anew.
 */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allCreated } from '../../support/gatewayCalls.ts';
import { runContract } from './command.ts';
import { startDeployment } from './deployment.ts';
import { API_KEY, type Fault } from './fault.ts';
import { faults } from './faults.ts';
import { LEVELS, writePages } from './readme.ts';

const noticed = Object.fromEntries(
  Object.entries(faults).map(([kind, some]) => [
    kind,
    Object.fromEntries(Object.keys(some).map((title) => [title, NaN])),
  ]),
);

/** A sample has every n-th of each kind: a change is tried on a few, and the tables need all. */
const EVERY = Number(process.env['SAMPLE'] || '1');

describe.concurrent.each(Object.entries(faults))('%s', (kind, some) => {
  it.concurrent.each(Object.entries(some).filter((_fault, index) => index % EVERY === 0))(
    '%s',
    async (title, fault) => {
      const { level, created } = await findLevel(fault);
      noticed[kind]![title] = level;
      expect(level, 'unnoticed').toBeLessThan(LEVELS.length);
      expect(created, 'created without CREATE=1').toBe(0);
    },
  );
});

/** The first level at which the fault is noticed, and how many intents were created at level 0. */
async function findLevel(fault: Fault): Promise<{ level: number; created: number }> {
  const settings: Record<string, string> = {};
  let created = 0;
  for (const [level, { settings: more }] of LEVELS.entries()) {
    Object.assign(settings, more);
    const outcome = await runOn(fault, settings);
    if (level === 0) created = outcome.created;
    if (outcome.isNoticed) return { level, created };
  }
  return { level: LEVELS.length, created };
}

async function runOn(fault: Fault, settings: Record<string, string>) {
  const deployment = await startDeployment(fault);
  try {
    const { baseUrl: BASE_URL, stripeUrl: STRIPE_URL, stripe } = deployment;
    const { code, output } = await runContract({ BASE_URL, API_KEY, STRIPE_URL, ...settings });
    // An exit code of 1 alone could be a crash.
    return {
      isNoticed: code === 1 && output.includes('The contract is broken'),
      created: allCreated(stripe.ledger).length,
    };
  } finally {
    await deployment.close();
  }
}

describe.runIf(process.env['UPDATE'] === '1')('the tables of the READMEs', () => {
  it('are written where every deployment was noticed', ({ skip }) => {
    const levels = Object.values(noticed).flatMap((some) => Object.values(some));
    skip(!levels.every((level) => level < LEVELS.length), 'not all deployments were noticed in this run');
    const pages = writePages(noticed);
    for (const [url, page] of pages) writeFileSync(url, page);
    for (const [, page] of pages) expect(page).toContain('| ---');
  });
});
