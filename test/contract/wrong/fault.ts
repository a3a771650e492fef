import { setTimeout as delay } from 'node:timers/promises';
import { operations, scenarios } from '../../support/contractDocument.ts';
import type { Headers, Middleware, ProxyRequest, ProxyResponse } from './proxy.ts';

/** What is wrong with a deployment. Each start makes new middleware, which may keep state. */
export interface Fault {
  /** Between the clients and the server. */
  front?: () => Middleware;
  /** Between the server, or whoever asks Stripe, and Stripe. */
  stripe?: () => Middleware;
}

/** By title: what is wrong, in one line. */
export type Faults = Readonly<Record<string, Fault>>;

/** The keys of two tenants. */
export const API_KEY = 'cv_test_Key1';
export const API_KEY_2 = 'cv_test_Key2';

// --- headers ---

export const find = (headers: Headers, name: string): string | undefined =>
  headers.find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];

export const without = (headers: Headers, name: string): Headers =>
  headers.filter(([known]) => known.toLowerCase() !== name.toLowerCase());

/** With this value alone; without the header for undefined. */
export const set = (headers: Headers, name: string, value: string | undefined): Headers =>
  value === undefined ? without(headers, name) : [...without(headers, name), [name, value]];

// --- middleware ---

/** A fault in front of the server that keeps no state. */
export const front = (middleware: Middleware): Fault => ({ front: () => middleware });

export const changeRequest =
  (change: (request: ProxyRequest) => ProxyRequest): Middleware =>
  (request, forward) =>
    forward(change(request));

export const changeResponse =
  (change: (response: ProxyResponse, request: ProxyRequest) => ProxyResponse): Middleware =>
  async (request, forward) =>
    change(await forward(request), request);

export const changeRequestHeader = (name: string, change: (value: string | undefined) => string | undefined) =>
  changeRequest((request) => ({
    ...request,
    headers: set(request.headers, name, change(find(request.headers, name))),
  }));

export const changeResponseHeader = (name: string, change: (value: string | undefined) => string | undefined) =>
  changeResponse((response) => ({
    ...response,
    headers: set(response.headers, name, change(find(response.headers, name))),
  }));

export const addResponseHeaders = (...more: Headers) =>
  changeResponse((response) => ({ ...response, headers: [...response.headers, ...more] }));

export const onlyIf =
  (matches: (request: ProxyRequest) => boolean, middleware: Middleware): Middleware =>
  (request, forward) =>
    matches(request) ? middleware(request, forward) : forward(request);

export const delayed =
  (ms: number): Middleware =>
  async (request, forward) => {
    await delay(ms);
    return forward(request);
  };

/** Refuses some requests, as a gateway that knows nothing of the contract. */
export const refuse = (matches: (request: ProxyRequest) => boolean, status: number, reason: string): Fault =>
  front(onlyIf(matches, async () => html(status, reason)));

export const changeStatus = (from: number, to: number) =>
  changeResponse((response) => (response.status === from ? { ...response, status: to } : response));

// --- bodies ---

export type Json = Record<string, unknown>;

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function parse(body: Buffer): Json | undefined {
  try {
    const json: unknown = JSON.parse(UTF_8.decode(body));
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Json) : undefined;
  } catch {
    return undefined;
  }
}

export const withJson = <Message extends ProxyRequest | ProxyResponse>(message: Message, json: unknown): Message => ({
  ...message,
  body: Buffer.from(JSON.stringify(json)),
});

/** Changes the JSON object of a request. What is not changed keeps its bytes, and white space at the end stays. */
export const changeBody = (change: (body: Json) => Json) =>
  changeRequest((request) => {
    const body = parse(request.body);
    const changed = body && JSON.stringify(change(body));
    if (changed === undefined || changed === JSON.stringify(body)) return request;
    return { ...request, body: Buffer.from(changed + /\s*$/.exec(request.body.toString())![0]) };
  });

/** Changes the JSON object of a request that a right server would carry out, as far as the amount shows. */
export const changeOrder = (change: (body: Json) => Json) =>
  changeBody((body) => (hasValidAmount(body) ? change(body) : body));

/** Changes the amount of a request, in dollars, to a whole number of cents, where a right server would accept it. */
export const changeAmount = (change: (dollars: number) => number) =>
  changeOrder((body) =>
    typeof body['amount'] === 'number' ? { ...body, amount: toWholeCents(change(body['amount'])) } : body,
  );

const toWholeCents = (dollars: number): number => Number(dollars.toFixed(2));

function hasValidAmount({ amount = 1 }: Json): boolean {
  return typeof amount === 'number' && amount >= 0.5 && amount <= 999_999.99 && /^\d+(\.\d\d?)?$/.test(String(amount));
}

export const isText = (value: unknown): value is string => typeof value === 'string';
export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Changes the entries of valid metadata; undefined drops one. */
export const changeMetadata = (change: (name: string, value: string) => readonly [string, string] | undefined) =>
  changeOrder((body) => {
    const { metadata } = body;
    if (!isObject(metadata) || !Object.values(metadata).every(isText)) return body;
    const entries = Object.entries(metadata as Record<string, string>).flatMap(([name, value]) => {
      const entry = change(name, value);
      return entry === undefined ? [] : [entry];
    });
    return { ...body, metadata: Object.fromEntries(entries) };
  });

// --- requests ---

export const isOperation = ({ method, path }: ProxyRequest): boolean =>
  operations.some((operation) => operation.method === method && operation.path === path.split('?', 1)[0]);

export const isCreation = (request: ProxyRequest): boolean => {
  const body = parse(request.body);
  return isOperation(request) && body !== undefined && hasValidAmount(body);
};

export const bodyMatches =
  (pattern: RegExp) =>
  ({ body }: ProxyRequest): boolean =>
    pattern.test(body.toString());

// --- responses ---

/** An example of the contract, with every header of the service. */
export function example(name: string): ProxyResponse {
  const { status, body, headers } = scenarios.find((known) => known.example === name)!;
  return {
    status,
    headers: [
      ['Content-Type', 'application/json; charset=utf-8'],
      ['Cache-Control', 'no-store'],
      ['X-Content-Type-Options', 'nosniff'],
      ['X-Request-Id', crypto.randomUUID()],
      ...(status === 200 ? [] : [['X-Error-Code', name] as const]),
      ...Object.entries(headers),
    ],
    body: Buffer.from(JSON.stringify(body)),
  };
}

export const html = (status: number, title: string): ProxyResponse => ({
  status,
  headers: [['Content-Type', 'text/html']],
  body: Buffer.from(`<html><head><title>${status} ${title}</title></head><body><h1>${title}</h1></body></html>\r\n`),
});

const SECRET = /(pi|seti)_[A-Za-z0-9]+_secret_[A-Za-z0-9]+/;

export const findSecret = ({ status, body }: ProxyResponse): string | undefined =>
  status === 200 ? SECRET.exec(body.toString())?.[0] : undefined;

export const withSecret = (response: ProxyResponse, secret: string): ProxyResponse => ({
  ...response,
  body: Buffer.from(response.body.toString().replace(SECRET, secret)),
});

/** A new request id, as a cache that keeps bodies would give. */
export const withOwnRequestId = (response: ProxyResponse): ProxyResponse => ({
  ...response,
  headers: set(response.headers, 'X-Request-Id', crypto.randomUUID()),
});

export type { Headers, Middleware, ProxyRequest, ProxyResponse };
