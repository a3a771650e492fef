/**
 * `make stryker PART=contract`: changes src/ in small ways, one at a time, and asks the tests of each part whether they notice.
 * Ends with 1 where they notice fewer than 90 of 100.
 *
 * Part by part, so that a mutant is judged by the tests that state its file's promises, in milliseconds, and not by
 * hundreds of requests. Not changed: the fake Stripe, which is a tool of the tests; what `make drift` and `make package`
 * run (generate, packages/pack); the processes (server, dev, mock, apiKey, docsSite, reference) with what starts and ends
 * them (live, tracing), whose tests start processes of their own that don't know which mutant is meant.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Part {
  mutate: readonly string[];
  tests: readonly string[];
}

/** No braces in `mutate`: Stryker splits its list at every comma. */
const parts: Record<string, Part> = {
  pure: {
    mutate: [
      'src/access/apiKeys.ts',
      'src/access/callerAddress.ts',
      'src/config.ts',
      'src/env.ts',
      'src/docs/curl.ts',
      'src/mock/prefer.ts',
      'src/operations/createPaymentIntent.ts',
      'src/payments/idempotency.ts',
      'src/payments/money.ts',
      'src/payments/stripe/errors.ts',
      'src/payments/stripe/intents.ts',
    ],
    tests: [
      'test/unit/access/{apiKeys,callerAddress}.test.ts',
      'test/unit/config.test.ts',
      'test/unit/docs/curl.test.ts',
      'test/unit/mock/prefer.test.ts',
      'test/unit/payments/{idempotency,money}.test.ts',
      'test/unit/payments/stripe/{errors,intents}.test.ts',
      'test/unit/operations/*.test.ts',
    ],
  },
  contract: {
    mutate: ['src/contract/*.ts', '!src/contract/responseValidation.ts'],
    tests: ['test/unit/contract/{document,engine,lint,problems,router}.test.ts'],
  },
  http: {
    mutate: ['app', 'cors', 'engineCall', 'headers', 'reply', 'requestLog'].map((file) => `src/http/${file}.ts`),
    tests: ['test/unit/http/{app,cors}.test.ts'],
  },
  connections: {
    mutate: ['src/http/parserErrors.ts', 'src/http/connections.ts'],
    tests: ['test/unit/http/{connections,parserErrors}.test.ts'],
  },
  stripe: {
    mutate: ['src/payments/stripe/gateway.ts'],
    tests: ['test/unit/payments/stripe/{gateway,retries}.test.ts'],
  },
  stripeHttpClient: {
    mutate: ['src/payments/stripe/httpClient.ts'],
    tests: ['test/unit/payments/stripe/httpClient.test.ts'],
  },
  limits: {
    mutate: ['src/access/rateLimits.ts', 'src/access/redis.ts', 'src/payments/bulkhead.ts'],
    tests: ['test/unit/access/rateLimits.test.ts', 'test/unit/payments/bulkhead.test.ts'],
  },
  answers: { mutate: ['src/contract/responseValidation.ts'], tests: ['test/unit/contract/responseValidation.test.ts'] },
  client: { mutate: ['src/client/*.ts'], tests: ['test/unit/client/*.test.ts'] },
  admin: { mutate: ['src/observability/admin.ts'], tests: ['test/unit/observability/admin.test.ts'] },
  log: {
    mutate: ['src/observability/log.ts', 'src/observability/metrics.ts'],
    tests: ['test/unit/observability/{log,metrics}.test.ts'],
  },
  docs: { mutate: ['src/docs/*.ts'], tests: ['test/unit/docs/*.test.ts'] },
  mock: {
    mutate: ['src/mock/*.ts', '!src/mock/prefer.ts', '!src/mock/server.ts'],
    tests: ['test/unit/mock/{console,contractFile,directives,dynamicData,headerValue,prism,scenarios}.test.ts'],
  },
  mockServer: { mutate: ['src/mock/server.ts'], tests: ['test/unit/mock/{server,daily}.test.ts'] },
};

const root = fileURLToPath(new URL('../..', import.meta.url));
const THRESHOLD = 90;

/** The mutants of a part by how they ended: `Killed`, `Survived`, `NoCoverage`, … */
function runPart({ mutate, tests }: Part): string[] {
  const run = spawnSync('stryker', ['run', 'test/mutation/stryker.config.json', '--mutate', mutate.join(',')], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, MUTATION_TESTS: JSON.stringify(tests) },
  });
  if (run.status !== 0) throw new Error(`Stryker ended with ${run.status}.`);
  const report = JSON.parse(readFileSync(`${root}/reports/mutation/report.json`, 'utf8')) as {
    files: Record<string, { mutants: { status: string }[] }>;
  };
  return Object.values(report.files).flatMap(({ mutants }) => mutants.map(({ status }) => status));
}

const chosen = process.env['PART'];
if (chosen && !parts[chosen]) throw new Error(`PART: expected one of ${Object.keys(parts).join(', ')}, got ${chosen}`);
const outcomes = (chosen ? [parts[chosen]!] : Object.values(parts)).flatMap(runPart);
const count = (...statuses: string[]) => outcomes.filter((status) => statuses.includes(status)).length;
const [noticed, unnoticed] = [count('Killed', 'Timeout'), count('Survived', 'NoCoverage')];
const score = (100 * noticed) / (noticed + unnoticed);
console.log(
  `${noticed} of ${noticed + unnoticed} mutants noticed: ${score.toFixed(1)}, at least ${THRESHOLD} are asked for.`,
);
process.exitCode = score >= THRESHOLD ? 0 : 1;
