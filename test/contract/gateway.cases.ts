import type { DocumentedOperation } from '../support/contractDocument.ts';
import { json, requestTo, type Case, type Headers } from './case.ts';
import { freshKey, withKey } from './idempotency.cases.ts';
import type { IntentBodies } from './intents.cases.ts';

const ATTACKS = {
  sql: "1' OR '1'='1'; DROP TABLE payments; -- UNION SELECT",
  markup: '<script>alert(1)</script><img src=x onerror=alert(1)>',
  path: '../../../etc/passwd',
  shell: '$(cat /etc/passwd) `id` | cat /etc/shadow',
  lookup: '${jndi:ldap://127.0.0.1/a}',
};

const SCRIPTS = {
  emoji: '\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{1f4b3}',
  rightToLeft: 'שלום \u202e مرحبا',
  zeroWidth: 'a\u200bb\ufeff',
  combining: 'e\u0301',
};

const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

/**
 * Requests that are fine up to their last check, and that gateways, firewalls and parsers often refuse or change. None of them
 * is carried out.
 */
export function gatewayCases(operation: DocumentedOperation, { refused: { example, body } }: IntentBodies): Case[] {
  const post = requestTo(operation);
  const refused = (title: string, content: string, headers: Headers = []): Case => ({
    operation,
    example,
    title,
    request: post(content, headers),
  });
  const plain = json(body({}));
  const withHeaders = (title: string, ...headers: Headers) => refused(title, plain, headers);

  return [
    refused('text that firewalls take for an attack', json(body(ATTACKS))),
    refused('emoji, other scripts and invisible characters', json(body(SCRIPTS))),
    refused('escapes of control characters', String.raw`{"more":"\u0000\u001f\u2028",${plain.slice(1)}`),
    refused(
      'an ignored field that is nested 5,000 times',
      `{"more":${'['.repeat(5_000)}${']'.repeat(5_000)},${plain.slice(1)}`,
    ),
    refused('a body of the maximum size', plain.padEnd(operation.bodyLimitBytes)),
    withHeaders('a body in chunks', ['Transfer-Encoding', 'chunked']),
    withHeaders('Expect: 100-continue', ['Expect', '100-continue']),
    withHeaders('the User-Agent of a script', ['User-Agent', 'curl/8.14.1']),
    withHeaders('the User-Agent of a browser, without cookies', ['User-Agent', BROWSER]),
    withHeaders('Accept: text/html', ['Accept', 'text/html']),
    withHeaders('Accept-Encoding: gzip, of which no use must be made', ['Accept-Encoding', 'gzip']),
    withHeaders('an Origin', ['Origin', 'https://shop.example.com']),
    withHeaders('a header of 5 KB', ['X-Trace', 'x'.repeat(5_000)]),
    withHeaders('X-HTTP-Method-Override', ['X-HTTP-Method-Override', 'DELETE']),
    withHeaders(
      'an idempotency key of 255 characters, whose request is refused',
      ...withKey(freshKey().padEnd(255, '~')),
    ),
    withHeaders('a quoted idempotency key, whose request is refused', ...withKey(`"${freshKey()}"`)),
    {
      ...refused('a query that looks like fields of the body', plain),
      request: (apiKey) => ({
        ...post(plain)(apiKey),
        path: `${operation.path}?amount=100&utm_source=a%20b&redirect=https://example.com/`,
      }),
    },
  ];
}
