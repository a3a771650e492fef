import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { INVALID_SPAN_CONTEXT, trace, type SpanContext } from '@opentelemetry/api';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { sha256 } from '../../../src/access/apiKeys.ts';
import { readConfig } from '../../../src/config.ts';
import { startFakeStripe, type FakeStripe, type Fault } from '../../../src/fake-stripe/server.ts';
import { logRequest, oncePerSecond, errorWithoutMessage, type LoggedRequest } from '../../../src/observability/log.ts';
import { Problem } from '../../../src/contract/problems.ts';
import { serve, type LiveServer } from '../../../src/live.ts';
import { send, sendBytes, type WireRequest, type WireResponse } from '../../support/exchange.ts';

const API_KEY = 'cv_CANARY_key';
const PATH = '/api/v1/payments/intent';

const text: string[] = [];
const lines = () =>
  text.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ requestId }) => requestId);

let stripe: FakeStripe;
let server: LiveServer;
beforeAll(async () => void (stripe = await startFakeStripe()));
afterAll(() => stripe.close());
// Each test has its own server: of refusals without a key, a server logs only the first of each kind in a second.
beforeEach(async () => {
  const config = readConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    API_KEYS: `acme:${sha256(API_KEY).toString('hex')}`,
    STRIPE_SECRET_KEY: 'sk_test_CANARY_stripe',
    ADMIN_PORT: '0',
    DRAIN_MS: '0',
  });
  const logger = pino({ level: 'trace' }, { write: (line: string) => void text.push(line) });
  server = await serve(config, logger, new URL(stripe.url));
});
afterEach(async () => {
  await server.stop();
  stripe.reset();
  text.length = 0;
});

const body = { amount: 100, metadata: { email: 'CANARY@example.com', phone: '+1CANARY', CANARY_key: 'CANARY_value' } };

/** A request with a canary wherever there is room for one. */
const request = (changes: Partial<WireRequest> = {}, apiKey = API_KEY): WireRequest => ({
  method: 'POST',
  path: `${PATH}?token=CANARY`,
  headers: [
    ['Host', 'CANARY.test'],
    ['cv-api-key', apiKey],
    ['Content-Type', 'application/json; CANARY'],
    ['Idempotency-Key', `CANARY_${crypto.randomUUID()}`],
    ['X-Request-Id', 'CANARY'],
    ['User-Agent', 'CANARY'],
    ['Cookie', 'CANARY=1'],
  ],
  body: JSON.stringify(body),
  ...changes,
});

async function logged(sendIt: () => Promise<WireResponse>, ...faults: Fault[]) {
  stripe.play(...faults);
  const response = await sendIt();
  const [line] = await vi.waitUntil(() => lines().length > 0 && lines());
  return { response, line };
}
const loggedFor = (sent: WireRequest, ...faults: Fault[]) => logged(() => send(server.url, sent), ...faults);

const refusal: Fault = {
  kind: 'status',
  status: 401,
  type: 'invalid_request_error',
  message: 'Invalid API Key provided: sk_CANARY',
  effect: 'none',
};
/** The fields that pino adds to every line. */
const ofPino = {
  time: expect.any(Number),
  pid: expect.any(Number),
  hostname: expect.any(String),
  msg: 'request',
};
const ofRequest = {
  ...ofPino,
  level: 30,
  requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  method: 'POST',
  durationMs: expect.any(Number),
};
const ofTenant = { ...ofRequest, tenant: 'acme', operation: 'createPaymentIntent' };

/** Sends half a request, and leaves once the server has begun to read it. */
async function abortUpload(leave: (socket: Socket) => void = (socket) => socket.destroy()): Promise<void> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  const headers = request()
    .headers.map((header) => `${header.join(': ')}\r\n`)
    .join('');
  socket.write(`POST ${PATH} HTTP/1.1\r\n${headers}Content-Length: 500\r\nExpect: 100-continue\r\n\r\n`);
  await once(socket, 'data');
  socket.write('{"CANARY');
  leave(socket);
}

