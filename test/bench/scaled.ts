/**
 * Our server on a contract with many operations (`node scaled.ts 500`), copies of the first one, with handlers that respond at
 * once.
 */
import document from '../../generated/openapi.json' with { type: 'json' };
import { buildApp } from '../../src/http/app.ts';
import { keyring } from '../../src/access/apiKeys.ts';
import { readConfig } from '../../src/config.ts';
import { openContract } from '../../src/contract/engine.ts';
import { createRateLimits } from '../../src/access/rateLimits.ts';
import { pino } from 'pino';
import { createMetrics } from '../../src/observability/metrics.ts';

const [[path, item]] = Object.entries(document.paths) as [
  [string, (typeof document.paths)[keyof typeof document.paths]],
];
const paths = Array.from({ length: Number(process.argv[2]) }, (_, index) => [
  `${path}/${index}`,
  { post: { ...item.post, operationId: `${item.post.operationId}${index}` } },
]);

const { BENCH_STRIPE_URL: _, ...env } = process.env;
const config = readConfig(env);
const logger = pino({ level: config.logLevel });
const app = await buildApp({
  contract: await openContract(
    { ...document, paths: Object.fromEntries(paths) },
    {
      notImplemented: async (_request, { examples: [created] }) => created!,
    },
  ),
  authenticate: keyring(config.apiKeys),
  limits: createRateLimits(config),
  logger,
  metrics: createMetrics(),
});
await app.listen({ host: config.host, port: config.port });
