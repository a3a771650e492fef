/**
 * No secret appears in a log, metric, trace or response: unique strings are sent in every part of good, refused, failing and
 * malformed requests to the real process, and its whole output is searched for them.
 */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/access/apiKeys.ts';
import { startFakeStripe, type Fault } from '../../../src/fake-stripe/server.ts';
import { readSecret } from '../../contract/judge.ts';
import { operations } from '../../support/contractDocument.ts';
import { sendBytes } from '../../support/exchange.ts';
import { allCreated, gatewayCalls } from '../../support/gatewayCalls.ts';
import { INTENT_PATH } from '../../support/rawHttp.ts';
import { observedProcess, pay, settings, startCollector, tracedTo } from '../../support/observed.ts';
import { freePort } from '../../support/freePort.ts';

const CANARIES = {
  'API key': 'cv_canaryApiKey',
  'unknown API key': 'cv_canaryUnknownKey',
  'key of Stripe': 'canaryStripeKey',
  'e-mail': 'canary@mail.example',
  phone: '+1555canary',
  'key in the metadata': 'canaryMetaKey',
  'value in the metadata': 'canaryMetaValue',
  'unknown field': 'canaryField',
  'idempotency key': 'canaryIdempotencyKey',
  "Stripe's words": 'canaryStripesWords',
  'query string': 'canaryQuery',
  path: 'canaryPath',
  'other header': 'canaryHeader',
  baggage: 'canaryBaggage',
  'password of Redis': 'canaryRedisPassword',
  'broken body': 'canaryBrokenBody',
  'bytes that are no request': 'canaryBytes',
  'words of an exception': 'canaryException',
} as const;
type Kind = keyof typeof CANARIES;

const ORDER = JSON.stringify({
  amount: 12.34,
  metadata: {
    email: CANARIES['e-mail'],
    phone: CANARIES.phone,
    [CANARIES['key in the metadata']]: CANARIES['value in the metadata'],
  },
  [CANARIES['unknown field']]: 1,
});
const HEADERS = {
  Authorization: `Bearer ${CANARIES['other header']}`,
  'User-Agent': CANARIES['other header'],
  Cookie: `session=${CANARIES['other header']}`,
  baggage: `secret=${CANARIES.baggage}`,
};
const WORDS = { message: CANARIES["Stripe's words"] };

/** Each ends a request in another way. */
const FAULTS: Fault[] = [
  { kind: 'status', status: 401, effect: 'none', ...WORDS, code: CANARIES["Stripe's words"] + ' with spaces' },
  { kind: 'status', status: 400, param: `metadata[${CANARIES['key in the metadata']}]`, effect: 'none', ...WORDS },
  { kind: 'status', status: 402, type: 'card_error', effect: 'none', ...WORDS },
  { kind: 'status', status: 429, effect: 'none', ...WORDS, headers: { 'Stripe-Notice': CANARIES["Stripe's words"] } },
  { kind: 'raw', status: 200, contentType: 'text/html', body: `<p>${CANARIES["Stripe's words"]}`, effect: 'none' },
  { kind: 'raw', status: 400, contentType: 'text/html', body: `<p>${CANARIES["Stripe's words"]}`, effect: 'none' },
  { kind: 'anotherIntent', sameAmount: true },
  { kind: 'strayResponse', stray: { sameAmount: false, echo: 'none' }, when: 'with' },
  { kind: 'reset', effect: 'kept' },
  { kind: 'truncated' },
];

const KEY = CANARIES['API key'];

/** What came out: everything that was written, and every response. */
const found: { output: string; responses: string[]; secrets: string[]; ownSecrets: string[]; exitCode: number | null } =
  {
    output: '',
    responses: [],
    secrets: [],
    ownSecrets: [],
    exitCode: 0,
  };

