/** Any bytes get a response of the contract or a closed connection: never a 5xx, an echo, or a call to Stripe. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openContract } from '../../../src/contract/engine.ts';
import { startFakeStripe } from '../../../src/fake-stripe/server.ts';
import { expectDocumented } from '../../contract/judge.ts';
import { document, operations } from '../../support/contractDocument.ts';
import { gatewayCalls } from '../../support/gatewayCalls.ts';
import { ACME, GLOBEX, observedProcess, observedServer, pay, settings, readMetric } from '../../support/observed.ts';
import { liveTarget, mockTarget, type Target } from '../../support/targets.ts';
import { handle, respondWithFirstExample } from '../../support/engine.ts';
import {
  exchange,
  rawClient,
  rawRequest,
  serverEnds,
  type RawResponse,
  type RawRequest,
} from '../../support/rawHttp.ts';

/** Part of a malformed request, and never of a response. */
const CANARY = 'zqcanary';

const GOOD_BODY = '{"amount":100}';
const GOOD_CHUNKS = `e\r\n${GOOD_BODY}\r\n0\r\n\r\n`;

type Bytes = (apiKey: string) => Uint8Array | string;

const both =
  (first: Bytes, second: Bytes): Bytes =>
  (apiKey) =>
    Buffer.concat([first, second].map((bytes) => Buffer.from(bytes(apiKey) as string, 'latin1')));

const utf16 = Buffer.from(`\ufeff${GOOD_BODY}`, 'utf16le');

