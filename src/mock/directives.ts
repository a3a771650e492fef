import { LATENCY_WORDS, RATE_WORDS, readLatencyMs, readRate, type LatencyMs, type MockConfig } from '../config.ts';
import { readPreference } from './prefer.ts';

/** What one request asks of the mock, by its headers; what it does not ask for is undefined. */
export interface Directives {
  code: string | undefined;
  example: string | undefined;
  latencyMs: LatencyMs | undefined;
  errorRate: number | undefined;
  dynamic: boolean | undefined;
  /** What it asks for in words that nobody understands: all of it. */
  faults: readonly string[];
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The headers by which one request asks; `Prefer` is RFC 7240's, and Prism's. */
export const MOCK_HEADERS = {
  scenario: 'Mock-Scenario',
  latency: 'Mock-Latency',
  errorRate: 'Mock-Error-Rate',
} as const;

/** Reads `Mock-Scenario`, `Mock-Latency`, `Mock-Error-Rate` and `Prefer`. */
export function readDirectives(headers: Headers): Directives {
  const faults: string[] = [];
  const prefer = readHeader(headers, 'Prefer');
  const read = <Value>(name: string, parse: (text: string) => Value | undefined, expected: string) => {
    const text = readHeader(headers, name)?.trim();
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) faults.push(`${name}: ${expected}`);
    return value;
  };
  const dynamic = readPreference(prefer, 'dynamic');
  return {
    code: readPreference(prefer, 'code'),
    example: readHeader(headers, MOCK_HEADERS.scenario)?.trim() ?? readPreference(prefer, 'example'),
    latencyMs: read(MOCK_HEADERS.latency, readLatencyMs, LATENCY_WORDS),
    errorRate: read(MOCK_HEADERS.errorRate, readRate, RATE_WORDS),
    dynamic: dynamic === undefined ? undefined : dynamic === 'true',
    faults,
  };
}

/** A header that came several times is one list. */
function readHeader(headers: Headers, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** How long this answer waits, in milliseconds. */
export function chooseLatencyMs(directives: Directives, config: MockConfig): number {
  const { min, max } = directives.latencyMs ?? config.latencyMs;
  return min + Math.random() * (max - min);
}