async function exchangeEverything(): Promise<void> {
  const [stripe, collector] = await Promise.all([startFakeStripe(), startCollector()]);
  const server = await observedProcess(stripe.url, {
    ...settings(tracedTo(collector.url)),
    API_KEYS: `acme:${sha256(KEY).toString('hex')}`,
    STRIPE_SECRET_KEY: `sk_test_${CANARIES['key of Stripe']}`,
    REDIS_URL: `redis://:${CANARIES['password of Redis']}@127.0.0.1:${await freePort()}`,
    LOG_LEVEL: 'trace',
  });
  const url = server.url;
  const keep = async (response: Promise<Response>) => {
    const { headers, text } = await response.then(async (one) => ({ headers: one.headers, text: await one.text() }));
    const secret = readSecret(text);
    found.ownSecrets.push(...(secret === undefined ? [] : [secret]));
    found.responses.push(JSON.stringify([...headers]) + text.replace(secret ?? '', ''));
  };
  /** From each operation. */
  async function keepOrders(idempotencyKey: string, fault?: Fault) {
    for (const { path } of operations) {
      if (fault) stripe.play(fault);
      const headers = { ...HEADERS, 'Idempotency-Key': idempotencyKey };
      await keep(pay(url, { key: KEY, path, body: ORDER, headers }));
    }
  }

  await keepOrders(CANARIES['idempotency key']);
  await keepOrders(CANARIES['idempotency key']);
  await keep(pay(url, { key: KEY, headers: { 'Idempotency-Key': CANARIES['idempotency key'] } }));
  for (const [index, fault] of FAULTS.entries()) {
    await keepOrders(`${CANARIES['idempotency key']}-${index}`, fault);
  }
  await keep(pay(url, { key: CANARIES['unknown API key'], headers: HEADERS, body: ORDER }));
  await keep(pay(url, { key: KEY, body: `{"amount":${CANARIES['broken body']}` }));
  await keep(pay(url, { key: KEY, body: `{"amount":"${CANARIES['broken body']}"}` }));
  await keep(pay(url, { key: KEY, body: `{"amount":1,"paymentMethodTypes":["${CANARIES['broken body']}"]}` }));
  await keep(pay(url, { key: KEY, headers: { 'Idempotency-Key': `${CANARIES['idempotency key']} no key` } }));
  await keep(pay(url, { key: KEY, headers: { 'Content-Type': `text/${CANARIES['other header']}` } }));
  await keep(pay(`${url}/${CANARIES.path}`, { key: KEY, body: ORDER }));
  await keep(pay(url, { key: `${KEY}, ${KEY}` }));
  await keep(fetch(`${url}${INTENT_PATH}?token=${CANARIES['query string']}`, { headers: { 'cv-api-key': KEY } }));
  await keep(fetch(`${url}/%zz${CANARIES.path}?token=${CANARIES['query string']}`));
  for (const bytes of [
    `${CANARIES['bytes that are no request']}\r\n\r\n`,
    `GET /${CANARIES.path} HTTP/1.1\r\nHost: x\r\nExpect: ${CANARIES['other header']}\r\nConnection: close\r\n\r\n`,
    `GET http://user:${CANARIES['other header']}@host/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: x\r\nX-Flood: ${CANARIES['other header'].repeat(2_000)}\r\n\r\n`,
  ]) {
    found.responses.push(JSON.stringify(await sendBytes(url, bytes)));
  }
  // Clients that leave in the middle of their body, and before their response.
  const leaving = operations.flatMap(({ path }) => [ORDER.slice(0, 60), ORDER].map((body) => ({ path, body })));
  for (const { path, body } of leaving) {
    stripe.play({ kind: 'delay', delayMs: 300, effect: 'kept' });
    const { hostname, port } = new URL(url);
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\ncv-api-key: ${KEY}\r\nContent-Type: application/json\r\n`;
    const socket = connect(Number(port), hostname);
    socket.write(`${head}Content-Length: ${ORDER.length}\r\n\r\n${body}`);
    await delay(100);
    socket.destroy();
  }
  await delay(400);
  found.responses.push(await (await fetch(`${server.adminUrl}/metrics`)).text());
  found.responses.push(await (await fetch(`${server.adminUrl}/${CANARIES.path}`)).text());
  server.crash('rejection', CANARIES['words of an exception']);
  server.crash('exception', `${CANARIES['words of an exception']}\n    at ${CANARIES['words of an exception']}`);
  found.exitCode = await server.exited;
  found.secrets = allCreated(stripe.ledger).map(({ clientSecret }) => clientSecret);
  found.output = server.output() + collector.received.join('\n');
  await Promise.all([stripe.close(), collector.close()]);
}

describe('in no case', () => {
  beforeAll(exchangeEverything, 60_000);

  it.each(Object.keys(CANARIES) as Kind[])('no %s is logged or traced', (kind) => {
    expect(found.output.split('\n').filter((line) => line.includes(CANARIES[kind]))).toEqual([]);
  });

  it.each(Object.keys(CANARIES) as Kind[])('no %s is sent in a response', (kind) => {
    expect(found.responses.filter((response) => response.includes(CANARIES[kind]))).toEqual([]);
  });

  it('no client secret is logged, or sent to another client', () => {
    for (const { idPrefix } of Object.values(gatewayCalls)) {
      expect(found.secrets.filter((secret) => secret.startsWith(idPrefix)).length).toBeGreaterThanOrEqual(7);
    }
    const everything = found.output + found.responses.join('\n');
    expect(found.secrets.filter((secret) => everything.includes(secret.split('_secret_')[1]!))).toEqual([]);
    expect(everything).not.toMatch(/_secret_\w/);
  });

  it('the requests reached every status', () => {
    const statuses = [...found.output.matchAll(/"status":(\d+),"durationMs"/g)].map(([, status]) => Number(status));
    expect(new Set(statuses)).toEqual(new Set([200, 400, 401, 404, 405, 409, 415, 500, 503]));
    expect(found.ownSecrets.length).toBeGreaterThanOrEqual(5 * operations.length);
    expect(found.output).toContain('Redis is unavailable');
    expect(found.output).toContain('resourceSpans');
  });

  it('the process logs the fatal error and exits with 1', () => {
    expect(found.output).toContain('fatal error: draining, then exiting');
    expect(found.exitCode).toBe(1);
  });
});
