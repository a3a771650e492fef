import { describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { readMockConfig } from '../../../src/config.ts';
import { curlLines } from '../../../src/docs/curl.ts';
import { describeRequest, banner, consoleLog, type Paint } from '../../../src/mock/console.ts';

const plain: Paint = (_format, text) => text;
const named: Paint = (format, text) => `<${[format].flat().join(' ')}>${text}</>`;

describe('in a terminal', () => {
  const handled = {
    method: 'POST',
    path: '/x',
    status: 400,
    scenario: 'amountTooSmall',
    reason: 'too small',
    durationMs: 2.6,
  };

  it('a request is one line', () => {
    expect(describeRequest(handled, plain)).toBe('400 POST /x amountTooSmall 3 ms too small');
    expect(describeRequest({ ...handled, scenario: undefined, reason: undefined }, plain)).toBe('400 POST /x 3 ms');
  });

  it.each([
    [200, 'green'],
    [299, 'green'],
    [300, 'yellow'],
    [499, 'yellow'],
    [500, 'red'],
  ])('a %d is %s', (status, colour) => {
    expect(describeRequest({ ...handled, status }, named)).toBe(
      `<${colour}>${status}</> POST /x <bold>amountTooSmall</> <dim>3 ms</> too small`,
    );
  });

  it('the log is its messages, without request lines', () => {
    const printed: string[] = [];
    const log = consoleLog((line) => printed.push(line), named);
    for (const line of [
      { level: 30, msg: 'serving' },
      { level: 40, msg: 'odd' },
      { level: 50, msg: 'wrong' },
      { level: 60, msg: 'broken' },
      { level: 30, msg: 'request' },
      { level: 30, msg: 'more', suppressed: 2 },
    ]) {
      log.write(JSON.stringify(line));
    }
    expect(printed).toEqual(['serving', 'odd', '<red>wrong</>', '<red>broken</>']);
  });

  const mock = { url: 'http://127.0.0.1:4010', document, close: async () => {} };

  it('the banner has the addresses, the key, the headers and a command', () => {
    expect(banner(mock, readMockConfig({}), named)).toBe(`
<dim>Mock          </><bold green>http://127.0.0.1:4010</>
<dim>API reference </>http://127.0.0.1:4010/docs
<dim>API key       </>any
<dim>Scenarios     </><cyan>http://127.0.0.1:4010/_mock/scenarios</>   -H 'Accept: text/html' for the page
<dim>              </>-H 'Mock-Scenario: amountTooSmall', or -H 'Prefer: code=503', on a valid request
<dim>Latency       </>0 ms: LATENCY_MS=100-800, or -H 'Mock-Latency: 300'
<dim>Error rate    </>0: ERROR_RATE=0.1, or -H 'Mock-Error-Rate: 1'
<dim>Data          </>from the examples: DYNAMIC=1, or -H 'Prefer: dynamic=true'
<dim>Errors        </>explained in the header Mock-Reason

${curlLines(document, mock.url, 'any_key')}
`);
  });

  it('the banner has the configuration', () => {
    const config = { API_KEY: 'cv_only', LATENCY_MS: '10-20', ERROR_RATE: '0.1', DYNAMIC: '1', DOCS: 'off' };
    const text = banner(mock, readMockConfig(config), plain);
    expect(text).toContain('\nMock          http://127.0.0.1:4010\nAPI key       cv_only\n');
    expect(text).toContain('\nLatency       10-20 ms: ');
    expect(text).toContain('\nError rate    0.1: ');
    expect(text).toContain('\nData          random: ');
    expect(text).toContain("-H 'cv-api-key: cv_only'");
  });
});