/** What is sent to an operation, and the status of each response. Then our side closes, and so must the server's. */
function rowsFor(path: string): Record<string, [Bytes, ...statuses: number[]]> {
  const request =
    (changes: RawRequest): Bytes =>
    (apiKey) =>
      rawRequest(apiKey, { target: path, ...changes });

  /** With these header lines in place of Content-Length. */
  const framed =
    (lines: readonly string[], body: string | Uint8Array = GOOD_BODY): Bytes =>
    (apiKey) =>
      rawRequest(apiKey, {
        target: path,
        headers: ['Host: a', `cv-api-key: ${apiKey}`, 'Content-Type: application/json', ...lines],
        body,
      });

  const chunked = (body: string): Bytes => framed(['Transfer-Encoding: chunked'], body);

  const sized = (body: Uint8Array): Bytes => framed([`Content-Length: ${body.length}`], body);

  const good = request({});
  return {
    // Where a message ends
    'Content-Length beside Transfer-Encoding': [
      framed(['Content-Length: 14', 'Transfer-Encoding: chunked'], GOOD_CHUNKS),
      400,
    ],
    'Content-Length twice': [framed(['Content-Length: 14', 'Content-Length: 14']), 400],
    'two lengths': [framed(['Content-Length: 14', 'Content-Length: 15']), 400],
    'two lengths in one line': [framed(['Content-Length: 14, 14']), 400],
    'a negative length': [framed(['Content-Length: -14']), 400],
    'a length with a plus': [framed(['Content-Length: +14']), 400],
    'a hexadecimal length': [framed(['Content-Length: 0xe']), 400],
    'a length beyond 64 bits': [framed(['Content-Length: 99999999999999999999']), 400],
    'a length beyond 53 bits': [framed(['Content-Length: 9007199254740993']), 413],
    'white space before the colon': [framed(['Content-Length : 14']), 400],
    'a body shorter than promised': [framed(['Content-Length: 20']), 400],
    'a body longer than promised': [both(good, () => CANARY), 200],
    'empty lines behind a request': [both(good, () => '\r\n\r\n'), 200],
    'a chunk extension': [chunked(`e;${CANARY}=1\r\n${GOOD_BODY}\r\n0\r\n\r\n`), 200],
    'a chunk extension of 20 KiB': [chunked(`e;${'x'.repeat(20 * 1024)}\r\n${GOOD_BODY}\r\n0\r\n\r\n`), 400],
    'a malformed chunk size': [chunked(`${CANARY}\r\n${GOOD_BODY}\r\n0\r\n\r\n`), 400],
    'a negative chunk size': [chunked(`-1\r\n${GOOD_BODY}\r\n0\r\n\r\n`), 400],
    'a chunk size beyond 64 bits': [chunked('fffffffffffffffff\r\n'), 400],
    'a chunk without its end': [chunked(`e\r\n${GOOD_BODY}0\r\n\r\n`), 400],
    'chunks with bare line feeds': [chunked(`e\n${GOOD_BODY}\n0\n\n`), 400],
    trailers: [chunked(`e\r\n${GOOD_BODY}\r\n0\r\nX-Trailer: ${CANARY}\r\n\r\n`), 200],
    'trailers of 20 KiB': [chunked(`e\r\n${GOOD_BODY}\r\n0\r\nX-Trailer: ${'x'.repeat(20 * 1024)}\r\n\r\n`), 431],
    'chunks without a last one': [chunked(`e\r\n${GOOD_BODY}\r\n`), 400],
    'the transfer coding identity': [framed(['Transfer-Encoding: identity', 'Content-Length: 14']), 400],
    'chunked, but not last': [framed(['Transfer-Encoding: chunked, gzip'], GOOD_CHUNKS), 400],
    'chunked twice': [framed(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], GOOD_CHUNKS), 400],
    'an unknown transfer coding': [framed([`Transfer-Encoding: ${CANARY}`], GOOD_CHUNKS), 400],

    // Behind a good request
    'two requests at once': [both(good, good), 200, 200],
    'a good request and garbage': [both(good, () => `${CANARY}\r\n\r\n`), 200],
    'a good request and a bad length': [both(good, framed(['Content-Length: x'])), 200],
    'a good request and a malformed chunk size': [both(good, chunked('zz\r\n')), 200],
    'a good request and a header flood': [both(good, request({ more: [`X: ${'x'.repeat(100 * 1024)}`] })), 200],
    'a good request and CONNECT': [both(good, () => 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'), 200],
    'a good request that closes, and garbage': [both(request({ more: ['Connection: close'] }), () => CANARY), 200],

    // Encodings
    'malformed UTF-8': [sized(Buffer.from([...Buffer.from('{"amount":100,"a":"'), 0xff, 0x22, 0x7d])), 400],
    'a byte order mark, which is ignored': [sized(Buffer.from(`\ufeff${GOOD_BODY}`)), 200],
    'UTF-16 in little endian': [sized(utf16), 400],
    'UTF-16 in big endian': [sized(Buffer.from(utf16).swap16()), 400],
    'gzip that does not say so': [sized(gzipSync(GOOD_BODY)), 400],

    // Headers that stand twice
    'a second key behind 2,100 headers': [
      request({ more: [...Array.from({ length: 2100 }, () => 'a:'), 'cv-api-key: second'] }),
      401,
    ],
    'Idempotency-Key twice': [request({ more: ['Idempotency-Key: a', 'Idempotency-Key: b'] }), 400],
    'a folded header': [request({ more: [`X-A: b\r\n ${CANARY}`] }), 400],
    'NUL in a header': [request({ more: [`X-A: ${CANARY}\0`] }), 400],
    'a header without a colon': [request({ more: [CANARY] }), 400],
    'a header flood': [request({ more: [`X-A: ${CANARY.repeat(128 * 1024)}`] }), 431],

    // Targets
    'an escape that is no UTF-8': [request({ target: `/%ff${CANARY}` }), 400],
    'an escaped NUL': [request({ target: `${path}%00${CANARY}` }), 404],
    NUL: [request({ target: `/${CANARY}\0` }), 400],
    'a space': [request({ target: `/${CANARY} b` }), 400],
    'bytes beyond ASCII': [request({ target: `/${CANARY}\xe9` }), 400],
    'the absolute form': [request({ target: `http://${CANARY}${path}` }), 200],
    'the absolute form without a path': [request({ target: `http://${CANARY}` }), 404],
    'the authority form': [request({ target: `${CANARY}:80` }), 400],
    'the asterisk form': [request({ target: '*' }), 404],
    'no leading slash': [request({ target: CANARY }), 400],
    'two leading slashes': [request({ target: `//${CANARY}/b` }), 404],
    'a target of 15 KiB': [request({ target: `/${CANARY.repeat(1900)}` }), 404],
    'a target of 20 KiB': [request({ target: `/${CANARY.repeat(2560)}` }), 431],

    // Methods
    'an unknown method': [request({ method: CANARY.toUpperCase() }), 400],
    'a method in lower case': [request({ method: 'post' }), 400],
    CONNECT: [request({ method: 'CONNECT', target: `${CANARY}:80` }), 400],
    TRACE: [request({ method: 'TRACE', more: [`X-A: ${CANARY}`] }), 405],

    // Versions
    'HTTP/0.9': [() => 'GET /\r\n', 400],
    'a head that says HTTP/0.9': [request({ version: 'HTTP/0.9' }), 400],
    'HTTP/1.2': [request({ version: 'HTTP/1.2' }), 400],
    'the preface of HTTP/2': [() => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 400],
    'a TLS hello': [() => Buffer.from('16030100c8010000c40303', 'hex'), 400],
    'bare line feeds': [() => `POST ${path} HTTP/1.1\nHost: a\n\n`, 400],

    // Expect and Upgrade
    'a stranger that does not wait for 100 Continue, and a good request': [
      both(() => rawRequest('stranger', { target: path, more: ['Expect: 100-continue'] }), good),
      401,
      200,
    ],
    'too large a body that waits for 100 Continue': [
      framed(['Content-Length: 10000000', 'Expect: 100-continue'], ''),
      413,
    ],
    'an unsupported expectation': [request({ more: [`Expect: ${CANARY}`] }), 417],
    'an upgrade to WebSocket, which is not taken': [
      request({ more: ['Connection: Upgrade', 'Upgrade: websocket'] }),
      200,
    ],
    'an upgrade to HTTP/2, which is not taken': [request({ more: ['Connection: Upgrade', 'Upgrade: h2c'] }), 200],

    // Nothing
    nothing: [() => ''],
    'empty lines': [() => '\r\n\r\n'],
  };
}

/** For responses with a body. */
function expectEnvelope(response: RawResponse, operation = operations[0]!): void {
  expectDocumented(response, operation);
  expect(response.headers).toMatchObject({
    'x-request-id': expect.stringMatching(/^[\w-]{36}$/) as string,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  expect(JSON.stringify(response)).not.toContain(CANARY);
}

describe.each([
  ['the live server', liveTarget],
  ['the mock', mockTarget],
] as const)('%s', (_name, open) => {
  let target: Target;
  beforeAll(async () => {
    target = await open();
  });
  afterAll(() => target.close());

  const rows = operations.flatMap((operation) =>
    Object.entries(rowsFor(operation.path)).map(
      ([title, row]) => [operation.operationId, title, operation, row] as const,
    ),
  );

  it.each(rows)(
    'gets the responses of the contract and a closed connection: %s, %s',
    async (operationId, _title, operation, [bytes, ...statuses]) => {
      const countCreated = () => (target.stripe ? gatewayCalls[operationId].created(target.stripe.ledger).length : 0);
      const before = countCreated();
      const { responses, rest, ending } = await exchange(target.baseUrl, bytes(target.apiKey));
      expect({ statuses: responses.map(({ status }) => status), rest, ending }).toEqual({
        statuses,
        rest: '',
        ending: 'ended',
      });
      responses.filter(({ status }) => status !== 100).forEach((response) => expectEnvelope(response, operation));
      const successes = statuses.filter((status) => status === 200).length;
      // The mock creates nothing.
      expect(countCreated() - before).toBe(target.stripe ? successes : 0);
      const { responses: after } = await exchange(target.baseUrl, rawRequest(target.apiKey, { body: '{}' }));
      expect(after[0]!.status).toBe(400);
    },
  );
});

// At the same time: they wait for time limits.
describe.concurrent('the live server', () => {
  let target: Awaited<ReturnType<typeof liveTarget>>;
  beforeAll(async () => {
    target = await liveTarget();
  });
  afterAll(() => target.close());

  it('responds with 408 to a tenant whose body drips in for longer than 10 seconds, behind the response to the request before', async () => {
    const client = rawClient(target.baseUrl);
    client.send(rawRequest(target.apiKey));
    client.send(rawRequest(target.apiKey, { body: ''.padEnd(1_000) }).subarray(0, -1_000));
    const dripping = setInterval(() => client.send(' '), 100);
    await client.response(2);
    clearInterval(dripping);
    await client.closed;
    const { responses } = client.received();
    expect(responses.map(({ status }) => status)).toEqual([200, 408]);
    expectEnvelope(responses[1]!);
  });

  it.each([
    ['a request line', 'P'],
    ['nothing', ''],
  ])('responds with 408 to a client that sends %s for 5 seconds', async (_title, start) => {
    const startedAt = performance.now();
    const client = rawClient(target.baseUrl);
    client.send(start);
    const { status } = await client.response();
    expect(status).toBe(408);
    expect(performance.now() - startedAt).toBeLessThan(9_000);
    await client.closed;
  });

  it('closes the admin port to a client that sends headers for 5 seconds', async () => {
    const observed = await observedServer();
    onTestFinished(() => observed.close());
    const client = rawClient(observed.adminUrl);
    client.send('GET /livez HTTP/1.1\r\nX-Slow: ');
    const startedAt = performance.now();
    await client.closed;
    expect(performance.now() - startedAt).toBeLessThan(9_000);
  });
});

describe('a hostile body of 128 KiB', () => {
  it('costs no more than a few times its parsing', async () => {
    const contract = await openContract(document, { notImplemented: respondWithFirstExample });
    const text = `{"amount":100,"paymentMethodTypes":[${'1,'.repeat(60_000)}1]}`;
    const body = Buffer.from(text);
    const refuse = () => handle(contract, { body }).catch(() => {});
    const parse = async () => void JSON.parse(text);
    // The best of several, side by side: others use this machine too.
    const costs = { refuse: Infinity, parse: Infinity };
    for (let round = 0; round < 20; round += 1) {
      costs.refuse = Math.min(costs.refuse, await measureMs(refuse));
      costs.parse = Math.min(costs.parse, await measureMs(parse));
    }
    expect(costs.refuse / costs.parse).toBeLessThan(5);
  });
});

async function measureMs(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

describe('a body in tiny chunks', () => {
  const CHUNK = '1\r\ny\r\n';
  const bytes = (apiKey: string, count: number) =>
    rawRequest(apiKey, {
      headers: ['Host: a', `cv-api-key: ${apiKey}`, 'Content-Type: application/json', 'Transfer-Encoding: chunked'],
      body: CHUNK.repeat(count),
    });

  it('does not slow others and takes little memory, from 60 connections with a key and 40 without', async () => {
    const stripe = await startFakeStripe();
    const server = await observedProcess(stripe.url, settings({ NODE_OPTIONS: '--max-old-space-size=384' }));
    onTestFinished(async () => {
      await server.end();
      await stripe.close();
    });
    const first = await Promise.all(Array.from({ length: 20 }, () => pay(server.url, { key: GLOBEX })));
    expect(new Set(first.map(({ status }) => status))).toEqual(new Set([200]));
    const crowd = [
      // Some may go on, and some are too many: for more than one read of Node's.
      ...Array.from({ length: 30 }, () => bytes(ACME, 1_000)),
      ...Array.from({ length: 30 }, () => bytes(ACME, 25_000)),
      ...Array.from({ length: 40 }, () => bytes('stranger', 25_000)),
    ].map((sent) => {
      const client = rawClient(server.url);
      client.send(sent);
      return client;
    });
    const latenciesMs: number[] = [];
    for (let paid = 0; paid < 50; paid += 1) {
      latenciesMs.push(await measureMs(async () => void (await pay(server.url, { key: GLOBEX })).text()));
    }
    latenciesMs.sort((one, other) => one - other);
    const metrics = async () => (await fetch(`${server.adminUrl}/metrics`)).text();
    // Those with too many chunks have got their response; the others may still send the rest.
    const text = await vi.waitFor(async () => {
      const now = await metrics();
      expect([countOf(now, 413), countOf(now, 401)]).toEqual([30, 40]);
      return now;
    });
    const open = crowd.filter(({ socket }) => !socket.readableEnded && !socket.destroyed).length;
    crowd.forEach(({ socket }) => void socket.destroy());
    expect(open).toBeGreaterThanOrEqual(30);
    // But for a few: this process and others share the machine with the server.
    expect(latenciesMs[45]).toBeLessThan(1_000);
    expect(readMetric(text, 'process_resident_memory_bytes')! / 1024 / 1024).toBeLessThan(250);
  });
});

/** How many requests for a payment had this status. */
const countOf = (metrics: string, status: number) =>
  readMetric(metrics, `http_requests_total{operation="createPaymentIntent",status="${status}"}`);

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

describe('hundreds of malformed requests', () => {
  it('leave no connection and no timer', async () => {
    const target = await liveTarget();
    const ends = serverEnds(target.baseUrl);
    await exchange(target.baseUrl, rawRequest(target.apiKey));
    const before = timers();
    const rows = operations.flatMap(({ path }) => Object.values(rowsFor(path)));
    const requests = rows.map(([bytes]) => bytes(target.apiKey));
    for (let round = 0; round < 3; round += 1)
      await Promise.all(requests.map((bytes) => exchange(target.baseUrl, bytes)));
    await vi.waitUntil(() => ends.open.size === 0, { timeout: 2_000 });
    expect(timers()).toBeLessThanOrEqual(before + 2);
    ends.stop();
    await target.close();
  });
});
