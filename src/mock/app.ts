import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticate } from '../access/apiKeys.ts';
import { openContract, type Call, type Contract } from '../contract/engine.ts';
import { registerDocs } from '../docs/routes.ts';
import { buildApp } from '../http/app.ts';
import { engineRequest } from '../http/engineCall.ts';
import type { Defaults } from './directives.ts';
import { headerValue } from './headerValue.ts';
import { createResponder, type Responder } from './responder.ts';
import type { MockedContract } from './responses.ts';
import { isMockRoute, registerMockRoutes } from './routes.ts';
import { scenarioParameter } from './scenarios.ts';

export interface MockApp {
  app: FastifyInstance;
  responder: Responder;
  document: object;
}

export interface MockAppOptions {
  config: Defaults & { docs: boolean };
  logger: FastifyBaseLogger;
  onResponse: (handled: HandledRequest) => void;
}

/** A request with its response, for the console. */
export interface HandledRequest {
  method: string;
  /** Visible ASCII, without the query. */
  path: string;
  status: number;
  /** The name of the response. */
  scenario: string | undefined;
  /** The reason for an error response. */
  reason: string | undefined;
  durationMs: number;
}

/**
 * The live server's HTTP layer and engine, with a responder instead of handlers.
 *
 * Throws for a contract that can't be served, or a default scenario that it does not have.
 */
export async function buildMockApp(
  { document, yaml, readResponses }: MockedContract,
  { config, logger, onResponse }: MockAppOptions,
): Promise<MockApp> {
  const contract = await openContract(document, {
    notImplemented: (request, operation) => responder.respond(request, operation),
  });
  contract.compile();
  const { operations, apiKeyHeader } = contract;
  const responder = createResponder(operations, await readResponses(operations), config);
  const app = await buildApp({
    contract: recordRequests({ ...contract, problemResponse: responder.problemResponse }, responder),
    authenticate: acceptKey(config.apiKey),
    logger,
    corsOrigins: '*',
  });
  addMockHeaders(app, responder);
  app.addHook('onResponse', async (request, reply) => {
    const readHeader = (name: string) => reply.getHeader(name)?.toString();
    onResponse({
      method: request.method,
      path: headerValue(engineRequest(request).path),
      status: reply.statusCode,
      scenario: readHeader('mock-scenario'),
      reason: readHeader('mock-reason'),
      durationMs: reply.elapsedTime,
    });
  });
  app.addHook('onClose', async () => responder.close());
  const apiKeyLine = `${apiKeyHeader}: ${config.apiKey ?? 'any'}`;
  registerMockRoutes(app, { operations, responder, docs: config.docs, apiKeyLine });
  if (config.docs) {
    // Does not reveal the accepted key.
    const apiKey = config.apiKey === undefined ? 'any_key' : 'YOUR_SECRET_KEY_HERE';
    registerDocs(app, {
      document,
      ...(yaml !== undefined && { yaml }),
      server: { url: '/', description: 'This mock' },
      apiKey,
      parametersOf: (operation) => [scenarioParameter(operation)],
    });
  }
  return { app, responder, document };
}

/** The contract, whose requests are recorded with their bodies. */
const recordRequests = (contract: Contract, { record }: Responder): Contract => ({
  ...contract,
  handleRequest: (request, call) =>
    record(request, (onBody) => contract.handleRequest(request, watchBody(call, onBody))),
});

const watchBody = (call: Call, onBody: (bytes: Uint8Array) => void): Call => ({
  onOperation: (operation) => call.onOperation(operation),
  authenticate: (header) => call.authenticate(header),
  async readBody(body) {
    const bytes = await call.readBody(body);
    onBody(bytes);
    return bytes;
  },
  isAbandoned: () => call.isAbandoned(),
  runOperation: (run) => call.runOperation(run),
});

const acceptKey =
  (acceptedKey: string | undefined): Authenticate =>
  (apiKey) =>
    acceptedKey === undefined || apiKey === acceptedKey ? 'mock' : undefined;

/** Delays refusals, and adds `Mock-Scenario` and `Mock-Reason`, which pages may read. */
function addMockHeaders(app: FastifyInstance, { refuse }: Responder): void {
  app.addHook('onSend', async (request: FastifyRequest, reply, payload) => {
    if (isMockRoute(request)) return payload;
    const { problem } = request.requestLog;
    if (problem) reply.headers(await refuse(problem, engineRequest(request)));
    const exposed = reply.getHeader('access-control-expose-headers');
    if (exposed) reply.header('access-control-expose-headers', `${String(exposed)}, Mock-Scenario, Mock-Reason`);
    return payload;
  });
}
