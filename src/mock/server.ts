import { randomBytes } from 'node:crypto';
import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import { buildApp } from '../http/app.ts';
import type { Authenticate } from '../access/apiKeys.ts';
import type { MockConfig } from '../config.ts';
import type { Operation } from '../contract/document.ts';
import { openContract, type OperationResponse } from '../contract/engine.ts';
import { registerDocs } from '../docs/routes.ts';
import { readDirectives, chooseLatencyMs, type Directives } from './directives.ts';
import { readContractFile, type ContractFile } from './contractFile.ts';
import { createDynamicData } from './dynamicData.ts';
import { headerValue } from './headerValue.ts';
import { chooseScenario, listChoices } from './prefer.ts';
import { prismResponses } from './prism.ts';
import { listScenarios, scenarioParameter, SCENARIOS_PATH, scenariosPage } from './scenarios.ts';

export interface Mock {
  /** `http://127.0.0.1:4010`. */
  url: string;
  /** The contract at the start. */
  document: object;
  close(): Promise<void>;
}

/** A request with its response, for the terminal. */
export interface HandledRequest {
  method: string;
  /** Visible ASCII, without the query. */
  path: string;
  status: number;
  /** The name of the example sent. */
  scenario: string | undefined;
  /** The reason for an error response. */
  reason: string | undefined;
  durationMs: number;
}

/**
 * Starts the mock of a contract file (YAML or JSON), and reloads the file on each edit. An invalid edit is logged with file and
 * line, and the last valid contract stays in use.
 */
