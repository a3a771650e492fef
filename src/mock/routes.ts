import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Operation } from '../contract/document.ts';
import { parseJson } from '../contract/json.ts';
import { Problem } from '../contract/problems.ts';
import { readBody } from '../http/body.ts';
import { didYouMean } from '../nearest.ts';
import { headerValue } from './headerValue.ts';
import type { Responder } from './responder.ts';
import type { NextScenarios } from './scenarioQueue.ts';
import { listScenarios, NEXT_PATH, SCENARIOS_PATH } from './scenarios.ts';
import { scenariosPage } from './scenariosPage.ts';

interface MockRoutes {
  operations: readonly Operation[];
  responder: Responder;
  /** Whether the API reference is served. */
  docs: boolean;
  /** The header with an accepted API key: `cv-api-key: any`. */
  apiKeyLine: string;
}

/** Serves the list of scenarios, and the scenarios of the next requests. Leads a browser that asks for `/` to the API reference. */
export function registerMockRoutes(app: FastifyInstance, routes: MockRoutes): void {
  const { operations, responder, docs, apiKeyLine } = routes;
  const config = { label: 'mock' };

  app.route({
    method: ['GET', 'HEAD'],
    url: SCENARIOS_PATH,
    config,
    async handler(request, reply) {
      const scenarios = listScenarios(operations, `${request.protocol}://${request.host}`, apiKeyLine);
      reply.header('Vary', 'Accept');
      if (!prefersHtml(request)) return { operations: scenarios };
      const nonce = randomBytes(16).toString('base64');
      return reply
        .type('text/html; charset=utf-8')
        .header('Content-Security-Policy', contentSecurityPolicy(nonce))
        .send(scenariosPage(scenarios, { nonce, docs }));
    },
  });

  app.put(NEXT_PATH, { config }, async ({ raw }, reply) => {
    try {
      responder.setNext(readNext(await readBody(raw, { maxBytes: MAX_NEXT_BYTES })));
      return await reply.code(204).send();
    } catch (error) {
      return badRequest(reply, error);
    }
  });
  app.delete(NEXT_PATH, { config }, async (_request, reply) => {
    responder.reset();
    return reply.code(204).send();
  });

  app.get('/', async (request, reply) => {
    if (!prefersHtml(request)) throw new Problem('notFound');
    return reply.redirect(docs ? '/docs' : SCENARIOS_PATH);
  });
}

/** Whether the route belongs to the mock, and not to the contract. */
export const isMockRoute = ({ routeOptions }: FastifyRequest): boolean => routeOptions.config.label !== undefined;

const prefersHtml = ({ headers }: FastifyRequest): boolean => headers.accept?.includes('text/html') ?? false;

const contentSecurityPolicy = (nonce: string): string =>
  [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "font-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

const MAX_NEXT_BYTES = 128 * 1024;

/** Reads `{"scenario": "providerUnavailable", "times": 2}`. Throws for anything else. */
function readNext(bytes: Uint8Array): NextScenarios {
  const next = parseJson(bytes);
  if (typeof next !== 'object' || next === null || Array.isArray(next)) throw new Error(`expected ${NEXT_FORMAT}`);
  const { scenario, times, operation, ...others } = next as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new Error(`${unknown}: unknown field${didYouMean(unknown, ['scenario', 'times', 'operation'])}`);
  }
  if (!isName(scenario) && !(Array.isArray(scenario) && scenario.length > 0 && scenario.every(isName))) {
    throw new Error('scenario: expected a name, or a list of names');
  }
  if (times !== undefined && typeof times !== 'number') throw new Error('times: expected a number');
  if (operation !== undefined && typeof operation !== 'string') throw new Error('operation: expected a name');
  return { scenario, times, operation };
}

const NEXT_FORMAT = 'JSON such as {"scenario": "providerUnavailable", "times": 2}';

const isName = (value: unknown): value is string => typeof value === 'string';

function badRequest(reply: FastifyReply, error: unknown): FastifyReply {
  const message = error instanceof Problem ? `expected ${NEXT_FORMAT}` : (error as Error).message;
  return reply.code(400).header('Mock-Reason', headerValue(message)).send({ success: false, message });
}
