import type { DocumentedOperation } from '../support/contractDocument.ts';
import { bodies, json, requestTo, type Case } from './case.ts';

/** The cases that are the same for every operation, made of its first request example. */
export function everyOperationCases(operation: DocumentedOperation): Case[] {
  const request = requestTo(operation);
  const [{ value: body }] = Object.values(operation.requestExamples) as [{ value: object }];
  return [
    ...bodies(operation, 'invalidBody', {
      'no JSON': '{"amount":100',
      'an array': [],
      'a string': '"amount"',
      'a number': 100,
      null: 'null',
      'JSON inside a string': JSON.stringify(JSON.stringify(body)),
      'white space only': ' ',
      'two documents': '{"amount":100}{"amount":100}',
      'a form': 'amount=100',
      'a comma after the last field': '{"amount":100,}',
      comments: '/* a payment */ {"amount":100}',
      'single quotes': "{'amount':100}",
      'names without quotes': '{amount:100}',
      NaN: '{"amount":NaN}',
      'a leading zero': '{"amount":0100}',
      'a plus sign': '{"amount":+100}',
      'a line break in a string': '{"amount":100,"metadata":{"note":"a\nb"}}',
      'a list of one object': [body],
    }),
    {
      operation,
      example: 'invalidBody',
      title: 'malformed UTF-8',
      request: request(
        new Uint8Array([...Buffer.from('{"amount":100,"metadata":{"note":"'), 0xff, ...Buffer.from('"}}')]),
      ),
    },
    {
      operation,
      example: 'invalidBody',
      title: 'JSON in UTF-16',
      request: request(Buffer.from(json(body), 'utf16le'), [['Content-Type', 'application/json; charset=utf-16']]),
    },
    ...Object.entries({
      'an empty key': '',
      'an empty quoted key': '""',
      '256 characters': 'k'.repeat(256),
      'a space inside': 'a b',
      'a key with a non-ASCII character': 'schlüssel',
      'an unterminated quote': '"key',
    }).map(([title, key]) => ({
      operation,
      example: 'invalidIdempotencyKey',
      title,
      request: request(json(body), [['Idempotency-Key', key]]),
    })),
    {
      operation,
      example: 'invalidIdempotencyKey',
      title: 'two keys',
      request: request(json(body), [
        ['Idempotency-Key', 'one'],
        ['Idempotency-Key', 'two'],
      ]),
    },
    {
      operation,
      example: 'invalidRequest',
      title: 'bytes that are no HTTP',
      request: request(json(body)),
      bytes: 'no HTTP at all\r\n\r\n',
    },
    {
      operation,
      example: 'invalidRequest',
      title: 'no Host header',
      request: request(json(body)),
      bytes: `POST ${operation.path} HTTP/1.1\r\nConnection: close\r\n\r\n`,
    },
    {
      operation,
      example: 'invalidRequest',
      title: 'a URL with a malformed escape',
      request: request(json(body)),
      bytes: 'GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    },

    ...Object.entries<(apiKey: string) => [string, string][]>({
      'no key': () => [],
      'an empty key': () => [['cv-api-key', '']],
      'an unknown key': (apiKey) => [['cv-api-key', `${apiKey}x`]],
      'the key twice': (apiKey) => [
        ['cv-api-key', apiKey],
        ['cv-api-key', apiKey],
      ],
      'no key, before other errors': () => [
        ['Content-Type', 'text/plain'],
        ['Idempotency-Key', ''],
      ],
    }).map(([title, headers]) => ({
      operation,
      example: 'invalidApiKey',
      title,
      request: (apiKey: string) => ({ ...request('no JSON')(apiKey), headers: headers(apiKey) }),
    })),

    ...[
      '/',
      `${operation.path}/`,
      `${operation.path}s`,
      operation.path.toUpperCase(),
      '/api/v1/payments',
      `${operation.path};v=1`,
      `${operation.path}.json`,
      `${operation.path}%20`,
      `${operation.path}/1`,
      operation.path.replace('/api/v1', ''),
      operation.path.replace('/v1/', '/v2/'),
    ].map((path) => ({
      operation,
      example: 'notFound',
      title: path,
      request: (apiKey: string) => ({ ...request(json(body))(apiKey), path }),
    })),
    {
      operation,
      example: 'notFound',
      title: `/${operation.path}`,
      // Many merge slashes.
      isFreeInFront: true,
      request: (apiKey: string) => ({ ...request(json(body))(apiKey), path: `/${operation.path}` }),
    },
    ...['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'].map((method) => ({
      operation,
      example: 'methodNotAllowed',
      title: `${method}, even without a key`,
      request: () => ({ method, path: operation.path, headers: [] }),
    })),
    {
      operation,
      example: 'methodNotAllowed',
      title: 'TRACE',
      isFreeInFront: true,
      request: () => ({ method: 'TRACE', path: operation.path, headers: [] }),
    },
    {
      operation,
      example: 'methodNotAllowed',
      title: 'GET with a key, fields in the query, and a header that names another method',
      request: (apiKey: string) => ({
        method: 'GET',
        path: `${operation.path}?amount=100`,
        headers: [
          ['cv-api-key', apiKey],
          ['X-HTTP-Method-Override', 'POST'],
        ],
      }),
    },
    {
      operation,
      example: 'requestTimeout',
      title: 'headers that never end',
      request: request(json(body)),
      bytes: `POST ${operation.path} HTTP/1.1\r\nHost: a\r\nX-Slow: `,
    },

    {
      operation,
      example: 'bodyTooLarge',
      title: 'one byte over the limit',
      request: request(json(body).padEnd(operation.bodyLimitBytes + 1)),
    },
    {
      operation,
      example: 'bodyTooLarge',
      title: 'one byte over the limit, in chunks',
      request: request(json(body).padEnd(operation.bodyLimitBytes + 1), [['Transfer-Encoding', 'chunked']]),
    },
    {
      operation,
      example: 'bodyTooLarge',
      title: 'an unknown field that is too large',
      request: request(json({ ...body, more: 'x'.repeat(operation.bodyLimitBytes) })),
    },
    ...Object.entries({
      'plain text': 'text/plain',
      'a form': 'application/x-www-form-urlencoded',
      'another JSON media type': 'application/merge-patch+json',
      'an empty media type': '',
      'two media types': 'application/json, text/plain',
    }).map(([title, type]) => ({
      operation,
      example: 'unsupportedMediaType',
      title,
      request: request(json(body), [['Content-Type', type]]),
    })),
    {
      operation,
      example: 'unsupportedMediaType',
      title: 'no media type',
      request: (apiKey: string) => ({
        ...request(json(body))(apiKey),
        headers: [['cv-api-key', apiKey]],
      }),
    },
    {
      operation,
      example: 'unsupportedMediaType',
      title: 'a content encoding',
      request: request(json(body), [
        ['Content-Type', 'application/json'],
        ['Content-Encoding', 'gzip'],
      ]),
    },
    {
      operation,
      example: 'expectationFailed',
      title: 'an unsupported expectation',
      request: request(json(body)),
      bytes: `POST ${operation.path} HTTP/1.1\r\nHost: a\r\nExpect: the-best\r\nConnection: close\r\n\r\n`,
    },
    {
      operation,
      example: 'tooManyRequests',
      title: 'the second request where one a minute is allowed',
      request: request(json(body)),
      settings: { TENANT_REQUESTS_PER_MINUTE: '1' },
      arrange: async (_stripe, sendFirst) => {
        await sendFirst(request('{}'));
      },
    },
    {
      operation,
      example: 'headersTooLarge',
      title: '20 KiB of headers',
      request: request(json(body)),
      bytes: `POST ${operation.path} HTTP/1.1\r\nHost: a\r\nX-Large: ${'x'.repeat(20 * 1024)}\r\n\r\n`,
    },
  ];
}
