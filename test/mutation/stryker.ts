/**
 * `make stryker PART=contract`: changes src/ in small ways, one at a time, and runs the tests of each part against each change.
 * Exits with 1 if they detect fewer than 90 of 100 mutants.
 *
 * Runs part by part, so that the tests of a file check its mutants in milliseconds instead of through hundreds of requests.
 * Excluded: the fake Stripe, which is a test tool; the files that `make drift` and `make package` run (generate,
 * packages/pack); the entry points (server, dev, mock, apiKey, docsSite, reference) and what starts and stops them (live,
 * tracing), because their tests start processes in which the mutant is not active.
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
      'src/payments/stripe/paymentIntents.ts',
      'src/payments/stripe/setupIntents.ts',
    ],
    tests: [
      'test/unit/access/{apiKeys,callerAddress}.test.ts',
      'test/unit/config.test.ts',
      'test/unit/docs/curl.test.ts',
      'test/unit/mock/prefer.test.ts',
      'test/unit/payments/{idempotency,money}.test.ts',
      'test/unit/payments/stripe/{errors,intents,paymentIntents}.test.ts',
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

/** The status of each mutant of a part: `Killed`, `Survived`, `NoCoverage`, … */
function runPart({ mutate, tests }: Part): string[] {
  const run = spawnSync('stryker', ['run', 'test/mutation/stryker.config.json', '--mutate', mutate.join(',')], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, MUTATION_TESTS: JSON.stringify(tests) },
  });
  if (run.status !== 0) throw new Error(`Stryker exited with ${run.status}.`);
  const report = JSON.parse(readFileSync(`${root}/reports/mutation/report.json`, 'utf8')) as {
    files: Record<string, { mutants: { status: string }[] }>;
  };
  return Object.values(report.files).flatMap(({ mutants }) => mutants.map(({ status }) => status));
}

const chosenPart = process.env['PART'];
if (chosenPart && !parts[chosenPart])
  throw new Error(`PART: expected one of ${Object.keys(parts).join(', ')}, got ${chosenPart}`);
const statuses = (chosenPart ? [parts[chosenPart]!] : Object.values(parts)).flatMap(runPart);
const count = (...selected: string[]) => statuses.filter((status) => selected.includes(status)).length;
const [detected, undetected] = [count('Killed', 'Timeout'), count('Survived', 'NoCoverage')];
const score = (100 * detected) / (detected + undetected);
console.log(
  `${detected} of ${detected + undetected} mutants detected: ${score.toFixed(1)}, required: at least ${THRESHOLD}.`,
);
process.exitCode = score >= THRESHOLD ? 0 : 1;
