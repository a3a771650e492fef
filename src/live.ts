import type { Server } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import document from '../generated/openapi.json' with { type: 'json' };
import { serveAdmin } from './observability/admin.ts';
import { createResponseValidator } from './contract/responseValidation.ts';
import { buildApp } from './http/app.ts';
import { keyring } from './access/apiKeys.ts';
import { closeAfter, isLastInPipeline } from './http/connections.ts';
import type { Config } from './config.ts';
import { openContract } from './contract/engine.ts';
import { localMock, type Docs } from './docs/files.ts';
import { registerDocs } from './docs/routes.ts';
import { createRateLimits } from './access/rateLimits.ts';
import { oncePerSecond } from './observability/log.ts';
import { createMetrics, type Metrics } from './observability/metrics.ts';
import { liveHandlers } from './operations/index.ts';
import { bulkhead } from './payments/bulkhead.ts';
import { stripeGateway } from './payments/stripe/gateway.ts';
import { DEADLINE_MS, drain, stopTimeoutMs } from './shutdown.ts';

export interface LiveServer {
  /** `http://127.0.0.1:3000`. */
  url: string;
  /** Metrics and health: `http://127.0.0.1:9090`. */
  adminUrl: string;
  /** Drains, then closes: no request is lost. */
  stop(): Promise<void>;
  stopsWithinMs: number;
}

/** Starts the live server. `stripeUrl` replaces the real Stripe; `playground` configures where the API reference sends requests. */
export async function serve(
  config: Config,
  logger: FastifyBaseLogger,
  stripeUrl?: URL,
  playground: Omit<Docs, 'document'> = choosePlayground(config),
): Promise<LiveServer> {
  const metrics = createMetrics();
  // Loaded only if configured: ioredis is a sixth of all code loaded at the start.
  const redis = config.redisUrl ? (await import('./access/redis.ts')).connectRedis(config.redisUrl, logger) : undefined;
  const rateLimits = createRateLimits(config, redis);
  const gateway = bulkhead(
    stripeGateway({
      secretKey: config.stripeSecretKey,
      deadlineMs: DEADLINE_MS - config.stripeQueueTimeoutMs,
      onAttempt: metrics.countAttempt,
      ...(stripeUrl && { baseUrl: stripeUrl }),
    }),
    {
      maxInFlight: config.stripeMaxInFlight,
      maxQueued: config.stripeMaxQueued,
      maxWaitMs: config.stripeQueueTimeoutMs,
    },
  );
  metrics.watch({ bulkhead: gateway, limits: rateLimits });
  const handlers = liveHandlers(gateway);
  const contract = await openContract(document, { handlers });
  const app = await buildApp({
    contract,
    authenticate: keyring(config.apiKeys),
    limits: rateLimits,
    logger,
    metrics,
    validateResponse: config.validateResponses
      ? createResponseValidator(contract.operations, { logger, metrics })
      : undefined,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
  });
  if (config.docs) registerDocs(app, { document, ...playground });
  let stopping: Promise<void> | undefined;
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (stopping && isLastInPipeline(reply.raw)) closeAfter(reply.raw);
    done(null, payload);
  });
  // The start has not yielded to the event loop so far. A signal received until now ends the process here, before any client connects.
  await nextTurn();
  const admin = await serveAdmin({ host: config.adminHost, port: config.adminPort, metrics, isReady: () => !stopping });
  limitConnections(app.server, config.maxConnections, logger, metrics);
  const url = await app.listen({ host: config.host, port: config.port });
  logger.info({ url, adminUrl: admin.url }, 'listening');

  async function stop(): Promise<void> {
    logger.info({ drainMs: config.drainMs }, 'draining');
    await drain(app, config.drainMs);
    await gateway.close();
    rateLimits.close();
    await admin.close();
    logger.info('closed');
  }

  return { url, adminUrl: admin.url, stop: () => (stopping ??= stop()), stopsWithinMs: stopTimeoutMs(config.drainMs) };
}

/** Closes connections above the limit without reading them, so that they cost no memory. */
function limitConnections(server: Server, maxConnections: number, logger: FastifyBaseLogger, metrics: Metrics): void {
  const message = 'connections dropped: MAX_CONNECTIONS reached';
  const drops = oncePerSecond<{ maxConnections: number }>((repeats) => logger.warn(repeats, message));
  server.maxConnections = maxConnections;
  server.on('drop', () => {
    metrics.countDroppedConnection();
    if (drops.isFirst({ maxConnections })) logger.warn({ maxConnections }, message);
  });
}

/** With a live Stripe key, the playground defaults to the reader's own mock, so that trying it out moves no money. */
function choosePlayground({ stripeSecretKey }: Config): Omit<Docs, 'document'> {
  if (!/^[sr]k_test_/.test(stripeSecretKey)) return localMock;
  return { ...localMock, server: { url: '/', description: "This server, in Stripe's test mode" } };
}
