/** The page of the scenarios, as a developer uses it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mockTarget, type Target } from '../../support/targets.ts';
import { hasChromium, openBrowser, type Browser } from '../chromium.ts';

describe.runIf(hasChromium)('the page of the scenarios', () => {
  let mock: Target;
  let browser: Browser;
  beforeAll(async () => {
    [mock, browser] = await Promise.all([mockTarget({ docs: true }), openBrowser()]);
  });
  afterAll(() => Promise.all([mock.close(), browser.close()]));

  const visit = (options = {}) => browser.visit(`${mock.baseUrl}/_mock/scenarios`, options);

  it('sends a scenario, and shows its response', async () => {
    const { page, consoleMessages, origins } = await visit();
    const scenario = page.locator('details', { hasText: 'providerUnavailable' }).first();
    await scenario.locator('summary').click();
    await scenario.getByRole('button', { name: 'Send' }).click();
    const sent = scenario.locator('.sent');
    await expect.poll(() => sent.textContent()).toMatch(/^503\n[\s\S]*mock-scenario: providerUnavailable\n/);
    await expect.poll(() => sent.textContent()).toContain('"message":"Payment provider is unavailable"');
    // Chromium reports each failed response.
    expect(consoleMessages.filter((message) => !message.includes('503'))).toEqual([]);
    expect([...origins]).toEqual([mock.baseUrl]);
  });

  it('copies the command of a scenario', async () => {
    const { page } = await visit({ permissions: ['clipboard-read', 'clipboard-write'] });
    const scenario = page.locator('details', { hasText: 'setupCreated' });
    await scenario.locator('summary').click();
    await scenario.getByRole('button', { name: 'Copy' }).click();
    await expect.poll(() => scenario.getByRole('button', { name: 'Copied' }).count()).toBe(1);
    const copied = await page.evaluate('navigator.clipboard.readText()');
    expect(copied).toMatch(
      /^curl -X POST http:\/\/127\.0\.0\.1:\d+\/api\/v1\/payments\/setup [\s\S]+-H 'Mock-Scenario: setupCreated'$/,
    );
  });

  it('filters by name, status and operation', async () => {
    const { page } = await visit();
    const shown = () => page.locator('details:visible summary code').allTextContents();
    const filter = page.getByRole('searchbox', { name: 'Filter' });
    await filter.fill('amountToo');
    await expect.poll(shown).toEqual(['amountTooSmall', 'amountTooLarge', 'amountTooPrecise']);
    await filter.fill('409 setup');
    await expect.poll(shown).toEqual(['idempotencyKeyReused', 'idempotencyKeyInUse']);
    expect(await page.locator('h2:visible').allTextContents()).toEqual([expect.stringContaining('createSetupIntent')]);
    await filter.fill('');
    await expect.poll(async () => (await shown()).length).toBeGreaterThan(40);
  });

  it('leads to the reference', async () => {
    const { page } = await visit();
    await page.getByRole('link', { name: 'API reference' }).click();
    await expect.poll(() => new URL(page.url()).pathname).toBe('/docs');
  });
});
