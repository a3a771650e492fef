import dns, { type LookupOptions } from 'node:dns';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import type { SentResponse } from '../../../src/contract/responseValidation.ts';
import { buildApp, type AppOptions } from '../../../src/http/app.ts';
import { openContract, type EngineOptions } from '../../../src/contract/engine.ts';
import type { OperationLogFields } from '../../../src/contract/handler.ts';
import { createRateLimits } from '../../../src/access/rateLimits.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { Problem } from '../../../src/contract/problems.ts';
import { exchange, rawClient, rawRequest, serverEnds, type RawRequest } from '../../support/rawHttp.ts';
import { edited } from '../../support/editedContract.ts';
import { respondWithFirstExample } from '../../support/engine.ts';
import { send, sendBytes, type WireRequest } from '../../support/exchange.ts';

const INTENT = '/api/v1/payments/intent';
const API_KEY = 'cv_key';

/** The newest last. */
const apps: FastifyInstance[] = [];
const HOST = 'Host: a';
const KEY = `cv-api-key: ${API_KEY}`;
const JSON_TYPE = 'Content-Type: application/json';
const BODY = '{"amount":100}';
const LENGTH = `Content-Length: ${BODY.length}`;
const CHUNKS = `e\r\n${BODY}\r\n0\r\n\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked';

const closers: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(closers.map((close) => close())));

/** The address of an app on this contract, which accepts one API key. */
async function listening({
  contract = edited(),
  engine = { notImplemented: respondWithFirstExample },
  prepare = () => {},
  host = '127.0.0.1',
  ...options
}: Partial<Omit<AppOptions, 'contract'>> & {
  contract?: object;
  engine?: EngineOptions;
  prepare?: (app: FastifyInstance) => void;
  host?: string;
}): Promise<string> {
  const app = await buildApp({
    contract: await openContract(structuredClone(contract), engine),
    authenticate: (apiKey) => (apiKey === API_KEY ? 'acme' : undefined),
    logger: pino({ level: 'silent' }),
    ...options,
  });
  apps.push(app);
  prepare(app);
  closers.push(() => {
    app.server.closeAllConnections();
    return app.close();
  });
  return app.listen({ host, port: 0 });
}

/** An operation that succeeds with these log fields. */
const responding = (logFields: () => Promise<OperationLogFields>): EngineOptions => ({
  notImplemented: async (valid, operation) => {
    const fields = await logFields();
    return { ...(await respondWithFirstExample(valid, operation)), logFields: fields };
  },
});

const failing = (error: unknown): EngineOptions => ({
  notImplemented: async () => {
    throw error;
  },
});

const HEADERS = { Host: 'app.test', 'cv-api-key': API_KEY, 'Content-Type': 'application/json' };

/** A valid request with some headers more, or other ones. */
function request(headers: Record<string, string> = {}, changes: Partial<WireRequest> = {}): WireRequest {
  const all = Object.entries({ ...HEADERS, ...headers });
  return { method: 'POST', path: INTENT, headers: all, body: '{"amount":1}', ...changes };
}

const createRefund = (body: string, headers: Record<string, string> = {}) =>
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
    url = await listening({ contract, engine: { handlers } });
  });

  it('needs one new handler, which gets the validated request', async () => {
    const { status, text } = await send(url, createRefund('{"amount":1}', { 'X-Reason': 'why' }));
    expect({ status, body: JSON.parse(text) }).toEqual({
      status: 200,
      body: {
        status: 200,
        refund: {
          operationId: 'createRefund',
          tenant: 'acme',
          body: { amount: 1 },
          params: {},
          query: {},
          headers: expect.objectContaining({ 'x-reason': 'why' }),
        },
      },
    });
  });

  it('leaves the first operation as it was', async () => {
    expect(await send(url, request())).toMatchObject({ status: 200 });
  });

  it.each<[string, WireRequest, number, string]>([
    ['authenticated', createRefund('{"amount":1}', { 'cv-api-key': 'other' }), 401, 'Invalid API key'],
    [
      'refused with another media type',
      createRefund('{"amount":1}', { 'Content-Type': 'text/plain' }),
      415,
      'application/json',
    ],
    ['refused above its own size limit', createRefund('{"amount":1}'.padEnd(101)), 413, 'too large'],
    ['validated in its body', createRefund('{"amount":"1"}'), 400, 'Amount must be a positive number'],
    ['validated in its fields', createRefund('{}'), 400, 'Amount is required'],
    ['validated in its headers', createRefund('{"amount":1}', { 'X-Reason': 'long' }), 400, 'Bad request'],
    ['refused with another method', { ...createRefund('{"amount":1}'), method: 'GET' }, 405, 'Method not allowed'],
  ])('is %s', async (_what, wrong, status, words) => {
    expect(await send(url, wrong)).toMatchObject({ status, text: expect.stringContaining(words) });
  });

  it('may share a path: then Allow lists both methods', async () => {
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
    const another = await listening({ contract: listed, engine: { notImplemented: respondWithFirstExample } });
    expect(await send(another, request({}, { method: 'GET', body: undefined }))).toMatchObject({ status: 200 });
    expect(await send(another, request({}, { method: 'HEAD', body: undefined }))).toMatchObject({ status: 405 });
  });
});

/** Announces a body that never comes, and reads the response until the connection closes. */
async function announceBody(headers: Record<string, string>, path = INTENT) {
  const lines = Object.entries({ ...HEADERS, 'Content-Length': '1000', ...headers }).map((line) => line.join(': '));
  return sendBytes(await listening({}), `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
}

