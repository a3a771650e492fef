import { createHash } from 'node:crypto';
import { operations } from '../support/contractDocument.ts';
import { requestTo, type Case, type Headers } from './case.ts';

/** Of one operation: keys are the same for all, and each failure counts against the address that sends it. */
const [operation] = operations as [(typeof operations)[number]];

const NO_JSON = 'no JSON';

const refused = (
  title: string,
  headers: (apiKey: string) => Headers,
  query: (apiKey: string) => string = () => '',
): Case => ({
  operation,
  example: 'invalidApiKey',
  title,
  request: (apiKey) => ({
    ...requestTo(operation)(NO_JSON)(apiKey),
    path: operation.path + query(apiKey),
    headers: [['Content-Type', 'application/json'], ...headers(apiKey)],
  }),
});

const swapCase = (text: string): string =>
  text.replaceAll(/[a-z]/gi, (letter) =>
    letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
  );

/** The next character: visible, and another. */
const replaceLast = (text: string): string => text.slice(0, -1) + (text.endsWith('x') ? 'y' : 'x');

const percentEncode = (text: string): string => `%${text.charCodeAt(0).toString(16)}${text.slice(1)}`;

/** Keys that are nearly right, and the right key in other places than its header. */
export const apiKeyCases: readonly Case[] = [
  ...Object.entries<(apiKey: string) => string>({
    'the key in the other case': (apiKey) => (swapCase(apiKey) === apiKey ? `${apiKey}x` : swapCase(apiKey)),
    'the key without its last character': (apiKey) => apiKey.slice(0, -1) || 'x',
    'the key with another last character': replaceLast,
    'another key of the same length': (apiKey) =>
      apiKey.replaceAll(/./g, (character) => (character === 'x' ? 'y' : 'x')),
    'the key after another character': (apiKey) => `x${apiKey}`,
    'the key in quotes': (apiKey) => `"${apiKey}"`,
    'the key, percent-encoded': percentEncode,
    'the key in a list': (apiKey) => `${apiKey}, other`,
    'the key after Bearer': (apiKey) => `Bearer ${apiKey}`,
    'the SHA-256 of the key': (apiKey) => createHash('sha256').update(apiKey).digest('hex'),
    undefined: () => 'undefined',
    null: () => 'null',
    'a pattern': () => '*',
    'text that is true in SQL': () => "' or '1'='1",
  }).map(([title, change]) => refused(title, (apiKey) => [['cv-api-key', change(apiKey)]])),
  refused(
    'the key in other headers, a cookie and the query',
    (apiKey) => [
      ['Authorization', `Bearer ${apiKey}`],
      ['X-Api-Key', apiKey],
      ['cv_api_key', apiKey],
      ['Cookie', `cv-api-key=${apiKey}`],
    ],
    (apiKey) => `?cv-api-key=${encodeURIComponent(apiKey)}&api_key=${encodeURIComponent(apiKey)}`,
  ),
  refused('the key as the user of Basic credentials', (apiKey) => [
    ['Authorization', `Basic ${Buffer.from(`${apiKey}:`).toString('base64')}`],
  ]),
  refused('no key, and an address of this machine in X-Forwarded-For', () => [['X-Forwarded-For', '127.0.0.1']]),
];
