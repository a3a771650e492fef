/** Runs the request examples of the published page, with only address and key replaced, against the live server and the mock. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';

const PAGE_ADDRESS = 'https://api.care360-next.carevalidate.com';
const PAGE_KEY = 'YOUR_SECRET_KEY_HERE';

const hasRequests = spawnSync('python3', ['-c', 'import requests']).status === 0;

const run = promisify(execFile);
// Requests to a server on this machine bypass its proxy.
const env = { ...process.env, NO_PROXY: '*', no_proxy: '*' };

/** Runs the sample and returns its output on one line, with the secret masked. */
async function runSample(
  file: string,
  [command, ...args]: [string, ...string[]],
  { baseUrl, apiKey }: Target,
): Promise<string> {
  const sample = readFileSync(new URL(`./${file}`, import.meta.url), 'utf8');
  const localSample = sample.replace(PAGE_ADDRESS, baseUrl).replace(PAGE_KEY, apiKey);
  const { stdout } = await run(command, [...args, localSample], { env });
  return stdout
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/pi_[A-Za-z0-9]+_secret_[A-Za-z0-9]+/, '<secret>');
}

const targets = { 'the live server': () => liveTarget(), 'the mock': () => mockTarget() };

describe.each(Object.entries(targets))("the published page's request, sent to %s", (_name, start) => {
  let target: Target;
  beforeAll(async () => {
    target = await start();
  });
  afterAll(() => target.close());

  it('with curl, prints the success response of the page', async () => {
    expect(await runSample('create-intent.sh', ['bash', '-c'], target)).toBe(
      '{"status":200,"success":true,"message":"Payment intent created successfully","data":{"paymentIntentSecret":"<secret>"}}',
    );
  });

  it('with JavaScript, prints the success response of the page', async () => {
    const node: [string, ...string[]] = [process.execPath, '--input-type=module', '--eval'];
    expect(await runSample('create-intent.mjs', node, target)).toBe(
      "{ status: 200, success: true, message: 'Payment intent created successfully', data: { paymentIntentSecret: '<secret>' } }",
    );
  });

  it.skipIf(!hasRequests)(
    'with Python (if python3 has requests), prints the success response of the page',
    async () => {
      expect(await runSample('create-intent.py', ['python3', '-c'], target)).toBe(
        "{'status': 200, 'success': True, 'message': 'Payment intent created successfully', 'data': {'paymentIntentSecret': '<secret>'}}",
      );
    },
  );
});
