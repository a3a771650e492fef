import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import document from '../../generated/openapi.json' with { type: 'json' };
import type { SentAnswer } from '../../src/answerCheck.ts';
import { buildApp, type AppOptions } from '../../src/app.ts';
import { openContract, type HandlerOf } from '../../src/contract.ts';
import { limits } from '../../src/limits.ts';
import { send, sendBytes, type WireRequest } from '../support/exchange.ts';

const INTENT = '/api/v1/payments/intent';
const API_KEY = 'cv_key';

const closers: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(closers.map((close) => close())));

const answered: HandlerOf = () => async () => ({ example: 'created' });

/** The shell on a contract, listening. Lets one key in. */
async function listening({
  contract = document,
  handlerOf = answered,
  ...options
}: Partial<Omit<AppOptions, 'contract'>> & { contract?: object; handlerOf?: HandlerOf }): Promise<string> {
  const app = await buildApp({
    contract: await openContract(structuredClone(contract), handlerOf),
    authenticate: (apiKey) => (apiKey === API_KEY ? 'acme' : undefined),
    logger: pino({ level: 'silent' }),
    ...options,
  });
  closers.push(() => {
    app.server.closeAllConnections();
    return app.close();
  });
  return app.listen({ host: '127.0.0.1', port: 0 });
}

const HEADERS = { Host: 'app.test', 'cv-api-key': API_KEY, 'Content-Type': 'application/json' };

/** A valid request with some headers more, or other ones. */
function request(headers: Record<string, string> = {}, changes: Partial<WireRequest> = {}): WireRequest {
  const all = Object.entries({ ...HEADERS, ...headers });
  return { method: 'POST', path: INTENT, headers: all, body: '{"amount":1}', ...changes };
}

const refundOf = (body: string, headers: Record<string, string> = {}) =>
  request(headers, { path: '/api/v1/payments/refund', body });

describe('a second operation', () => {
  const { components, ...rest } = structuredClone(document);
  const { post } = rest.paths[INTENT];
  const { '200': _created, ...failures } = post.responses;

  const refund = {
    operationId: 'createRefund',
    parameters: [
      { name: 'X-Reason', in: 'header', schema: { type: 'string', maxLength: 3, 'x-problems': 'invalidRequest' } },
    ],
    requestBody: {
      required: true,
      'x-body-limit-bytes': 100,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['amount'],
            properties: { amount: { type: 'number', 'x-problems': 'invalidAmount' } },
            'x-problems': { type: 'invalidBody', required: 'amountRequired' },
          },
        },
      },
    },
    responses: {
      200: {
        description: 'Refunded.',
        content: {
          'application/json': { schema: {}, examples: { refunded: { value: { status: 200, refund: 're_1' } } } },
        },
      },
      ...failures,
    },
  };
  const change = { ...refund, operationId: 'changeIntent' };
  const paths = { [INTENT]: { post, put: change }, '/api/v1/payments/refund': { post: refund } };
  const contract = { ...rest, components, paths };

  const handlers: Record<string, (request: object) => Promise<object>> = {
    createPaymentIntent: async () => ({ example: 'created' }),
    changeIntent: async () => ({ example: 'refunded' }),
    createRefund: async (given) => ({ example: 'refunded', fields: { refund: given } }),
  };
  let url: string;
  beforeAll(async () => {
    url = await listening({ contract, handlerOf: ((id: string) => handlers[id]) as unknown as HandlerOf });
  });

  it('needs one new handler, which gets what was checked', async () => {
    const { status, text } = await send(url, refundOf('{"amount":1}', { 'X-Reason': 'why' }));
    expect({ status, body: JSON.parse(text) }).toEqual({
      status: 200,
      body: {
        status: 200,
        refund: {
          operationId: 'createRefund',
          tenant: 'acme',
          body: { amount: 1 },
          headers: expect.objectContaining({ 'x-reason': 'why' }),
        },
      },
    });
  });

  it('leaves the first one as it was', async () => {
    expect(await send(url, request())).toMatchObject({ status: 200 });
  });

  it.each<[string, WireRequest, number, string]>([
    ['authenticated', refundOf('{"amount":1}', { 'cv-api-key': 'other' }), 401, 'Invalid API key'],
    ['held to its media type', refundOf('{"amount":1}', { 'Content-Type': 'text/plain' }), 415, 'application/json'],
    ['held to its own size', refundOf('{"amount":1}'.padEnd(101)), 413, 'too large'],
    ['validated in its body', refundOf('{"amount":"1"}'), 400, 'Amount must be a positive number'],
    ['validated in its fields', refundOf('{}'), 400, 'Amount is required'],
    ['validated in its headers', refundOf('{"amount":1}', { 'X-Reason': 'long' }), 400, 'Bad request'],
    ['held to its method', { ...refundOf('{"amount":1}'), method: 'GET' }, 405, 'Method not allowed'],
  ])('is %s', async (_what, wrong, status, words) => {
    expect(await send(url, wrong)).toMatchObject({ status, text: expect.stringContaining(words) });
  });

  it('may stand on the same path: then both methods are allowed', async () => {
    const { headers } = await send(url, request({}, { method: 'GET' }));
    expect(headers['allow']!.toString().split(', ').sort()).toEqual(['POST', 'PUT']);
  });

  it('may have no body', async () => {
    const { requestBody: _none, ...list } = refund;
    const listed = {
      ...rest,
      components,
      paths: { ...paths, [INTENT]: { post, get: { ...list, operationId: 'list' } } },
    };
    const another = await listening({ contract: listed, handlerOf: () => async () => ({ example: 'refunded' }) });
    expect(await send(another, request({}, { method: 'GET', body: undefined }))).toMatchObject({ status: 200 });
  });
});

