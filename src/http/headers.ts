import type { IncomingMessage } from 'node:http';
import { Problem } from '../contract/problems.ts';

/** The media type of every response of the contract. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** The headers of every response. */
export const commonHeaders = (requestId: string) => ({
  'X-Request-Id': requestId,
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
});

/** All values of a header, by its lower-case name. Node's `headersDistinct` would process all headers. */
export function headerValues({ rawHeaders }: IncomingMessage, name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const other = rawHeaders[at]!;
    if (other.length === name.length && other.toLowerCase() === name) values.push(rawHeaders[at + 1]!);
  }
  return values;
}

/** Rejects HTTP/1.1 requests without exactly one Host (RFC 9112, section 3.2), and the versions 0.9 and 2.0, which Node parses. */
export function checkHost(request: IncomingMessage): void {
  const hosts = headerValues(request, 'host').length;
  const isHttp = request.httpVersion === '1.0' || (request.httpVersion === '1.1' && hosts === 1);
  if (!isHttp || hosts > 1) throw new Problem('invalidRequest');
}

/** In bytes; 0 without the header, as for a chunked body. */
export const contentLength = ({ headers }: IncomingMessage): number => Number(headers['content-length'] ?? 0);

/**
 * Whether the request has exactly one Content-Type, with one of these media types, and no content or transfer encoding but
 * chunked.
 */
export function hasMediaType(request: IncomingMessage, mediaTypes: readonly string[]): boolean {
  const { headers } = request;
  const [contentType = '', ...repeats] = headerValues(request, 'content-type');
  const isFramed = (headers['transfer-encoding']?.toLowerCase() ?? 'chunked') === 'chunked';
  return repeats.length === 0 && isFramed && isMediaType(contentType, headers['content-encoding'], mediaTypes);
}

/** Whether a Content-Type has one of these media types, and the content no encoding. */
export function isMediaType(
  contentType: string,
  contentEncoding: string | undefined,
  mediaTypes: readonly string[],
): boolean {
  const [mediaType = ''] = contentType.split(';', 1);
  const isPlain = (contentEncoding?.toLowerCase() ?? 'identity') === 'identity';
  return isPlain && mediaTypes.includes(mediaType.trim().toLowerCase());
}
