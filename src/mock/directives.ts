import { didYouMean } from '../nearest.ts';
import { readPreference } from './prefer.ts';

/** How the mock responds to a request that asks for nothing. */
export interface Defaults {
  /** The only accepted API key. Default: any key is accepted. */
  apiKey?: string | undefined;
  /** The name of the scenario for valid requests to the operations that have it. */
  scenario?: string | undefined;
  /** Delay of each response. */
  latencyMs: LatencyMs;
  /** The share of valid requests that fail, from 0 to 1. */
  errorRate: number;
  /** Whether successes have random data in place of the example's. */
  dynamic: boolean;
}

/** A range, from which each response's delay is drawn. */
export interface LatencyMs {
  readonly min: number;
  readonly max: number;
}

/** A scenario that a request asks for, by name, status or both. */
export interface Choice {
  /** Where and what: `Prefer: code=400`. */
  source: string;
  code?: string | undefined;
  example?: string | undefined;
}

/** What a request asks of the mock. Undefined: the default. */
export interface Directives {
  choice: Choice | undefined;
  latencyMs: LatencyMs | undefined;
  errorRate: number | undefined;
  dynamic: boolean | undefined;
  /** Describes all invalid directives. */
  issues: readonly string[];
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Our own headers. `Prefer` (RFC 7240) is Prism's. */
export const MOCK_HEADERS = {
  scenario: 'Mock-Scenario',
  latency: 'Mock-Latency',
  errorRate: 'Mock-Error-Rate',
} as const;

/** Reads the headers `Mock-Scenario`, `Mock-Latency`, `Mock-Error-Rate` and `Prefer`, and the body's `metadata.mock_scenario`. */
export function readDirectives(headers: Headers, body?: unknown): Directives {
  const issues: string[] = [];
  const read = <Value>(name: string, parse: (text: string) => Value | undefined, expected: string) => {
    const text = readHeader(headers, name);
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) issues.push(`${name}: expected ${expected}, got ${JSON.stringify(text)}`);
    return value;
  };
  const dynamic = readPreference(readHeader(headers, 'Prefer'), 'dynamic');
  const directives = {
    choice: readChoice(headers, body),
    latencyMs: read(MOCK_HEADERS.latency, readLatencyMs, LATENCY_FORMAT),
    errorRate: read(MOCK_HEADERS.errorRate, readRate, RATE_FORMAT),
    dynamic: dynamic === undefined ? undefined : dynamic === 'true',
  };
  const known: readonly string[] = Object.values(MOCK_HEADERS);
  for (const name of Object.keys(headers).filter((header) => header.startsWith('mock-'))) {
    const isKnown = known.some((header) => header.toLowerCase() === name);
    if (!isKnown) issues.push(`${name}: unknown header${didYouMean(name, known)}`);
  }
  return { ...directives, issues };
}

function readChoice(headers: Headers, body: unknown): Choice | undefined {
  const scenario = readHeader(headers, MOCK_HEADERS.scenario);
  if (scenario !== undefined) return { source: `${MOCK_HEADERS.scenario}: ${scenario}`, example: scenario };
  const prefer = readHeader(headers, 'Prefer');
  const [code, example] = [readPreference(prefer, 'code'), readPreference(prefer, 'example')];
  if (code !== undefined || example !== undefined) {
    const asked = [code !== undefined && `code=${code}`, example !== undefined && `example=${example}`];
    return { source: `Prefer: ${asked.filter(Boolean).join(', ')}`, code, example };
  }
  const { metadata } = (body ?? {}) as { metadata?: { mock_scenario?: string } };
  const name = metadata?.mock_scenario;
  return name === undefined ? undefined : { source: `metadata.mock_scenario: ${name}`, example: name };
}

/** Repeated headers are joined into one list. */
function readHeader(headers: Headers, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return (Array.isArray(value) ? value.join(', ') : value)?.trim();
}

/** Chooses the delay of a response, in milliseconds. */
export function chooseLatencyMs(directives: Directives, defaults: Pick<Defaults, 'latencyMs'>): number {
  const { min, max } = directives.latencyMs ?? defaults.latencyMs;
  return min + Math.random() * (max - min);
}

/** Clients rarely wait longer, and the server's idle timeout would close the connection. */
const MAX_LATENCY_MS = 20_000;

export const LATENCY_FORMAT = `milliseconds such as 300 or 100-800, at most ${MAX_LATENCY_MS}`;
export const RATE_FORMAT = 'a share from 0 to 1 such as 0.1';

/** Parses `300` or `100-800`; undefined for anything else. */
export function readLatencyMs(text: string): LatencyMs | undefined {
  const [, min, max = min] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const latencyMs = { min: Number(min), max: Number(max) };
  return latencyMs.min <= latencyMs.max && latencyMs.max <= MAX_LATENCY_MS ? latencyMs : undefined;
}

/** Parses a number from 0 to 1; undefined for anything else. */
export const readRate = (text: string): number | undefined =>
  /^(0(\.\d{1,9})?|1(\.0+)?)$/.test(text) ? Number(text) : undefined;
