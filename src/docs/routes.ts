import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { docsFiles, type Docs, type DocsFile } from './files.ts';

/** Serves the API reference at `/docs`. */
export function registerDocs(app: FastifyInstance, docs: Docs): void {
  const { page, assets } = docsFiles(docs);
  const route = (url: string, handler: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>) =>
    app.route({ method: ['GET', 'HEAD'], url, config: { label: 'docs' }, handler });

  route('/docs', async (request, reply) => sendFile(request, reply, await page()));
  // Relative, so that a proxy may serve it under a path prefix.
  route('/docs/', async (_request, reply) => reply.headers(COMMON).redirect('../docs', 308));
  for (const [name, read] of assets) {
    route(`/docs/${name}`, async (request, reply) => sendFile(request, reply, await read()));
  }
}

const COMMON = { 'X-Content-Type-Options': 'nosniff', 'Cross-Origin-Resource-Policy': 'same-origin' };

function sendFile(request: FastifyRequest, reply: FastifyReply, file: DocsFile): FastifyReply {
  const isGzipped = file.gzipped !== undefined && acceptsGzip(request);
  // An ETag identifies the bytes sent, which depend on the encoding.
  const etag = isGzipped ? file.etag.replace(/"$/, '-gzip"') : file.etag;
  reply.headers({
    ...COMMON,
    'X-Request-Id': request.id,
    'Cache-Control': file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    ETag: etag,
    ...(file.gzipped && { Vary: 'Accept-Encoding' }),
    ...(file.policy && {
      'Content-Security-Policy': `${file.policy}; frame-ancestors 'none'`,
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Referrer-Policy': 'no-referrer',
    }),
  });
  if (matchesEtag(request, etag)) return reply.code(304).send();
  if (isGzipped) reply.header('Content-Encoding', 'gzip');
  return reply.type(file.contentType).send(isGzipped ? file.gzipped : file.body);
}

const splitList = (header: string | undefined) => (header ?? '').split(',').map((part) => part.trim());

const acceptsGzip = ({ headers }: FastifyRequest): boolean =>
  splitList(headers['accept-encoding']).some((coding) => /^gzip(?!\s*;\s*q=0(\.0*)?$)/i.test(coding));

const matchesEtag = ({ headers }: FastifyRequest, etag: string): boolean =>
  splitList(headers['if-none-match']).some((known) => known === '*' || known.replace(/^W\//, '') === etag);