describe('before the body is read', () => {
  it.each<[number, Record<string, string>]>([
    [401, { 'cv-api-key': 'other' }],
    [401, { 'cv-api-key': 'other', 'Content-Length': '1000000000' }],
    [415, { 'Content-Type': 'text/plain' }],
    [413, { 'Content-Length': '131073' }],
  ])('responds with %d to %o, and closes', async (status, headers) => {
    expect(await announceBody(headers)).toMatchObject({ status, headers: { connection: 'close' } });
  });

  it('responds with 404 to an unknown path, and closes', async () => {
    expect(await announceBody({}, '/other')).toMatchObject({ status: 404, headers: { connection: 'close' } });
  });
});

/** A handler with a defect. */
const succeeding = (result: object): EngineOptions => ({
  handlers: { createPaymentIntent: async () => ({ example: 'created', ...result }) as never },
});
const unprintable = {
  get clientSecret() {
    throw new Error('CANARY');
  },
};
const onSend = (hook: () => void | Promise<never>) => (app: FastifyInstance) => {
  app.addHook('onSend', async () => hook());
};
const throwing = (): never => {
  throw new Error('CANARY');
};

describe('every response', () => {
  it('has a new request ID of ours, whatever ID the client sends', async () => {
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
    ['bytes that are no HTTP', 'no HTTP\r\n\r\n'],
    ['an unsupported expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nConnection: close\r\n\r\n'],
    ['a URL that can not be read', 'GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
  ])('is neither cached nor sniffed: %s', async (_what, bytes) => {
    const { headers } = await sendBytes(await listening({}), bytes);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });

  it('reveals nothing of an unexpected error', async () => {
    const broken = await listening({ engine: failing(new Error('CANARY of /srv/app.ts')) });
    expect(await send(broken, request())).toMatchObject({
      status: 500,
      text: '{"success":false,"message":"Internal server error"}',
    });
  });

  it.each<[string, Parameters<typeof listening>[0], RawRequest?]>([
    ['an example that is not there', { engine: succeeding({ example: 'none' }) }],
    ['a body that JSON has no text for', { engine: succeeding({ fields: { data: { amount: 1n } } }) }],
    ['a field that throws', { engine: succeeding({ fields: { data: unprintable } }) }],
    ['a header that Node refuses', { engine: succeeding({ headers: { 'X-Odd': 'CANARY\n' } }) }],
    [
      'a header of a refusal that Node refuses',
      { engine: failing(new Problem('notFound', { headers: { 'X-Odd': 'CANARY\n' } })) },
    ],
    ['a problem that the contract does not have', { engine: failing(new Problem('CANARY' as 'notFound')) }],
    [
      'a cause that throws',
      {
        engine: failing({
          get code() {
            return throwing();
          },
        }),
      },
    ],
    ['a hook that throws', { prepare: onSend(throwing) }],
    ['a hook that throws, on an unknown path', { prepare: onSend(throwing) }, { target: '/other' }],
    [
      'a hook that throws, before the body has come',
      { prepare: onSend(throwing) },
      { headers: [HOST, 'Content-Length: 9'], body: '' },
    ],
    ['a thrown string', { engine: failing('CANARY') }],
  ])('is the 500 of the contract with its headers, whatever throws: %s', async (_what, options, changes) => {
    const client = rawClient(await listening(options));
    client.send(rawRequest(API_KEY, changes));
    const { status, headers, text } = await client.response();
    client.socket.destroy();
    const { connection: _either, 'keep-alive': _too, ...others } = headers;
    expect({ status, text, headers: others }).toEqual({
      status: 500,
      text: '{"success":false,"message":"Internal server error"}',
      headers: {
        'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-error-code': 'internalError',
        'content-type': 'application/json; charset=utf-8',
        'content-length': '51',
        date: expect.any(String),
      },
    });
  });
});

const strict = () =>
  listening({
    limits: createRateLimits({ tenantRequestsPerMinute: 100, addressFailuresPerMinute: 2 }),
  });

/** The one response that is handed to the validation. */
async function validatedResponse(
  exchangeWith: (url: string) => Promise<unknown>,
  corsOrigins?: string[],
): Promise<SentResponse> {
  const responses: SentResponse[] = [];
  const url = await listening({ validateResponse: (response) => void responses.push(response), corsOrigins });
  await exchangeWith(url);
  // The client may have its response before the validation does.
  await vi.waitFor(() => expect(responses).toHaveLength(1));
  return responses[0]!;
}

describe('response validation', () => {
  it.each<[string, number, string | undefined, (url: string) => Promise<unknown>]>([
    ['a success', 200, 'createPaymentIntent', (url) => send(url, request())],
    ['a refusal', 400, 'createPaymentIntent', (url) => send(url, request({}, { body: '{}' }))],
    [
      'a request with the headers of a preflight',
      200,
      'createPaymentIntent',
      (url) => send(url, request(PREFLIGHT_HEADERS)),
    ],
    ['a path of no operation', 404, undefined, (url) => send(url, request({}, { path: '/' }))],
    ['a URL that cannot be read', 400, undefined, (url) => send(url, request({}, { path: '/%zz' }))],
    ['bytes that are no HTTP', 400, undefined, (url) => sendBytes(url, 'no HTTP\r\n\r\n')],
    ['an unsupported expectation', 417, undefined, (url) => sendBytes(url, EXPECTING)],
  ])('gets each response, with headers and body: %s', async (_what, status, operation, exchangeWith) => {
    expect(await validatedResponse(exchangeWith)).toEqual({
      requestId: expect.any(String),
      operation,
      status,
      headers: expect.objectContaining({ 'cache-control': 'no-store', 'content-type': expect.stringMatching(/json/) }),
      body: expect.objectContaining({ message: expect.any(String) }),
    });
  });

  it('does not get the response to a preflight, which is no part of the contract', async () => {
    const preflight = request(PREFLIGHT_HEADERS, { method: 'OPTIONS' });
    const { status } = await validatedResponse(
      async (url) => {
        expect(await send(url, preflight)).toMatchObject({ status: 204 });
        await send(url, request());
      },
      ['https://shop.test'],
    );
    expect(status).toBe(200);
  });
});

const PREFLIGHT_HEADERS = { Origin: 'https://shop.test', 'Access-Control-Request-Method': 'POST' };

const EXPECTING = `POST ${INTENT} HTTP/1.1\r\nHost: a\r\nExpect: the-best\r\nConnection: close\r\n\r\n`;

describe('a client without a valid key', () => {
  it('may fail so often a minute, and then gets 429', async () => {
    const url = await strict();
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await send(url, request({ 'cv-api-key': `guess ${i}` }))).status);
    expect(statuses).toEqual([401, 401, 429, 429]);
  });

  it('does not affect a tenant at the same address', async () => {
    const url = await strict();
    for (let i = 0; i < 4; i++) await send(url, request({ 'cv-api-key': `guess ${i}` }));
    expect(await send(url, request())).toMatchObject({ status: 200 });
  });
});

