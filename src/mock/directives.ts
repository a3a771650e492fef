import { LATENCY_FORMAT, RATE_FORMAT, readLatencyMs, readRate, type LatencyMs, type MockConfig } from '../config.ts';
import { readPreference } from './prefer.ts';

/** The headers of a request that control the mock. Undefined: use the default. */
export interface Directives {
  code: string | undefined;
  example: string | undefined;
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

/** Parses `Mock-Scenario`, `Mock-Latency`, `Mock-Error-Rate` and `Prefer`. */
export function readDirectives(headers: Headers): Directives {
  const issues: string[] = [];
  const prefer = readHeader(headers, 'Prefer');
  const read = <Value>(name: string, parse: (text: string) => Value | undefined, expected: string) => {
    const text = readHeader(headers, name)?.trim();
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) issues.push(`${name}: expected ${expected}`);
    return value;
  };
  const dynamic = readPreference(prefer, 'dynamic');
  return {
    code: readPreference(prefer, 'code'),
    example: readHeader(headers, MOCK_HEADERS.scenario)?.trim() ?? readPreference(prefer, 'example'),
    latencyMs: read(MOCK_HEADERS.latency, readLatencyMs, LATENCY_FORMAT),
    errorRate: read(MOCK_HEADERS.errorRate, readRate, RATE_FORMAT),
    dynamic: dynamic === undefined ? undefined : dynamic === 'true',
    issues,
  };
}

/** Repeated headers are joined into one list. */
function readHeader(headers: Headers, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Chooses the delay of a response, in milliseconds. */
export function chooseLatencyMs(directives: Directives, config: MockConfig): number {
  const { min, max } = directives.latencyMs ?? config.latencyMs;
  return min + Math.random() * (max - min);
}
