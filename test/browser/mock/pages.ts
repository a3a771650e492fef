import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { msw } from 'msw/vite';
import { build, preview } from 'vite';

const ROOT = fileURLToPath(new URL('./page/', import.meta.url));
const MSW = fileURLToPath(new URL('../../../src/mock/msw.ts', import.meta.url));

/** Builds the pages as a frontend team would, and serves them. */
export async function servePages(): Promise<{ url: string; close: () => Promise<void> }> {
  const outDir = await mkdtemp(join(tmpdir(), 'mock-pages-'));
  const config = { root: ROOT, configFile: false, logLevel: 'error', build: { outDir } } as const;
  await build({
    ...config,
    resolve: { alias: { '@carevalidate/payments-mock/msw': MSW } },
    plugins: [msw({ mode: 'worker-only' })],
    build: {
      outDir,
      target: 'esnext',
      rollupOptions: {
        input: [join(ROOT, 'index.html'), join(ROOT, 'mocked.html')],
      },
    },
  });
  const server = await preview({ ...config, preview: { port: 0, host: '127.0.0.1' } });
  return {
    url: server.resolvedUrls!.local[0]!,
    async close() {
      await server.close();
      await rm(outDir, { recursive: true });
    },
  };
}
