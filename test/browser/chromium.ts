import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContextOptions, type Page } from 'playwright-core';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Where it is false, the browser tests are skipped, and the report shows them as skipped. */
export const hasChromium = existsSync(CHROMIUM);

/** Without these, Chromium fetches updates and more in the background. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-proxy-server',
];

export interface Browser {
  visit(address: string, options?: BrowserContextOptions): Promise<Visit>;
  close(): Promise<void>;
}

export interface Visit {
  page: Page;
  /** Console messages (except `info`) and uncaught errors. */
  consoleMessages: string[];
  /** Origins that the page sent requests to, such as `http://127.0.0.1:4010`. */
  origins: Set<string>;
}

export async function openBrowser(): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [...ARGUMENTS, `--disk-cache-dir=${profile}`],
  });
  return {
    async visit(address, options = {}) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      const consoleMessages: string[] = [];
      const origins = new Set<string>();
      page.on('console', (message) => {
        if (message.type() !== 'info') consoleMessages.push(`${message.type()}: ${message.text()}`);
      });
      page.on('pageerror', (error) => consoleMessages.push(`error: ${error.message}`));
      page.on('request', (request) => {
        const { protocol, origin } = new URL(request.url());
        if (protocol !== 'data:' && protocol !== 'blob:') origins.add(origin);
      });
      await page.goto(address);
      return { page, consoleMessages, origins };
    },
    async close() {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