/** Promises a body that never comes, and reads what is answered until the connection closes. */
async function promising(headers: Record<string, string>) {
  const lines = Object.entries({ ...HEADERS, 'Content-Length': '1000', ...headers }).map((line) => line.join(': '));
  return sendBytes(await listening({}), `POST ${INTENT} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
}

describe('before a byte of the body is read', () => {
  it.each<[number, Record<string, string>]>([
    [401, { 'cv-api-key': 'other' }],
    [401, { 'cv-api-key': 'other', 'Content-Length': '1000000000' }],
    [415, { 'Content-Type': 'text/plain' }],
    [413, { 'Content-Length': '131073' }],
  ])('answers %d to %o, and closes', async (status, headers) => {
    expect(await promising(headers)).toMatchObject({ status, headers: { connection: 'close' } });
  });
});

describe('every answer', () => {
  it('has a request id of ours, another one each time, whatever the client calls its own', async () => {
    const url = await listening({});
    const ids = [];
    for (let i = 0; i < 3; i++) {
      const { headers } = await send(url, request({ 'X-Request-Id': 'theirs', 'Request-Id': 'theirs' }));
      ids.push(headers['x-request-id']);
    }
    expect(ids.join(' ')).toMatch(/^[0-9a-f-]{36} [0-9a-f-]{36} [0-9a-f-]{36}$/);
    expect(new Set(ids).size).toBe(3);
  });

  it.each([
    [
      'a 200',
      `POST ${INTENT} HTTP/1.1\r\nHost: a\r\ncv-api-key: ${API_KEY}\r\nContent-Type: application/json\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{"amount":1}`,
    ],
    ['a 404', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
    ['what is no HTTP', 'no HTTP\r\n\r\n'],
    ['an unmet expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nConnection: close\r\n\r\n'],
    ['a URL that can not be read', 'GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
  ])('keeps caches and browsers from guessing: %s', async (_what, bytes) => {
    const { headers } = await sendBytes(await listening({}), bytes);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });

  it('says nothing of an error that we did not foresee', async () => {
    const broken = await listening({ handlerOf: () => () => Promise.reject(new Error('CANARY of /srv/app.ts')) });
    expect(await send(broken, request())).toMatchObject({
      status: 500,
      text: '{"success":false,"message":"Internal server error"}',
    });
  });

  it('is of no use to a page in a browser, unless it is on the list', async () => {
    const asked = request({ Origin: 'https://shop.test' });
    const { headers } = await send(await listening({}), asked);
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);

    const listed = await send(await listening({ corsOrigins: ['https://shop.test'] }), asked);
    expect(listed.headers).toMatchObject({ 'access-control-allow-origin': 'https://shop.test' });
  });
});

const strict = () =>
  listening({
    limits: limits({ tenantRequestsPerMinute: 100, addressFailuresPerMinute: 2 }),
  });

/** What the check of answers is shown of the one answer that it should be shown. */
async function shown(ask: (url: string) => Promise<unknown>, corsOrigins?: string[]): Promise<SentAnswer> {
  const answers: SentAnswer[] = [];
  const url = await listening({ checkAnswer: (answer) => void answers.push(answer), corsOrigins });
  await ask(url);
  // The client may have its answer before the check does.
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  return answers[0]!;
}

describe('the check of answers', () => {
  it.each<[string, number, string | undefined, (url: string) => Promise<unknown>]>([
    ['a success', 200, 'createPaymentIntent', (url) => send(url, request())],
    ['a refusal', 400, 'createPaymentIntent', (url) => send(url, request({}, { body: '{}' }))],
    ['what belongs to no operation', 404, undefined, (url) => send(url, request({}, { path: '/' }))],
    ['a URL that cannot be read', 400, undefined, (url) => send(url, request({}, { path: '/%zz' }))],
    ['bytes that are no HTTP', 400, undefined, (url) => sendBytes(url, 'no HTTP\r\n\r\n')],
    ['an expectation', 417, undefined, (url) => sendBytes(url, EXPECTING)],
  ])('is shown each, with headers and body: %s', async (_what, status, operation, ask) => {
    expect(await shown(ask)).toEqual({
      requestId: expect.any(String),
      operation,
      status,
      headers: expect.objectContaining({ 'cache-control': 'no-store', 'content-type': expect.stringMatching(/json/) }),
      body: expect.objectContaining({ message: expect.any(String) }),
    });
  });

  it('is not shown the answer to a question of a browser, which is no part of the contract', async () => {
    const asked = request(
      { Origin: 'https://shop.test', 'Access-Control-Request-Method': 'POST' },
      { method: 'OPTIONS' },
    );
    const { status } = await shown(
      async (url) => {
        expect(await send(url, asked)).toMatchObject({ status: 204 });
        await send(url, request());
      },
      ['https://shop.test'],
    );
    expect(status).toBe(200);
  });
});

const EXPECTING = `POST ${INTENT} HTTP/1.1\r\nHost: a\r\nExpect: the-best\r\nConnection: close\r\n\r\n`;

describe('a stranger', () => {
  it('may guess so many keys a minute', async () => {
    const url = await strict();
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await send(url, request({ 'cv-api-key': `guess ${i}` }))).status);
    expect(statuses).toEqual([401, 401, 429, 429]);
  });

  it('does not slow a customer at the same address', async () => {
    const url = await strict();
    for (let i = 0; i < 4; i++) await send(url, request({ 'cv-api-key': `guess ${i}` }));
    expect(await send(url, request())).toMatchObject({ status: 200 });
  });
});
