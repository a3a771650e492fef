import type { IncomingMessage } from 'node:http';
import { Problem } from '../contract/problems.ts';

/** All values of a header, by its name in lower case. Node's own `headersDistinct` sorts all headers for that. */
export function headerValues({ rawHeaders }: IncomingMessage, name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const other = rawHeaders[at]!;
    if (other.length === name.length && other.toLowerCase() === name) values.push(rawHeaders[at + 1]!);
  }
  return values;
}

/** RFC 9112, section 3.2: a request of HTTP/1.1 without a Host, or with two, is refused. Node reads 0.9 and 2.0 as well. */
export function checkHost(request: IncomingMessage): void {
  const hosts = headerValues(request, 'host').length;
  const isHttp = request.httpVersion === '1.0' || (request.httpVersion === '1.1' && hosts === 1);
  if (!isHttp || hosts > 1) throw new Problem('invalidRequest');
}

/** The length that a request gives for its body, in bytes. One in chunks gives none. */
export const contentLength = ({ headers }: IncomingMessage): number => Number(headers['content-length'] ?? 0);

/**
 * Whether a body is plain JSON, or has another of these media types. Whatever else would have to be guessed at: two media
 * types, or a content encoding.
 */
export function hasMediaType(request: IncomingMessage, mediaTypes: readonly string[]): boolean {
  const { headers } = request;
  const [contentType = '', ...repeats] = headerValues(request, 'content-type');
  const [mediaType = ''] = contentType.split(';', 1);
  const isPlain =
    (headers['content-encoding']?.toLowerCase() ?? 'identity') === 'identity' &&
    (headers['transfer-encoding']?.toLowerCase() ?? 'chunked') === 'chunked';
  return repeats.length === 0 && isPlain && mediaTypes.includes(mediaType.trim().toLowerCase());
}
