import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import fastify from 'fastify';
import type { Operation, Parameter } from '../contract/document.ts';
import { playgroundDocument, playgroundPage } from './playground.ts';
import type { DocumentedServer } from './reference.ts';

/** The contract, and where samples and playground send requests. */
export interface Docs {
  document: object;
  /** The document as it is written. Default: this repository's openapi.yaml. */
  yaml?: string;
  /** The default server. */
  server: DocumentedServer;
  /** The default API key. */
  apiKey: string;
  /** Parameters of the playground's requests that the contract does not have. */
  parametersOf?: (operation: Operation) => readonly Parameter[];
}

export interface DocsFile {
  contentType: string;
  /** The Content-Security-Policy of a page. */
  policy: string | undefined;
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

/** The page and all files that it needs. `referenceUrl` leads from the playground back to the page. */
export function docsFiles(docs: Docs, referenceUrl = '../docs') {
  const { document, server, apiKey } = docs;
  const rendered = once(async () => {
    // Loaded at the first request: most servers never serve a reference.
    const { renderReference } = await import('./render.ts');
    return renderReference(document, { policy: PAGE_POLICY, apiKey, serverUrl: server.url });
  });
  const playground = playgroundDocument(document, server, docs.parametersOf);
  const { title } = (document as { info: { title: string } }).info;
  const policy = playgroundPolicy(playground.servers);
  return {
    /** llms.txt for a place from which this folder has the files. */
    llms: async (folder: string) => (await rendered()).llms(folder),
    page: once(async () => textFile('text/html', (await rendered()).page, PAGE_POLICY)),
    /** By name, relative to `docs/`. */
    assets: new Map<string, ReadDocsFile>([
      ['openapi.yaml', once(async () => textFile('application/yaml', docs.yaml ?? (await readFile(CONTRACT, 'utf8'))))],
      ['openapi.json', once(async () => textFile('application/json', JSON.stringify(document, null, 2)))],
      ['reference.md', once(async () => textFile('text/markdown', (await rendered()).markdown))],
      ['llms.txt', once(async () => textFile('text/plain', (await rendered()).llms('')))],
      ['page.css', ownFile('page.css', 'text/css')],
      ['page.js', ownFile('page.js', 'text/javascript')],
      ['icon.svg', ownFile('icon.svg', 'image/svg+xml')],
      ['inter.woff2', inter],
      [
        'playground.html',
        once(async () => {
          const html = playgroundPage({ title, policy, apiKey, scalar: SCALAR_FILE, referenceUrl });
          return textFile('text/html', html, policy);
        }),
      ],
      ['playground.json', once(async () => textFile('application/json', JSON.stringify(playground)))],
      ['playground.css', ownFile('playground.css', 'text/css')],
      ['playground.js', ownFile('playground.js', 'text/javascript')],
      [SCALAR_FILE, scalar],
    ]),
  };
}

const CONTRACT = new URL('../../openapi/openapi.yaml', import.meta.url);

/** Allows our own files, and no requests. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/**
 * Allows our own files, and requests to the contract's servers.
 *
 * Inline styles are allowed because Scalar writes `style` attributes and elements without a nonce.
 */
function playgroundPolicy(servers: readonly DocumentedServer[]): string {
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

/** A file of page/. */
const ownFile = (name: string, mediaType: string) =>
  once(async () => textFile(mediaType, await readFile(new URL(`page/${name}`, import.meta.url), 'utf8')));

const inter = once(async () => {
  const url = import.meta.resolve('@fontsource-variable/inter/files/inter-latin-wght-normal.woff2');
  // A font is already compressed.
  return describeFile('font/woff2', await readFile(new URL(url)));
});

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

async function textFile(mediaType: string, text: string, policy?: string): Promise<DocsFile> {
  const body = Buffer.from(text);
  const file = describeFile(`${mediaType}; charset=utf-8`, body);
  return { ...file, policy, gzipped: await promisify(gzip)(body) };
}

function describeFile(contentType: string, body: Buffer): DocsFile {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { contentType, policy: undefined, body, etag, gzipped: undefined, isImmutable: false };
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => (made ??= make());
}
