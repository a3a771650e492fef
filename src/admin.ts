import { createServer } from 'node:http';
import type { Metrics } from './metrics.ts';

export interface AdminServer {
  url: string;
  close(): Promise<void>;
}

export interface AdminOptions {
  host: string;
  port: number;
  metrics: Metrics;
  /** Whether a load balancer should send requests here. */
  isReady: () => boolean;
}

/** What operators ask, on a port of its own that no customer reaches: `/livez`, `/readyz` and `/metrics`. */
export async function serveAdmin({ host, port, metrics, isReady }: AdminOptions): Promise<AdminServer> {
  const answers: Record<string, () => Promise<[status: number, contentType: string, body: string]>> = {
    '/livez': async () => [200, 'text/plain', 'ok\n'],
    '/readyz': async () => (isReady() ? [200, 'text/plain', 'ok\n'] : [503, 'text/plain', 'draining\n']),
    '/metrics': async () => [200, metrics.contentType, await metrics.text()],
  };
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? ''] ?? (async () => [404, 'text/plain', 'not found\n'] as const);
    void answer().then(([status, contentType, body]) =>
      response.writeHead(status, { 'Content-Type': contentType }).end(body),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  const address = server.address() as { port: number };
  return {
    url: `http://${host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
