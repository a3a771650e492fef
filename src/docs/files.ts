import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import fastify from 'fastify';
import { referenceDocument, type DocumentedServer } from './document.ts';
import { escapeHtml } from './html.ts';

/** The contract, and where the playground sends requests. */
export interface Docs {
  document: object;
  /** The playground's default server. */
  server: DocumentedServer;
  /** The playground's default API key, also used in samples. */
  apiKey: string;
}

export interface DocsFile {
  contentType: string;
  body: Buffer;
  /** Undefined if compression would gain nothing. */
  gzipped: Buffer | undefined;
  etag: string;
  /** Whether the file's name changes with its content. */
  isImmutable: boolean;
}

/** Loads a file at the first call, and caches it. */
type ReadDocsFile = () => Promise<DocsFile>;

/** A playground on the reader's own mock, for references that must not send requests to a server. */
export const localMock: Pick<Docs, 'server' | 'apiKey'> = {
  server: { url: 'http://127.0.0.1:4010', description: 'The mock on your machine: make mock' },
  // As in the published examples; the mock accepts any key.
  apiKey: 'YOUR_SECRET_KEY_HERE',
};

/** The page and all files that it loads. */
export function docsFiles(docs: Docs) {
  const document = referenceDocument(docs.document, docs.server);
  const { title, summary = '' } = document.info;
  const policy = contentSecurityPolicy(document.servers);
  const values = { policy, title, summary, scalar: SCALAR_FILE, apiKey: docs.apiKey };
  return {
    /** The page's Content-Security-Policy. */
    policy,
    page: once(async () => textFile('text/html', fillTemplate(await ownFile('page.html'), values))),
    /** By name, relative to `docs/`. */
    assets: new Map<string, ReadDocsFile>([
      ['openapi.json', once(async () => textFile('application/json', JSON.stringify(document, null, 2)))],
      ['page.css', pageCss],
      ['page.js', pageJs],
      ['icon.svg', icon],
      ['inter.woff2', inter],
      ['jetbrains-mono.woff2', jetbrainsMono],
      [SCALAR_FILE, scalar],
    ]),
  };
}

/**
 * Allows our own files, and requests to the contract's servers.
 *
 * Inline styles are allowed because Scalar writes `style` attributes and elements without a nonce.
 */
function contentSecurityPolicy(servers: readonly DocumentedServer[]): string {
  const origins = servers.filter(({ url }) => URL.canParse(url)).map(({ url }) => new URL(url).origin);
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "font-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${origins.join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** The version of Scalar's bundle in the plugin @scalar/fastify-api-reference. */
const SCALAR_VERSION = '1.76.3';
const SCALAR_FILE = `scalar-${SCALAR_VERSION}.js`;

const ownFile = (name: string) => readFile(new URL(`page/${name}`, import.meta.url), 'utf8');

const pageCss = once(async () => textFile('text/css', await ownFile('page.css')));
const pageJs = once(async () => textFile('text/javascript', await ownFile('page.js')));
const icon = once(async () => textFile('image/svg+xml', await ownFile('icon.svg')));
const inter = once(() => font(import.meta.resolve('@fontsource-variable/inter/files/inter-latin-wght-normal.woff2')));
const jetbrainsMono = once(() =>
  font(import.meta.resolve('@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2')),
);

/** The plugin exposes its bundle only by HTTP: this requests it once, without a network. */
const scalar = once(async () => {
  const { default: plugin } = await import('@scalar/fastify-api-reference');
  const app = fastify();
  await app.register(plugin, { configuration: { url: '/openapi.json' } });
  const { body } = await app.inject('/reference/js/scalar.js');
  await app.close();
  // Its source map is not served.
  const file = await textFile('text/javascript', body.replace(/\n\/\/# sourceMappingURL=.*/, ''));
  return { ...file, isImmutable: true };
});

const fillTemplate = (page: string, values: Record<string, string>): string =>
  page.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => escapeHtml(values[name]!));

async function textFile(mediaType: string, text: string): Promise<DocsFile> {
  const body = Buffer.from(text);
  return { ...describeFile(`${mediaType}; charset=utf-8`, body), gzipped: await promisify(gzip)(body) };
}

/** Fonts are already compressed. */
async function font(url: string): Promise<DocsFile> {
  return describeFile('font/woff2', await readFile(new URL(url)));
}

function describeFile(contentType: string, body: Buffer): DocsFile {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { contentType, body, etag, gzipped: undefined, isImmutable: false };
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => (made ??= make());
}
