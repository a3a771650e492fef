import { curlLines } from '../docs/curl.ts';
import { requestLine, type Paint } from '../observability/console.ts';
import type { HandledRequest } from './app.ts';
import type { MockConfig } from './config.ts';
import { MOCK_HEADERS } from './directives.ts';
import { NEXT_PATH, SCENARIOS_PATH } from './scenarios.ts';
import type { Mock } from './server.ts';

/** The text printed at the start: URLs, settings and a curl command. */
export function banner(mock: Pick<Mock, 'url' | 'document'>, config: MockConfig, paint: Paint): string {
  const { min, max } = config.latencyMs;
  const curl = curlLines(mock.document, mock.url, config.apiKey ?? 'any_key');
  const rows: [string, string][] = [
    ['Mock', paint(['bold', 'green'], mock.url)],
    ...(config.docs ? [['API reference', `${mock.url}/docs`] as [string, string]] : []),
    ['API key', config.apiKey ?? 'any'],
    ['Scenarios', paint('cyan', mock.url + SCENARIOS_PATH)],
    ['', `-H '${MOCK_HEADERS.scenario}: amountTooSmall', or -H 'Prefer: code=503', on a valid request`],
    ['', `${config.scenario ?? 'none'} for all: SCENARIO=providerUnavailable; for the next: PUT ${NEXT_PATH}`],
    ['Latency', `${min === max ? min : `${min}-${max}`} ms: LATENCY_MS=100-800, or -H '${MOCK_HEADERS.latency}: 300'`],
    ['Error rate', `${config.errorRate}: ERROR_RATE=0.1, or -H '${MOCK_HEADERS.errorRate}: 1'`],
    ['Data', `${config.dynamic ? 'random' : 'from the examples'}: DYNAMIC=1, or -H 'Prefer: dynamic=true'`],
    ['Errors', 'explained in the header Mock-Reason'],
  ];
  const lines = rows.map(([name, text]) => `${paint('dim', name.padEnd(14))}${text}`);
  return `\n${lines.join('\n')}\n\n${curl}\n`;
}

/** A line for the console: `400 POST /api/v1/payments/intent amountTooSmall 3 ms body/amount must be >= 0.5`. */
export const describeRequest = (
  { path: target, scenario: response, reason: detail, ...rest }: HandledRequest,
  paint: Paint,
) => requestLine({ ...rest, target, response, detail }, paint);

/** What the command prints for `--help`. */
export const USAGE = `Usage: payments-mock [NAME=value …]

  PORT=4010               the port; 0 for a free one
  HOST=127.0.0.1          the address; 0.0.0.0 for other machines, too
  API_KEY=…               the only accepted API key; default: any
  SCENARIO=…              the scenario of all valid requests, such as providerUnavailable
  LATENCY_MS=100-800      the delay of each response
  ERROR_RATE=0.1          the share of valid requests that fail
  DYNAMIC=1               a new secret for each payment
  DOCS=off                no API reference
  LOG_FORMAT=json         a log for machines
  LOG_LEVEL=silent        no log; the default where CI is set

The same names are read from the environment. NO_COLOR and FORCE_COLOR choose the colours.
`;