export async function startMock(
  config: MockConfig,
  contractFile: string,
  logger: FastifyBaseLogger,
  onResponse: (handled: HandledRequest) => void = () => {},
): Promise<Mock> {
  const open = async (file: ContractFile) => {
    try {
      return await buildMockApp(file, { config, logger, onResponse });
    } catch (error) {
      throw file.locate(error);
    }
  };
  const contract = await readContractFile(contractFile);
  const app = await open(contract);
  const url = await app.listen({ host: config.host, port: config.port });

  let reading = Promise.resolve();
  // Watches the folder, because many editors replace the file, and a watcher would stay on the old one.
  const watcher = watch(dirname(contractFile), (_event, file) => {
    if (file === basename(contractFile)) reading = reading.then(reload);
  });

  async function reload(): Promise<void> {
    try {
      const next = await open(await readContractFile(contractFile));
      await next.ready();
      swapHandlers(next, app);
      logger.info('serving the edited contract');
    } catch (error) {
      const { message } = error as Error;
      logger.error(`The edited contract can't be served; still serving the last valid one.\n${message}`);
    }
  }

  return {
    url,
    document: contract.document,
    async close() {
      watcher.close();
      await reading;
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

interface MockOptions {
  config: MockConfig;
  logger: FastifyBaseLogger;
  onResponse: (handled: HandledRequest) => void;
}

/** The live server's HTTP layer and engine, with Prism's responses instead of handlers. */
async function buildMockApp({ document, text }: ContractFile, options: MockOptions): Promise<FastifyInstance> {
  const { config, logger } = options;
  const contract = await openContract(document, {
    notImplemented: async ({ headers, idempotencyKey }, operation) => {
      const directives = readDirectives(headers);
      const response = chooseResponse(directives, operation);
      const isDynamic = response.status < 300 && (directives.dynamic ?? config.dynamic);
      if (!isDynamic) return response;
      const { schema } = operation.responses[response.status]!.content!['application/json']!;
      const body = createDynamicData(response.body, schema, idempotencyKey);
      return { ...response, body: body as object };
    },
  });
  contract.compile();
  const prism = await prismResponses(document, contract.operations);
  const chooseResponse = (directives: Directives, operation: Operation): OperationResponse => {
    const named = (name: string): OperationResponse => {
      const { status, headers, body } = prism(operation, name);
      return { status, headers: { ...headers, 'Mock-Scenario': name }, body };
    };
    const refuse = (message: string) => ({ ...named('invalidRequest'), body: { success: false, message } });
    if (directives.issues.length > 0) return refuse(directives.issues.join('; '));
    const isOpen = directives.code === undefined && directives.example === undefined;
    if (isOpen && Math.random() < (directives.errorRate ?? config.errorRate)) {
      // Only errors that a client can retry.
      const failures = operation.examples.filter(({ status }) => status === 429 || status >= 500);
      const failure = failures[Math.floor(Math.random() * failures.length)];
      if (failure) return named(failure.name);
    }
    const scenario = chooseScenario(directives, operation.examples);
    return scenario ? named(scenario.name) : refuse(listChoices(operation.examples));
  };
  const app = await buildApp({
    contract: {
      ...contract,
      problemResponse: (name, operation) => {
        const documented = contract.problemResponse(name, operation);
        return operation ? { ...documented, ...prism(operation, documented.name) } : documented;
      },
    },
    authenticate: acceptKey(config.apiKey),
    logger,
    corsOrigins: '*',
  });
  addMockHeaders(app, contract.operations, options);
  serveScenarios(app, contract.operations, `${contract.apiKeyHeader}: ${config.apiKey ?? 'any'}`);
  if (config.docs) {
    // Does not reveal the accepted key.
    const apiKey = config.apiKey === undefined ? 'any_key' : 'YOUR_SECRET_KEY_HERE';
    registerDocs(app, {
      document,
      yaml: text,
      server: { url: '/', description: 'This mock' },
      apiKey,
      parametersOf: (operation) => [scenarioParameter(operation)],
    });
  }
  return app;
}

const acceptKey =
  (acceptedKey: string | undefined): Authenticate =>
  (apiKey) =>
    acceptedKey === undefined || apiKey === acceptedKey ? 'mock' : undefined;

/** Adds `Mock-Scenario` and `Mock-Reason` to every response, and delays it. */
function addMockHeaders(app: FastifyInstance, operations: readonly Operation[], options: MockOptions): void {
  const { config, onResponse } = options;
  const known = operations.flatMap(({ examples }) => examples);
  app.addHook('onSend', async (request, reply, payload) => {
    if (isMockRoute(request)) return payload;
    const { problem } = request.requestLog;
    if (problem) {
      const { summary = '' } = known.find(({ name }) => name === problem.example) ?? {};
      reply.header('Mock-Scenario', problem.example);
      reply.header('Mock-Reason', headerValue(problem.detail?.() ?? summary));
    }
    const exposed = reply.getHeader('access-control-expose-headers');
    if (exposed) reply.header('access-control-expose-headers', `${String(exposed)}, Mock-Scenario, Mock-Reason`);
    // Preflights are not delayed.
    const ms = request.method === 'OPTIONS' ? 0 : chooseLatencyMs(readDirectives(request.headers), config);
    // A timer of 0 would take a millisecond.
    if (ms > 0) await delay(ms);
    return payload;
  });
  app.addHook('onResponse', async (request, reply) => {
    const readHeader = (name: string) => reply.getHeader(name)?.toString();
    onResponse({
      method: request.method,
      path: headerValue(request.url.split('?', 1)[0]!),
      status: reply.statusCode,
      scenario: readHeader('mock-scenario'),
      reason: readHeader('mock-reason'),
      durationMs: reply.elapsedTime,
    });
  });
}

/** Routes that are not in the contract: the list of scenarios, the API reference. */
const isMockRoute = ({ url, routeOptions }: FastifyRequest): boolean =>
  routeOptions.config.label !== undefined || url.split('?', 1)[0] === SCENARIOS_PATH;

/** Serves the list of scenarios, as JSON or as an HTML page. */
function serveScenarios(app: FastifyInstance, operations: readonly Operation[], apiKeyLine: string): void {
  app.get(SCENARIOS_PATH, async ({ headers, host, protocol }, reply) => {
    const scenarios = listScenarios(operations, `${protocol}://${host}`, apiKeyLine);
    reply.header('Vary', 'Accept');
    if (!headers.accept?.includes('text/html')) return { operations: scenarios };
    const nonce = randomBytes(16).toString('base64');
    return reply
      .type('text/html; charset=utf-8')
      .header('Content-Security-Policy', `default-src 'none'; style-src 'nonce-${nonce}'`)
      .send(scenariosPage(scenarios, nonce));
  });
}

/** Makes the listening server of `first` pass its requests to `next`, so that no connection is lost and the port stays bound. */
function swapHandlers(next: FastifyInstance, first: FastifyInstance): void {
  for (const event of ['request', 'checkContinue', 'checkExpectation', 'clientError', 'connect']) {
    first.server.removeAllListeners(event);
    for (const listener of next.server.listeners(event)) first.server.on(event, listener as () => void);
  }
}
