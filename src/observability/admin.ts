import { createServer } from 'node:http';
import { CONNECTION_TIMEOUT_MS, HTTP_LIMITS } from '../http/connections.ts';
import type { Metrics } from './metrics.ts';

export interface AdminServer {
  url: string;
  close(): Promise<void>;
}

export interface AdminOptions {
  host: string;
  port: number;
  metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** Whether load balancers should send requests to this instance. */
  isReady: () => boolean;
}

/** Serves `/livez`, `/readyz` and `/metrics` to operators, on a port of its own that customers can't reach. */
export async function serveAdmin({ host, port, metrics, isReady }: AdminOptions): Promise<AdminServer> {
  const routes = new Map<string, () => Promise<AdminResponse>>([
    ['/livez', async () => text(200, 'ok')],
    ['/readyz', async () => (isReady() ? text(200, 'ok') : text(503, 'draining'))],
    ['/metrics', async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.text() })],
  ]);
  const server = createServer(HTTP_LIMITS, (request, response) => {
    void respond(request.url!).then(({ status, contentType, body }) =>
      response.writeHead(status, { 'Content-Type': contentType, ...HEADERS }).end(body),
    );
  });
  server.setTimeout(CONNECTION_TIMEOUT_MS);
  const respond = async (url: string): Promise<AdminResponse> => {
    const [path] = url.split('?', 1);
    try {
      return (await routes.get(path!)?.()) ?? text(404, 'not found');
    } catch {
      // Metrics that can't be read must not cause an unhandled rejection, which ends the process.
      return text(500, 'internal error');
    }
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  const address = server.address() as { port: number };
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface AdminResponse {
  status: number;
  contentType: string;
  body: string;
}

const text = (status: number, body: string): AdminResponse => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `${body}\n`,
});

const HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };
