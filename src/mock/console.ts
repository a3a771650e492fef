import type { styleText } from 'node:util';
import type { MockConfig } from '../config.ts';
import { curlLines } from '../docs/curl.ts';
import { MOCK_HEADERS } from './directives.ts';
import { SCENARIOS_PATH } from './scenarios.ts';
import type { HandledRequest, Mock } from './server.ts';

/** Colours a text, unless colours are disabled. */
export type Paint = (format: Parameters<typeof styleText>[0], text: string) => string;

/** The text printed at the start: URLs, settings and a curl command. */
export function banner(mock: Mock, config: MockConfig, paint: Paint): string {
  const { min, max } = config.latencyMs;
  const curl = curlLines(mock.document, mock.url, config.apiKey ?? 'any_key');
  const rows: [string, string][] = [
    ['Mock', paint(['bold', 'green'], mock.url)],
    ...(config.docs ? [['API reference', `${mock.url}/docs`] as [string, string]] : []),
    ['API key', config.apiKey ?? 'any'],
    ['Scenarios', `${paint('cyan', mock.url + SCENARIOS_PATH)}   -H 'Accept: text/html' for the page`],
    ['', `-H '${MOCK_HEADERS.scenario}: amountTooSmall', or -H 'Prefer: code=503', on a valid request`],
    ['Latency', `${min === max ? min : `${min}-${max}`} ms: LATENCY_MS=100-800, or -H '${MOCK_HEADERS.latency}: 300'`],
    ['Error rate', `${config.errorRate}: ERROR_RATE=0.1, or -H '${MOCK_HEADERS.errorRate}: 1'`],
    ['Data', `${config.dynamic ? 'random' : 'from the examples'}: DYNAMIC=1, or -H 'Prefer: dynamic=true'`],
    ['Errors', 'explained in the header Mock-Reason'],
  ];
  const lines = rows.map(([name, text]) => `${paint('dim', name.padEnd(14))}${text}`);
  return `\n${lines.join('\n')}\n\n${curl}\n`;
}

/** A line for the terminal: `400 POST /api/v1/payments/intent amountTooSmall 3 ms body/amount must be >= 0.5`. */
export function describeRequest(request: HandledRequest, paint: Paint): string {
  const { method, path, status, scenario, reason } = request;
  const colour = status < 300 ? 'green' : status < 500 ? 'yellow' : 'red';
  const duration = paint('dim', `${Math.round(request.durationMs)} ms`);
  const parts = [paint(colour, String(status)), method, path, scenario && paint('bold', scenario), duration, reason];
  return parts.filter((part) => part).join(' ');
}

/** A log destination for the terminal: prints messages only, and no request lines, which describeRequest replaces. */
export const consoleLog = (print: (line: string) => void, paint: Paint) => ({
  write(json: string): void {
    const { level, msg, suppressed } = JSON.parse(json) as { level: number; msg: string; suppressed?: number };
    if (msg === 'request' || suppressed !== undefined) return;
    print(level >= 50 ? paint('red', msg) : msg);
  },
});
