/** Fastify with openapi-backend, as the documentation of openapi-backend shows it. */
import fastify from 'fastify';
import { engine } from './engine.mjs';
import { port } from './job.mjs';

const handle = await engine();
const app = fastify();

app.route({
  method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
  url: '/*',
  handler: async ({ method, url, body, query, headers }, reply) => {
    const [status, responseBody] = await handle({ method, path: url, body, query, headers });
    return reply.code(status).send(responseBody);
  },
});

await app.listen({ host: '127.0.0.1', port });
