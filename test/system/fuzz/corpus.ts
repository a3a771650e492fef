import { operations, validBody, type DocumentedOperation } from '../../support/contractDocument.ts';
import { rawRequest, type RawRequest } from '../../support/rawHttp.ts';

/** Valid and unusual requests: the same to every operation. */
export const makeCorpus = (apiKey: string): readonly Buffer[] =>
  operations.flatMap((operation) => requestsTo(operation, apiKey));

/** Each text as a chunk of its own. */
const chunks = (...texts: string[]) => texts.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('');

function requestsTo(operation: DocumentedOperation, apiKey: string): readonly Buffer[] {
  const valid = validBody(operation);
  const request = (changes: RawRequest = {}, key = apiKey) =>
    rawRequest(key, { method: operation.method, target: operation.path, body: valid, ...changes });
  const good = request();
  const framed = (line: string, body: string, key = apiKey) =>
    request({ headers: ['Host: a', `cv-api-key: ${key}`, 'Content-Type: application/json', line], body });
  const inChunks = (body: string, key?: string) => framed('Transfer-Encoding: chunked', body, key);
  const tiny = valid.replaceAll(/./g, '1\r\n$&\r\n');
  // JSON allows spaces after its text.
  const spaces = (count: number) => chunks(' ').repeat(count);
  const tinyChunks = [
    `${tiny}0\r\n\r\n`,
    `${tiny}${spaces(1_000)}0\r\n\r\n`,
    `${tiny}${spaces(1_100)}0\r\n\r\n`,
    `${tiny}${spaces(20_000)}`,
    `${tiny.replaceAll('1\r\n', '1;a=b\r\n')}0\r\n\r\n`,
    `${tiny}0\r\nX-Trailer: a\r\n\r\n`,
    `${tiny}${spaces(10)}`,
  ];
  const rich = JSON.stringify({
    amount: 19.99,
    paymentMethodTypes: ['card'],
    metadata: { email: 'a@example.com', phone: '+1 555 0100', note: 'ünï 𝔐' },
  });
  const bodies = [
    '',
    '{}',
    '[]',
    '{"amount":0}',
    '{"amount":1e400}',
    '{"amount":1.155}',
    '{"amount":',
    '"\\ud800"',
    rich,
  ];
  return [
    good,
    good,
    good,
    ...bodies.map((body) => request({ body })),
    request({ body: `{"amount":100,"paymentMethodTypes":[${'1,'.repeat(5_000)}1]}` }),
    request({ more: ['Idempotency-Key: "fuzz"'] }),
    request({ more: ['Connection: close'] }),
    request({ more: ['Expect: 100-continue'] }),
    request({ more: ['Expect: more'] }),
    request({ more: ['Connection: Upgrade', 'Upgrade: websocket'] }),
    request({ more: ['Origin: https://a.example', 'Access-Control-Request-Method: POST'], method: 'OPTIONS' }),
    request({ version: 'HTTP/1.0' }),
    request({ target: '*', method: 'OPTIONS' }),
    request({ target: `http://a${operation.path}?a=%zz` }),
    request({ method: 'HEAD', headers: ['Host: a'], body: '' }),
    request({ method: 'CONNECT', target: 'a:1', headers: ['Host: a'], body: '' }),
    request({}, 'stranger'),
    inChunks(`${chunks(valid)}0\r\n\r\n`),
    inChunks(`${chunks(valid.slice(0, 7), valid.slice(7)).replace('\r\n', ';a=b\r\n')}0\r\nX-Trailer: a\r\n\r\n`),
    ...['stranger', apiKey].flatMap((key) => tinyChunks.map((body) => inChunks(body, key))),
    framed('Content-Encoding: gzip', valid),
    framed('Content-Length: 140000', 'x'.repeat(140_000)),
    Buffer.concat([good, good]),
    Buffer.concat([good, request({}, 'stranger'), good]),
  ];
}
