/**
 * Without CREATE=1 a run creates nothing, even on a server that skips the check in question: each request that must be refused has
 * a second reason to be refused. Here the live server plays the one that skips a check: the request is sent as that would read it.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { send, sendBytes, type WireRequest } from '../support/exchange.ts';
import { allCreated } from '../support/gatewayCalls.ts';
import { liveTarget } from '../support/targets.ts';
import type { Case } from './case.ts';
import { cases } from './cases.ts';
import { describeCase } from './judge.ts';

let live: Awaited<ReturnType<typeof liveTarget>>;
beforeAll(async () => {
  live = await liveTarget();
});
afterAll(() => live.close());

type Json = Record<string, unknown>;
type Skip = (request: WireRequest, known: Case, apiKey: string) => readonly WireRequest[];

const without = ({ headers }: WireRequest, name: RegExp) => headers.filter(([known]) => !name.test(known));
const withHeader = (request: WireRequest, name: string, value: string): WireRequest => ({
  ...request,
  headers: [...without(request, new RegExp(`^${name}$`, 'i')), [name, value]],
});
const isUtf16 = ({ headers }: WireRequest) => headers.some(([, value]) => value.includes('utf-16'));

/** The body as text, whatever its encoding. */
const readText = (request: WireRequest): string =>
  Buffer.from(request.body ?? '').toString(isUtf16(request) ? 'utf16le' : 'utf8');

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a forgiving reader takes the body for. */
function readForgivingly(text: string): object[] {
  const parsed = parse(text);
  const candidates = [
    parsed,
    typeof parsed === 'string' ? parse(parsed) : undefined,
    parse(`${text}}`),
    parse(text.slice(0, text.indexOf('}') + 1)),
    Object.fromEntries([...new URLSearchParams(text)].map(([name, value]) => [name, Number(value)])),
    // Nothing at all, which is a valid body for some operations.
    {},
  ];
  return candidates.filter((one) => typeof one === 'object' && one !== null && !Array.isArray(one)) as object[];
}

const withBody = (request: WireRequest, body: object): WireRequest => ({
  ...withHeader(request, 'Content-Type', 'application/json'),
  body: JSON.stringify(body),
});

/** The request with the body changed, where it is a JSON object. */
const changeBody = (request: WireRequest, change: (body: Json) => object): WireRequest[] => {
  const body = parse(readText(request));
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  return isObject ? [{ ...request, body: JSON.stringify(change(body as Json)) }] : [];
};

/** A number as lenient servers read one: `"100"`, `[100]`, `true`; fractions of a cent are rounded. */
const coerced = (amount: unknown): number => Math.round(Number(amount) * 100) / 100;

const SKIPS: Record<string, Skip> = {
  'the path': (request, { operation }) => [{ ...request, path: operation.path }],
  'the method': (request, { operation }) => [{ ...request, method: operation.method }],
  'the API key': (request, _known, apiKey) => [withHeader(request, 'cv-api-key', apiKey)],
  'the media type': (request) => [withHeader(request, 'Content-Type', 'application/json')],
  'the content encoding': (request) => [{ ...request, headers: without(request, /^content-encoding$/i) }],
  'the size': (request) => changeBody(request, ({ more: _more, ...body }) => body),
  'that the body is a JSON object in UTF-8': (request) =>
    request.body === undefined ? [] : readForgivingly(readText(request)).map((body) => withBody(request, body)),
  'the type and the precision of the amount': (request) =>
    changeBody(request, (body) => ({ ...body, amount: coerced(body['amount']) })),
  'the payment method types': (request) => changeBody(request, ({ paymentMethodTypes: _types, ...body }) => body),
  'the metadata': (request) => changeBody(request, ({ metadata: _metadata, ...body }) => body),
  'the idempotency key in the header': (request) => [{ ...request, headers: without(request, /^idempotency-key$/i) }],
  'the idempotency key in the body': (request) => changeBody(request, ({ idempotencyKey: _key, ...body }) => body),
};

/** Malformed HTTP as a forgiving server reads it: complete, with a host and an acceptable expectation, and authenticated. */
const mend = (bytes: string, apiKey: string): string => {
  const [requestLine, ...lines] = bytes.trimEnd().split('\r\n');
  const kept = lines.filter((line) => !/^(host|expect|connection|x-large):/i.test(line));
  return [requestLine, ...kept, 'Host: a', `cv-api-key: ${apiKey}`, 'Connection: close', '', ''].join('\r\n');
};

it('a server that mends malformed HTTP creates nothing', async () => {
  const malformed = cases.flatMap(({ bytes }) => (bytes === undefined ? [] : [mend(bytes, live.apiKey)]));
  const responses = await Promise.all(malformed.map((bytes) => sendBytes(live.baseUrl, bytes)));
  expect(responses.map(({ status }) => status)).not.toContain(200);
  expect(allCreated(live.stripe.ledger)).toEqual([]);
});

const refused = cases.filter(
  ({ arrange, bytes, creates, mayCreate, first }) =>
    !arrange && bytes === undefined && !creates && !mayCreate && !first,
);

it.each(Object.entries(SKIPS))('a server that does not check %s creates nothing', async (_name, skip) => {
  const sent = refused.flatMap((known) =>
    skip(known.request(live.apiKey), known, live.apiKey).map(async (request) => {
      const { status } = await send(live.baseUrl, request);
      return status === 200 ? [describeCase(known)] : [];
    }),
  );
  expect((await Promise.all(sent)).flat()).toEqual([]);
  expect(sent.length).toBeGreaterThan(0);
  expect(allCreated(live.stripe.ledger)).toEqual([]);
});