/** The statuses that a valid request with these changes gets, in order. */
async function readStatuses(changes: RawRequest, options: Parameters<typeof listening>[0] = {}): Promise<number[]> {
  const { responses, rest } = await exchange(await listening(options), rawRequest(API_KEY, changes));
  expect(rest).toBe('');
  return responses.map(({ status }) => status);
}

describe('a request', () => {
  it.each<[string, RawRequest, number]>([
    ['must have one key only', { headers: [HOST, KEY, KEY, JSON_TYPE, LENGTH] }, 401],
    ['must have a key that is not empty', { headers: [HOST, 'cv-api-key:', JSON_TYPE, LENGTH] }, 401],
    ['may have its key in a header of any case', { headers: [HOST, `CV-Api-Key: ${API_KEY}`, JSON_TYPE, LENGTH] }, 200],
    ['must have a Host', { headers: [KEY, JSON_TYPE, LENGTH] }, 400],
    ['must have one Host only', { headers: [HOST, HOST, KEY, JSON_TYPE, LENGTH] }, 400],
    ['needs no Host with HTTP/1.0', { version: 'HTTP/1.0', headers: [KEY, JSON_TYPE, LENGTH] }, 200],
    [
      'must have at most one Host with HTTP/1.0',
      { version: 'HTTP/1.0', headers: [HOST, HOST, KEY, JSON_TYPE, LENGTH] },
      400,
    ],
    ['must be of a supported version', { version: 'HTTP/2.0' }, 400],
    ['must have a known path', { target: '/other' }, 404],
    ['must have a path that can be decoded', { target: '/%zz' }, 400],
    ['must have a known method', { method: 'PUT' }, 405],
    ['must have a known method, also among unusual ones', { method: 'PROPFIND' }, 405],
    ['gets 404 on an unknown path, whatever its method', { method: 'PROPFIND', target: '/other' }, 404],
    ['must have one media type only', { headers: [HOST, KEY, JSON_TYPE, JSON_TYPE, LENGTH] }, 415],
    [
      'may have its media type in any case',
      { headers: [HOST, KEY, 'Content-Type: Application/JSON ; a=b', LENGTH] },
      200,
    ],
    ['must have a valid media type', { headers: [HOST, KEY, 'Content-Type: json', CHUNKED], body: CHUNKS }, 415],
    ['must have a media type with a body', { headers: [HOST, KEY, LENGTH] }, 415],
    [
      'must have the right media type in chunks, too',
      { headers: [HOST, KEY, 'Content-Type: text/plain', CHUNKED], body: CHUNKS },
      415,
    ],
    ['needs no media type without a body', { headers: [HOST, KEY, CHUNKED], body: '0\r\n\r\n' }, 400],
    ['must not be compressed', { headers: [HOST, KEY, JSON_TYPE, LENGTH, 'Content-Encoding: gzip'] }, 415],
    [
      'may have the content encoding identity',
      { headers: [HOST, KEY, JSON_TYPE, LENGTH, 'Content-Encoding: Identity'] },
      200,
    ],
    [
      'must not have a compressed transfer coding',
      { headers: [HOST, KEY, JSON_TYPE, 'Transfer-Encoding: gzip, chunked'], body: CHUNKS },
      415,
    ],
    ['may be chunked', { headers: [HOST, KEY, JSON_TYPE, 'Transfer-Encoding: Chunked'], body: CHUNKS }, 200],
  ])('%s', async (_what, changes, status) => {
    expect(await readStatuses(changes)).toEqual([status]);
  });

  it('that is too large in chunks and of another media type gets 415', async () => {
    const body = `21000\r\n${'x'.repeat(0x2_1000)}\r\n0\r\n\r\n`;
    expect(await readStatuses({ headers: [HOST, KEY, JSON_TYPE, CHUNKED], body })).toEqual([413]);
    expect(await readStatuses({ headers: [HOST, KEY, 'Content-Type: text/plain', CHUNKED], body })).toEqual([415]);
  });

  it.each<[string, RawRequest, number[]]>([
    ['is wanted', { more: ['Expect: 100-continue'] }, [100, 200]],
    ['is as large as it may be', { more: ['Expect: 100-continue'], body: BODY.padEnd(131_072) }, [100, 200]],
    ['comes without Expect', {}, [200]],
    ['comes with HTTP/1.0', { version: 'HTTP/1.0', more: ['Expect: 100-continue'] }, [200]],
    ['comes without a key', { headers: [HOST, LENGTH, 'Expect: 100-continue'] }, [401]],
    ['is too large', { more: ['Expect: 100-continue'], body: BODY.padEnd(131_073) }, [413]],
  ])('gets 100 Continue only where its body %s', async (_what, changes, statuses) => {
    expect(await readStatuses(changes)).toEqual(statuses);
  });

  it.each<[number, RawRequest, Parameters<typeof listening>[0]]>([
    [401, { headers: [HOST, 'cv-api-key: other', JSON_TYPE, LENGTH], body: BODY }, {}],
    [401, { headers: [HOST, 'cv-api-key: other', JSON_TYPE, CHUNKED], body: CHUNKS }, {}],
    [401, { headers: [HOST, 'cv-api-key: other', JSON_TYPE, LENGTH, 'Expect: 100-continue'] }, {}],
    [404, { target: '/other' }, {}],
    [404, { target: '/other', headers: [HOST, CHUNKED], body: CHUNKS }, {}],
    [405, { method: 'PUT' }, {}],
    [415, { headers: [HOST, KEY, 'Content-Type: text/plain', LENGTH] }, {}],
    [429, {}, { limits: createRateLimits({ tenantRequestsPerMinute: 0, addressFailuresPerMinute: 9 }) }],
  ])('keeps its connection open behind a %i, where its whole body has come: %o', async (status, changes, options) => {
    const url = await listening(options);
    const ends = serverEnds(url);
    const client = rawClient(url);
    for (const count of [1, 2]) {
      client.send(rawRequest(API_KEY, { body: BODY, ...changes }));
      expect(await client.response(count)).toMatchObject({ status, headers: { connection: 'keep-alive' } });
    }
    expect((await ends.of(client)).destroyed).toBe(false);
    ends.stop();
    client.socket.destroy();
  });

  it('is handled behind a refused one whose whole body has come', async () => {
    const refused = rawRequest(API_KEY, { headers: [HOST, 'cv-api-key: other', JSON_TYPE, CHUNKED], body: CHUNKS });
    const url = await listening({});
    const { responses } = await exchange(
      url,
      Buffer.concat([refused, rawRequest(API_KEY), refused, rawRequest(API_KEY)]),
    );
    expect(responses.map(({ status }) => status)).toEqual([401, 200, 401, 200]);
  });

  it.each<[string, number, RawRequest]>([
    ['a tenant', 413, { headers: [HOST, KEY, JSON_TYPE, CHUNKED] }],
    ['a tenant with another media type', 415, { headers: [HOST, KEY, 'Content-Type: text/plain', CHUNKED] }],
    ['a client without a key', 401, { headers: [HOST, JSON_TYPE, CHUNKED] }],
    ['any client, on an unknown path', 404, { target: '/other', headers: [HOST, CHUNKED] }],
    ['any client, with another method', 405, { method: 'PUT', headers: [HOST, CHUNKED] }],
  ])('is the last of its connection where its body has too many chunks: %s gets %i', async (_who, status, changes) => {
    const body = `${'1\r\ny\r\n'.repeat(1_025)}0\r\n\r\n`;
    const url = await listening({});
    const { responses } = await exchange(
      url,
      Buffer.concat([rawRequest(API_KEY, { ...changes, body }), rawRequest(API_KEY)]),
    );
    expect(responses).toMatchObject([{ status, headers: { connection: 'close' } }]);
  });

  it.each<[string, RawRequest]>([
    ['without a key', { headers: [HOST, JSON_TYPE, CHUNKED] }],
    ['on an unknown path', { target: '/other', headers: [HOST, KEY, CHUNKED] }],
    ['with another method', { method: 'PUT', headers: [HOST, KEY, CHUNKED] }],
    ['for a page', { target: '/page', headers: [HOST, CHUNKED] }],
  ])('%s has at most 16 chunks of its body parsed', async (_what, changes) => {
    // Both take a while, as with Redis and files.
    const limits = {
      ...createRateLimits({ tenantRequestsPerMinute: 9, addressFailuresPerMinute: 9 }),
      countFailure: () => delay(20),
    };
    const page = { method: 'POST', url: '/page', config: { label: 'page' }, handler: () => delay(20, '') };
    const url = await listening({ limits, prepare: (app) => app.route(page) });
    const ends = serverEnds(url);
    const client = rawClient(url);
    const countPieces = countBodyPieces(await ends.of(client));
    client.send(rawRequest(API_KEY, { ...changes, body: '1\r\ny\r\n'.repeat(5_000) }));
    await client.response();
    ends.stop();
    client.socket.destroy();
    // The last one is the first that is too many.
    expect(countPieces()).toBeLessThanOrEqual(17);
  });

  it.each<[string, string | undefined]>([
    ['with PUT gets the allowed methods', 'PUT'],
    ['with HEAD gets them without a body', 'HEAD'],
  ])('%s', async (_what, method) => {
    const { responses } = await exchange(await listening({}), `${method} ${INTENT} HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(responses).toMatchObject([{ status: 405, headers: { allow: 'POST' } }]);
    expect(responses[0]!.text === '').toBe(method === 'HEAD');
  });

  it('keeps its connection open behind a refusal, where it was read to its end', async () => {
    const client = rawClient(await listening({}));
    client.send(rawRequest(API_KEY, { body: '[]' }));
    expect(await client.response(1)).toMatchObject({ status: 400, headers: { connection: 'keep-alive' } });
    client.send(rawRequest(API_KEY));
    expect(await client.response(2)).toMatchObject({ status: 200 });
    client.socket.destroy();
  });

  it.each<[string, readonly string[] | undefined, number[]]>([
    ['is not believed its X-Forwarded-For', undefined, [401, 429]],
    ['is believed its X-Forwarded-For from a trusted proxy', ['127.0.0.1'], [401, 401]],
  ])('%s', async (_what, trustedProxies, statuses) => {
    const strictly = createRateLimits({ tenantRequestsPerMinute: 100, addressFailuresPerMinute: 1 });
    const url = await listening({ limits: strictly, trustedProxies });
    const from = (address: string) => send(url, request({ 'cv-api-key': 'guess', 'X-Forwarded-For': address }));
    expect([(await from('192.0.2.1')).status, (await from('192.0.2.2')).status]).toEqual(statuses);
  });

  it.each<[string, string[], number[]]>([
    ['with another port', ['203.0.113.3', '203.0.113.3:4001', '"203.0.113.3:4002"'], [401, 429, 429]],
    ['with another port of IPv6', ['[2001:db8::1]:4001', '[2001:db8::1]:4002', '2001:DB8:0::9'], [401, 429, 429]],
    ['with a text that is no address', ['unknown', '_hidden', 'x'], [401, 429, 429]],
    ['with another trusted proxy in between', ['203.0.113.3, 10.0.0.2:1', '203.0.113.3, 10.0.0.2:2'], [401, 429]],
    ['with an address of its own in front', ['192.0.2.1, 203.0.113.3:1', '192.0.2.2, 203.0.113.3:2'], [401, 429]],
    ['that is another', ['203.0.113.3:4001', '203.0.113.4:4001'], [401, 401]],
  ])('is counted by the address that a trusted proxy reports, %s', async (_what, addresses, statuses) => {
    const strictly = createRateLimits({ tenantRequestsPerMinute: 100, addressFailuresPerMinute: 1 });
    const url = await listening({ limits: strictly, trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
    const seen = [];
    for (const address of addresses) {
      seen.push((await send(url, request({ 'cv-api-key': 'guess', 'X-Forwarded-For': address }))).status);
    }
    expect(seen).toEqual(statuses);
  });

  it('is counted against its own tenant alone', async () => {
    const limits = createRateLimits({ tenantRequestsPerMinute: 1, addressFailuresPerMinute: 9 });
    const url = await listening({ authenticate: (apiKey) => apiKey, limits });
    const responses = [];
    for (const tenant of ['acme', 'acme', 'globex']) responses.push(await send(url, request({ 'cv-api-key': tenant })));
    expect(responses.map(({ status }) => status)).toEqual([200, 429, 200]);
  });

  it('is routed on a path with a colon and parameters', async () => {
    const { post } = document.paths[INTENT];
    const parameters = ['id', 'part'].map((name) => ({ name, in: 'path', required: true, schema: {} }));
    const paths = { '/odd:path/{id}/{part}': { post: { ...post, parameters } } };
    const url = await listening({ contract: { ...structuredClone(document), paths } });
    expect(await send(url, request({}, { path: '/odd:path/1/2' }))).toMatchObject({ status: 200 });
    expect(await send(url, request({}, { path: '/oddx/1/2' }))).toMatchObject({ status: 404 });
    expect(await send(url, request({}, { path: '/odd:path/1/2', method: 'PUT' }))).toMatchObject({ status: 405 });
  });
});

describe('an OPTIONS request', () => {
  const preflight = ['Origin: https://shop.test', 'Access-Control-Request-Method: POST'];

  it.each<[string, RawRequest | string, number]>([
    ['without a Host', { method: 'OPTIONS', target: '/x', headers: [], body: '' }, 400],
    ['without a Host, as a preflight', { method: 'OPTIONS', headers: preflight, body: '' }, 400],
    ['with two Hosts', { method: 'OPTIONS', target: '/x', headers: [HOST, HOST], body: '' }, 400],
    ['without a version', 'OPTIONS /x\r\n\r\n', 400],
    ['to an unknown path', { method: 'OPTIONS', target: '/x', headers: [HOST], body: '' }, 404],
    ['to *', { method: 'OPTIONS', target: '*', headers: [HOST], body: '' }, 404],
  ])('gets the response of the contract, with CORS as without: %s', async (_what, sent, status) => {
    const bytes = typeof sent === 'string' ? sent : rawRequest(API_KEY, sent);
    for (const corsOrigins of [undefined, '*' as const, ['https://shop.test']]) {
      const { responses } = await exchange(await listening({ corsOrigins }), bytes);
      expect(responses).toMatchObject([{ status, headers: { 'x-request-id': expect.any(String) } }]);
      expect(JSON.parse(responses[0]!.text)).toEqual({ success: false, message: expect.any(String) });
    }
  });
});

/** Counts the calls of Node's parser with a piece of a body. */
function countBodyPieces(serverEnd: object): () => number {
  const { parser } = serverEnd as { parser: Record<string, unknown> };
  const [name, original] = Object.entries(parser).find(
    ([, value]) => typeof value === 'function' && value.name === 'parserOnBody',
  ) as [string, (this: unknown, bytes: Buffer) => void];
  let count = 0;
  parser[name] = function parserOnBody(bytes: Buffer) {
    count += 1;
    original.call(this, bytes);
  };
  return () => count;
}

/** An app with all that it logs and counts. */
async function watched(options: Parameters<typeof listening>[0] = {}) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const measures = createMetrics();
  const url = await listening({ logger, metrics: measures, ...options });
  const line = async () => {
    await vi.waitFor(() => expect(lines).toHaveLength(1), { interval: 5 });
    return lines[0]!;
  };
  const counted = async () =>
    (await measures.text()).split('\n').filter((one) => /^(http_requests|payment_method).*\{/.test(one));
  return { url, line, lines, counted, measures };
}

/** Sends a request, and resets the connection at that moment; resolves once the server has noticed. */
async function resetDuring(url: string, moment: Promise<void>): Promise<void> {
  const ends = serverEnds(url);
  const client = rawClient(url);
  const serverEnd = await ends.of(client);
  client.send(rawRequest(API_KEY));
  await moment;
  client.socket.resetAndDestroy();
  await vi.waitUntil(() => serverEnd.closed, { interval: 5 });
  ends.stop();
}

const bodiless = (...more: string[]): RawRequest => ({ headers: [HOST, ...more, 'Content-Length: 0'], body: '' });

/** The status and the header Keep-Alive of the responses to these requests, one behind another on one connection. */
async function keptAlive(url: string, ...requests: RawRequest[]) {
  const client = rawClient(url);
  for (const [index, one] of requests.entries()) {
    client.send(rawRequest(API_KEY, one));
    await client.response(index + 1);
  }
  client.socket.destroy();
  return client.received().responses.map(({ status, headers }) => [status, headers['keep-alive']]);
}

describe('a connection without an authenticated request', () => {
  // Without a body, whose rest would be a reason to close.
  const refused = { target: '/other', headers: [HOST], body: '' };

  it('may idle for 5 seconds, until a request on it has a valid key', async () => {
    const url = await listening({});
    expect(await keptAlive(url, refused, bodiless(), {}, refused)).toEqual([
      [404, 'timeout=5'],
      [401, 'timeout=5'],
      [200, 'timeout=72'],
      [404, 'timeout=72'],
    ]);
  });

  it.each([
    ['of a trusted proxy, which sends requests of others over it, may idle for 72 seconds', ['127.0.0.1'], 72],
    ['with X-Forwarded-For, where no proxy is trusted, may not', undefined, 5],
    ['with X-Forwarded-For from a client that is no trusted proxy may not', ['192.0.2.9'], 5],
  ])('%s', async (_whose, trustedProxies, seconds) => {
    const url = await listening({ trustedProxies });
    const forwarded = { ...refused, more: ['X-Forwarded-For: 192.0.2.1'] };
    expect(await keptAlive(url, forwarded)).toEqual([[404, `timeout=${seconds}`]]);
  });

  it('closes behind the last 429 of an address that has failed too often', async () => {
    const url = await listening({
      limits: createRateLimits({ tenantRequestsPerMinute: 9, addressFailuresPerMinute: 1 }),
    });
    const wrong = rawRequest('', bodiless('cv-api-key: wrong'));
    const client = rawClient(url);
    client.send(Buffer.concat([wrong, wrong, wrong]));
    await client.closed;
    expect(client.received().responses.map(({ status, headers }) => [status, headers['connection']])).toEqual([
      [401, 'keep-alive'],
      [429, 'keep-alive'],
      [429, 'close'],
    ]);
  });

  it('is kept open for a tenant above its limit', async () => {
    const url = await listening({
      limits: createRateLimits({ tenantRequestsPerMinute: 1, addressFailuresPerMinute: 9 }),
    });
    expect(await keptAlive(url, bodiless(KEY), bodiless(KEY))).toEqual([
      [400, 'timeout=72'],
      [429, 'timeout=72'],
    ]);
  });
});

describe('a request that timed out in the middle of its body', () => {
  it('has no effect, even where Node reads the rest of it', async () => {
    const operated = vi.fn<() => void>();
    const url = await listening({ engine: responding(async () => (operated(), {})) });
    const ends = serverEnds(url);
    const client = rawClient(url);
    const serverEnd = await ends.of(client);
    const whole = rawRequest(API_KEY);
    client.send(whole.subarray(0, -1));
    await vi.waitUntil(() => serverEnd.bytesRead === whole.length - 1, { interval: 5 });
    const timeout = Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    apps.at(-1)!.server.emit('clientError', timeout, serverEnd);
    serverEnd.resume();
    client.send(whole.subarray(-1));
    await client.closed;
    ends.stop();
    expect(serverEnd.bytesRead).toBe(whole.length);
    expect(client.received().responses.map(({ status }) => status)).toEqual([408]);
    expect(operated).not.toHaveBeenCalled();
  });

  it('has no effect where its connection has ended behind the response to the request before it', async () => {
    const released = Promise.withResolvers<void>();
    const operated = vi.fn<() => void>();
    const url = await listening({
      engine: responding(async () => {
        operated();
        await released.promise;
        return {};
      }),
    });
    const ends = serverEnds(url);
    const client = rawClient(url);
    const serverEnd = await ends.of(client);
    const whole = rawRequest(API_KEY);
    client.send(Buffer.concat([whole, whole.subarray(0, -1)]));
    await vi.waitUntil(() => operated.mock.calls.length === 1, { interval: 5 });
    const timeout = Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    apps.at(-1)!.server.emit('clientError', timeout, serverEnd);
    released.resolve();
    await client.response();
    serverEnd.resume();
    client.send(whole.subarray(-1));
    await client.closed;
    ends.stop();
    expect(client.received().responses).toMatchObject([{ status: 200, headers: { connection: 'close' } }]);
    expect(operated).toHaveBeenCalledTimes(1);
  });
});

/** As on a machine whose localhost has two addresses. */
function lookUp(host: string, _options: LookupOptions, done: (error: null, addresses: object[]) => void): void {
  const addresses = host === 'localhost' ? ['127.0.0.1', '127.0.0.2'] : [host];
  done(
    null,
    addresses.map((address) => ({ address, family: 4 })),
  );
}

describe('a server on localhost', () => {
  it('listens on one of its addresses only: nothing would follow the connections of a second server', async () => {
    const spy = vi.spyOn(dns, 'lookup').mockImplementation(lookUp as never);
    onTestFinished(() => spy.mockRestore());
    const url = await listening({ host: 'localhost' });
    expect(new URL(url).hostname).toBe('127.0.0.1');
    await expect(fetch(url.replace('127.0.0.1', '127.0.0.2'))).rejects.toMatchObject({
      cause: { code: 'ECONNREFUSED' },
    });
  });
});

describe('the log and the metrics', () => {
  it.each<[string, string, RawRequest | string, object]>([
    ['requests', 'request', { target: '/other' }, { status: 404, problem: 'notFound' }],
    ['requests without a key', 'request', { headers: [HOST] }, { status: 401, problem: 'invalidApiKey' }],
    ['parser errors', 'rejected before routing', 'no HTTP\r\n\r\n', { status: 400, problem: 'invalidRequest' }],
  ])(
    'have one line for the first refusal in a second and one for the number of the others: %s',
    async (_what, msg, sent, kind) => {
      const { url, lines, counted } = await watched();
      for (let count = 0; count < 3; count++)
        await exchange(url, typeof sent === 'string' ? sent : rawRequest('', sent));
      await vi.waitUntil(() => lines.length > 1, { timeout: 5_000, interval: 5 });
      expect(lines).toMatchObject([
        { ...kind, msg, requestId: expect.any(String) },
        { ...kind, suppressed: 2, msg: 'more rejections of this kind within one second' },
      ]);
      expect((await counted()).map((line) => line.split(' ').at(-1))).toEqual(['3']);
    },
  );

  it('have a line for each refused request of a tenant', async () => {
    const { url, lines } = await watched();
    for (let count = 0; count < 3; count++) await send(url, request({}, { body: '{}' }));
    await vi.waitFor(() => expect(lines).toHaveLength(3), { interval: 5 });
    expect(lines.map(({ status, msg }) => [status, msg])).toEqual(lines.map(() => [400, 'request']));
  });

  it('have one entry for a request with a response', async () => {
    const { url, line, counted, measures } = await watched({
      engine: responding(async () => ({ droppedMethodTypes: ['eps'] })),
    });
    const { headers } = await send(url, request());
    const entry = await line();
    expect(entry).toMatchObject({
      requestId: headers['x-request-id'],
      tenant: 'acme',
      operation: 'createPaymentIntent',
      method: 'POST',
      status: 200,
      droppedMethodTypes: ['eps'],
    });
    expect(entry).not.toHaveProperty('aborted');
    expect(entry['durationMs']).toBeLessThan(10_000);
    expect(await counted()).toEqual([
      'http_requests_total{operation="createPaymentIntent",status="200"} 1',
      'payment_method_types_dropped_total{type="eps"} 1',
    ]);
    expect(await measures.text()).toContain('http_request_duration_seconds_count{operation="createPaymentIntent"} 1');
  });

  it.each<[string, RawRequest | string, object, string]>([
    [
      'a refusal',
      { body: '{}' },
      { status: 400, problem: 'amountRequired', operation: 'createPaymentIntent' },
      'operation="createPaymentIntent",status="400"',
    ],
    ['an unknown path', { target: '/other' }, { status: 404 }, 'operation="none",status="404"'],
    ['an unknown method', { method: 'PROPFIND' }, { status: 405 }, 'operation="none",status="405"'],
    ['a path that cannot be decoded', { target: '/%zz' }, { status: 400 }, 'operation="none",status="400"'],
    [
      'bytes that are no request',
      'no HTTP\r\n\r\n',
      { status: 400, problem: 'invalidRequest', msg: 'rejected before routing' },
      'operation="none",status="400"',
    ],
    [
      'a body with a malformed chunk',
      { headers: [HOST, KEY, JSON_TYPE, CHUNKED], body: '1\r\nx\r\nno chunk' },
      { status: 400, problem: 'invalidRequest', operation: 'createPaymentIntent', msg: 'request' },
      'operation="createPaymentIntent",status="400"',
    ],
  ])('have one entry for %s', async (_what, sent, expected, counts) => {
    const { url, line, lines, counted } = await watched();
    await exchange(url, typeof sent === 'string' ? sent : rawRequest(API_KEY, sent));
    expect(await line()).toMatchObject(expected);
    expect(lines[0]).not.toHaveProperty('aborted');
    expect(await counted()).toEqual([`http_requests_total{${counts}} 1`]);
  });

  it('have an entry for a success without log fields', async () => {
    const { url, line, counted } = await watched();
    await send(url, request());
    expect(await line()).toMatchObject({ status: 200, operation: 'createPaymentIntent' });
    expect(await counted()).toEqual(['http_requests_total{operation="createPaymentIntent",status="200"} 1']);
  });

  it('have the cause of an internal error', async () => {
    const { url, line } = await watched({ engine: failing(new TypeError('ours')) });
    await send(url, request());
    expect(await line()).toMatchObject({ status: 500, problem: 'internalError', cause: { name: 'TypeError' } });
  });

  it('say that the client left, and the result of its request', async () => {
    const [begun, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { url, line, lines, counted } = await watched({
      engine: responding(async () => {
        begun.resolve();
        await done.promise;
        return { replayed: true, droppedMethodTypes: [] };
      }),
    });
    await resetDuring(url, begun.promise);
    expect(lines).toEqual([]);
    done.resolve();
    expect(await line()).toMatchObject({ aborted: true, replayed: true });
    expect(lines[0]).not.toHaveProperty('status');
    expect(await counted()).toContain('http_requests_total{operation="createPaymentIntent",status="0"} 1');
  });

  it('have the reference of the intent where the client left and the request failed', async () => {
    const [begun, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { url, line } = await watched({
      engine: responding(async () => {
        begun.resolve();
        await done.promise;
        throw new Problem<'createPaymentIntent'>('providerUnavailable', { reference: 'be29' });
      }),
    });
    await resetDuring(url, begun.promise);
    done.resolve();
    expect(await line()).toMatchObject({ aborted: true, problem: 'providerUnavailable', cv_reference: 'be29' });
  });

  it('do not lead to a second validation where a parser error replaced the response', async () => {
    const responses: SentResponse[] = [];
    const { url, line } = await watched({ validateResponse: (response) => void responses.push(response) });
    const broken = { headers: [HOST, KEY, JSON_TYPE, CHUNKED], body: '1\r\nx\r\nno chunk' };
    await exchange(url, rawRequest(API_KEY, broken));
    await line();
    expect(responses.map(({ status }) => status)).toEqual([400]);
  });
});
