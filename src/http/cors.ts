import type { FastifyCorsOptions } from '@fastify/cors';
import type { FastifyRequest } from 'fastify';

/** A CORS preflight is not a request to the API, and not part of the contract. */
export const isPreflight = ({ method, headers }: FastifyRequest): boolean =>
  method === 'OPTIONS' && Boolean(headers.origin && headers['access-control-request-method']);

/** The options of @fastify/cors. OPTIONS requests other than preflights are handled as without CORS. */
export const corsOptions = (origins: '*' | readonly string[]): FastifyCorsOptions => ({
  delegator: (request, done) => {
    const isPlain = request.method === 'OPTIONS' && !isPreflight(request);
    const allowed =
      origins === '*'
        ? { origin: true, credentials: true, methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] }
        : { origin: [...origins] };
    done(null, isPlain ? { origin: false } : { ...allowed, exposedHeaders: EXPOSED_HEADERS, maxAge: 600 });
  },
});

const EXPOSED_HEADERS = ['X-Request-Id', 'X-Error-Code', 'Idempotent-Replayed', 'Retry-After', 'Allow'];