describe('the log line of a request', () => {
  it('has the tenant, the operation, the status, the reference and the request ID of Stripe', async () => {
    const { line } = await loggedFor(request());
    const { requestId: stripeRequestId, metadata } = stripe.ledger.intents[0]!;
    const { cv_reference } = metadata;
    expect(cv_reference).toMatch(/^[0-9a-f]{32}$/);
    expect(line).toEqual({ ...ofTenant, status: 200, cv_reference, stripeRequestId, replayed: false });
  });

  it('says whether the intent was created by an earlier request with the same key', async () => {
    const again = request();
    await loggedFor(again);
    await send(server.url, again);
    await vi.waitUntil(() => lines().length > 1);
    expect(lines().map(({ replayed }) => replayed)).toEqual([false, true]);
  });

  it.each<[string, Fault, number]>([
    ['500', { kind: 'status', status: 402, effect: 'kept' }, 500],
    ['503', { kind: 'status', status: 429, effect: 'kept' }, 503],
    ['409', { kind: 'status', status: 400, type: 'idempotency_error', effect: 'kept' }, 409],
  ])('has the reference of the intent that may exist in spite of a %s', async (_what, fault, status) => {
    const { line } = await loggedFor(request(), fault);
    expect(line).toMatchObject({ status, cv_reference: stripe.ledger.intents[0]!.metadata['cv_reference'] });
  });

  it('has the ID that the client got in X-Request-Id', async () => {
    const { response, line } = await loggedFor(request());
    expect(line!['requestId']).toBe(response.headers['x-request-id']);
  });

  it('is a warning where Stripe dropped payment method types', async () => {
    const types = { amount: 100, paymentMethodTypes: ['card', 'oxxo'] };
    const { line } = await loggedFor(request({ body: JSON.stringify(types) }));
    const msg = 'request: payment method types were dropped';
    expect(line).toMatchObject({ level: 40, msg, droppedMethodTypes: ['oxxo'] });
  });

  it('has the name of the problem', async () => {
    const { line } = await loggedFor(request({ body: '{"amount":"CANARY"}' }));
    expect(line).toEqual({ ...ofTenant, status: 400, problem: 'invalidAmount' });
  });

  it('has no tenant where the key is unknown', async () => {
    const { line } = await loggedFor(request({}, 'cv_CANARY_wrong'));
    expect(line).toEqual({ ...ofRequest, operation: 'createPaymentIntent', status: 401, problem: 'invalidApiKey' });
  });

  it('is written for an unknown path', async () => {
    const { line } = await loggedFor(request({ path: '/other?token=CANARY' }));
    expect(line).toEqual({ ...ofRequest, status: 404, problem: 'notFound' });
  });

  it('is an error where the fault is ours, with identifiers of its cause and no message', async () => {
    const { line } = await loggedFor(request(), refusal);
    expect(line).toEqual({
      ...ofTenant,
      level: 50,
      status: 500,
      problem: 'internalError',
      cv_reference: expect.stringMatching(/^[0-9a-f]{32}$/),
      cause: {
        fault: 'broken',
        reason: 'refused: a Stripe API error',
        statusCode: 401,
        type: 'invalid_request_error',
        requestId: expect.stringMatching(/^req_/),
      },
    });
  });

  it('is written for a parser error', async () => {
    const { line } = await logged(() => sendBytes(server.url, 'CANARY\r\n\r\n'));
    const msg = 'rejected before routing';
    const { requestId } = ofRequest;
    expect(line).toEqual({ ...ofPino, level: 30, msg, requestId, status: 400, problem: 'invalidRequest' });
  });

  it.each<[string, (socket: Socket) => void, object]>([
    ['ends', (socket) => void socket.destroy(), { status: 400, problem: 'invalidRequest' }],
    ['resets', (socket) => void socket.resetAndDestroy(), { aborted: true }],
  ])('is no error where the client %s its connection in the middle of the body', async (_how, leave, expected) => {
    await abortUpload(leave);
    const [line] = await vi.waitUntil(() => lines().length > 0 && lines());
    expect(line).toMatchObject({ level: 30, tenant: 'acme', method: 'POST', ...expected });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['200', () => loggedFor(request())],
    ['400', () => loggedFor(request({ body: '{"amount":100,"metadata":{"CANARY":1}}' }))],
    ['400, no JSON', () => loggedFor(request({ body: '{"CANARY' }))],
    [
      '400, a URL that can not be decoded',
      () => logged(() => sendBytes(server.url, 'GET /%zz?CANARY HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')),
    ],
    ['400, no HTTP', () => logged(() => sendBytes(server.url, 'CANARY\r\n\r\n'))],
    ['401', () => loggedFor(request({}, 'cv_CANARY_wrong'))],
    ['404', () => loggedFor(request({ path: '/other?CANARY' }))],
    ['405', () => loggedFor(request({ method: 'PUT' }))],
    ['415', () => loggedFor(request({ headers: [...request().headers, ['Content-Encoding', 'CANARY']] }))],
    ['500', () => loggedFor(request(), refusal)],
    [
      '503',
      () => loggedFor(request(), { ...refusal, status: 503 }, { ...refusal, status: 503 }, { ...refusal, status: 503 }),
    ],
    ['no response', () => abortUpload().then(() => vi.waitUntil(() => lines().length > 0))],
  ])('is the only one, and holds nothing that was sent: %s', async (_status, exchangeWith) => {
    await exchangeWith();
    expect(lines()).toHaveLength(1);
    expect(text.join('')).not.toMatch(/CANARY|_secret_/);
  });
});

