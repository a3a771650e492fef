import type { FastifyCorsOptions } from '@fastify/cors';
import type { FastifyRequest } from 'fastify';

/** A browser's question whether a page may send a request: it is not a request to the API, and not part of the contract. */
export const isPreflight = ({ method, headers }: FastifyRequest): boolean =>
  method === 'OPTIONS' && Boolean(headers.origin && headers['access-control-request-method']);

/** The options of @fastify/cors. An OPTIONS request that is no preflight gets the response that it gets without CORS. */
export const corsOptions = (origins: '*' | readonly string[]): FastifyCorsOptions => ({
  delegator: (request, done) => {
    const isPlain = request.method === 'OPTIONS' && !isPreflight(request);
    const origin = origins === '*' ? '*' : [...origins];
    done(null, isPlain ? { origin: false } : { origin, exposedHeaders: EXPOSED_HEADERS, maxAge: 600 });
  },
});

/** The headers of our responses that a page may read. */
const EXPOSED_HEADERS = ['X-Request-Id', 'Idempotent-Replayed', 'Retry-After', 'Allow'];
