export interface Part {
  mutate: readonly string[];
  tests: readonly string[];
}

/** The files of src/ and the tests that check their mutants. No braces in `mutate`: Stryker splits its list at every comma. */
export const parts: Readonly<Record<string, Part>> = {
  pure: {
    mutate: [
      'src/access/apiKeys.ts',
      'src/access/callerAddress.ts',
      'src/config.ts',
      'src/env.ts',
      'src/nearest.ts',
      'src/operations/*.ts',
      'src/payments/gateway.ts',
      'src/payments/idempotency.ts',
      'src/payments/money.ts',
      'src/payments/stripe/*.ts',
      '!src/payments/stripe/gateway.ts',
      '!src/payments/stripe/httpClient.ts',
      '!src/payments/stripe/secretKey.ts',
    ],
    tests: [
      'test/unit/access/{apiKeys,callerAddress}.test.ts',
      'test/unit/{config,nearest}.test.ts',
      'test/unit/mock/config.test.ts',
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
    mutate: ['body', 'connections', 'parserErrors'].map((file) => `src/http/${file}.ts`),
    tests: ['test/unit/http/{body,connections,parserErrors}.test.ts'],
  },
  stripe: {
    mutate: ['src/payments/stripe/gateway.ts', 'src/payments/stripe/secretKey.ts'],
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
    mutate: ['console', 'log', 'logDestination', 'metrics'].map((file) => `src/observability/${file}.ts`),
    tests: ['test/unit/observability/{console,log,logDestination,metrics}.test.ts'],
  },
  docs: { mutate: ['src/docs/*.ts'], tests: ['test/unit/docs/*.test.ts'] },
  mock: {
    mutate: ['src/mock/*.ts', '!src/mock/command.ts', '!src/mock/server.ts', '!src/mock/watch.ts'],
    tests: [
      'test/unit/mock/{config,console,contractFile,directives,dynamicData,headerValue,idempotencyKeys,index}.test.ts',
      'test/unit/mock/{msw,next,prefer,prism,scenarios}.test.ts',
    ],
  },
  mockServer: {
    mutate: ['src/mock/server.ts', 'src/mock/watch.ts'],
    tests: ['test/unit/mock/{server,daily}.test.ts'],
  },
};

/** Files that no part changes, and why. */
export const unchanged: readonly { files: readonly string[]; reason: string }[] = [
  { files: ['src/fake-stripe/*.ts'], reason: 'a test tool' },
  {
    files: ['src/tools/{generate,lintContract,mockFiles}.ts', 'src/tools/packages/pack.ts'],
    reason: 'run by make drift, make lint and make package',
  },
  {
    files: [
      'src/{dev,live,mock,server,shutdown}.ts',
      'src/mock/command.ts',
      'src/observability/tracing.ts',
      'src/tools/{apiKey,docsSite,reference}.ts',
    ],
    reason: 'their tests start processes, in which no mutant is active',
  },
];