/** The lines written for a request that ended like this. */
function linesFor(changes: Partial<LoggedRequest> = {}) {
  const written: Record<string, unknown>[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void written.push(JSON.parse(line)) });
  const ended = { requestId: 'r1', method: 'POST', status: 200, durationMs: 1.26, isAborted: false };
  logRequest(logger, { ...ended, ...changes });
  return written;
}

describe('logRequest', () => {
  const line = {
    level: 30,
    time: expect.any(Number),
    requestId: 'r1',
    method: 'POST',
    durationMs: 1.3,
    msg: 'request',
  };

  it.each<[string, SpanContext, object]>([
    [
      'has the trace ID where there is one',
      { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 },
      { traceId: '1'.repeat(32) },
    ],
    ['has no trace ID where nothing is traced', INVALID_SPAN_CONTEXT, {}],
  ])('%s', (_what, context, expected) => {
    expect(linesFor({ span: trace.wrapSpanContext(context) })).toEqual([{ ...line, status: 200, ...expected }]);
  });

  it('has no status where no response was sent, and says that the client left', () => {
    expect(linesFor({ status: 0, isAborted: true })).toEqual([{ ...line, aborted: true }]);
  });

  it('is an error from 500 on, with the stack of an internal error but not its message', () => {
    const cause = new TypeError('CANARY of jane@example.com');
    const problem = new Problem('internalError', { cause });
    expect(linesFor({ problem, status: 500 })).toEqual([
      {
        ...line,
        level: 50,
        status: 500,
        problem: 'internalError',
        cause: { name: 'TypeError', stack: expect.any(Array) },
      },
    ]);
    expect(linesFor({ status: 499 })).toMatchObject([{ level: 30 }]);
  });
});

/** With fake timers. */
function startCounting() {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const repeated: object[] = [];
  return { ...oncePerSecond<{ status: number }>((kind) => repeated.push(kind)), repeated };
}

describe('oncePerSecond', () => {
  it('tells the first of each kind from its repeats, and reports their number after a second', () => {
    const { isFirst, repeated } = startCounting();
    const firsts = [404, 404, 401, 404].map((status) => isFirst({ status }));
    expect(firsts).toEqual([true, false, true, false]);
    vi.advanceTimersByTime(999);
    expect(repeated).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(repeated).toEqual([{ status: 404, suppressed: 2 }]);
  });

  it('starts again after a second, and reports nothing where there were no repeats', () => {
    const { isFirst, repeated } = startCounting();
    expect(isFirst({ status: 404 })).toBe(true);
    vi.advanceTimersByTime(1_000);
    expect(isFirst({ status: 404 })).toBe(true);
    vi.advanceTimersByTime(5_000);
    expect(repeated).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('reports the number of repeats when it is flushed', () => {
    const { isFirst, flush, repeated } = startCounting();
    isFirst({ status: 404 });
    isFirst({ status: 404 });
    flush();
    vi.advanceTimersByTime(5_000);
    expect(repeated).toEqual([{ status: 404, suppressed: 1 }]);
  });
});

describe('errorWithoutMessage', () => {
  it('keeps the name, the code and the stack frames', () => {
    const error = Object.assign(new TypeError('CANARY'), { code: 'ECONNRESET' });
    expect(errorWithoutMessage(error)).toEqual({
      name: 'TypeError',
      code: 'ECONNRESET',
      stack: expect.arrayContaining([expect.stringMatching(/^at .*log\.test\.ts:\d+:\d+\)?$/)]),
    });
  });

  it('drops lines of the message that look like stack frames', () => {
    const { stack } = errorWithoutMessage(new Error('CANARY\n    at CANARY (canary.ts:1:1)\n    at CANARY')) as {
      stack: string[];
    };
    expect(stack.length).toBeGreaterThan(0);
    expect(stack.filter((line) => !line.startsWith('at ') || line.includes('CANARY'))).toEqual([]);
  });

  it('accepts an error without a stack', () => {
    expect(errorWithoutMessage(Object.assign(new Error('CANARY'), { stack: undefined }))).toEqual({
      name: 'Error',
      stack: [],
    });
  });

  it.each([
    ['CANARY', 'string'],
    [undefined, 'undefined'],
    [{ message: 'CANARY' }, 'object'],
  ])('keeps only the type of a thrown value that is no error: %j', (thrown, name) => {
    expect(errorWithoutMessage(thrown)).toEqual({ name });
  });
});
