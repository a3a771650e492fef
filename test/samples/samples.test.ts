/**
 * Runs a request to each operation in three languages, with only address and key replaced, against the live server and the
 * mock. Those of createPaymentIntent are the published page's own.
 */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenarios } from '../support/contractDocument.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';

const PAGE_ADDRESS = 'https://api.care360-next.carevalidate.com';
const PAGE_KEY = 'YOUR_SECRET_KEY_HERE';

const hasRequests = spawnSync('python3', ['-c', 'import requests']).status === 0;

const run = promisify(execFile);
// Requests to a server on this machine bypass its proxy.
const env = { ...process.env, NO_PROXY: '*', no_proxy: '*' };

interface Language {
  extension: string;
  command: readonly [string, ...string[]];
  isInstalled: boolean;
  /** The output as JSON. */
  toJson: (output: string) => string;
}

const LANGUAGES: Record<string, Language> = {
  curl: { extension: 'sh', command: ['bash', '-c'], isInstalled: true, toJson: (output) => output },
  JavaScript: {
    extension: 'mjs',
    command: [process.execPath, '--input-type=module', '--eval'],
    isInstalled: true,
    toJson: (output) => output.replaceAll(/(\w+): /g, '"$1": ').replaceAll("'", '"'),
  },
  'Python (if python3 has requests)': {
    extension: 'py',
    command: ['python3', '-c'],
    isInstalled: hasRequests,
    toJson: (output) => output.replaceAll("'", '"').replaceAll('True', 'true'),
  },
};

/** Runs the sample and returns what it prints, with the secret masked. */
async function runSample(
  operationId: string,
  { extension, command: [command, ...args], toJson }: Language,
  { baseUrl, apiKey }: Target,
): Promise<unknown> {
  const sample = readFileSync(new URL(`./${operationId}.${extension}`, import.meta.url), 'utf8');
  const localSample = sample.replace(PAGE_ADDRESS, baseUrl).replace(PAGE_KEY, apiKey);
  const { stdout } = await run(command, [...args, localSample], { env });
  return maskSecret(JSON.parse(toJson(stdout)));
}

const maskSecret = (body: unknown): string =>
  JSON.stringify(body).replace(/(pi|seti)_[A-Za-z0-9]+_secret_[A-Za-z0-9]+/, '<$1 secret>');

const targets = { 'the live server': () => liveTarget(), 'the mock': () => mockTarget() };
const successes = scenarios.filter(({ status }) => status === 200);

describe.each(Object.entries(targets))('a sample, sent to %s', (_name, start) => {
  let target: Target;
  beforeAll(async () => {
    target = await start();
  });
  afterAll(() => target.close());

  describe.each(Object.entries(LANGUAGES))('in %s', (_language, language) => {
    it.skipIf(!language.isInstalled).each(successes)(
      'prints the success response of $operation.operationId',
      async ({ operation, body }) => {
        expect(await runSample(operation.operationId, language, target)).toBe(maskSecret(body));
      },
    );
  });
});
