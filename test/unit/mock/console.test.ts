import { describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { curlLines } from '../../../src/docs/curl.ts';
import { readMockConfig } from '../../../src/mock/config.ts';
import { banner, describeRequest, USAGE } from '../../../src/mock/console.ts';
import type { Paint } from '../../../src/observability/console.ts';

const plain: Paint = (_format, text) => text;
const named: Paint = (format, text) => `<${[format].flat().join(' ')}>${text}</>`;

describe('for people', () => {
  it('a request is one line, with its path and the reason for a refusal', () => {
    const request = {
      method: 'POST',
      path: '/x',
      status: 400,
      scenario: 'amountTooSmall',
      reason: 'too small',
      durationMs: 2.6,
    };
    expect(describeRequest(request, plain)).toBe('400 POST /x amountTooSmall 3 ms too small');
  });

  const mock = { url: 'http://127.0.0.1:4010', document };

  it('the banner has the addresses, the key, the headers and a command', () => {
    expect(banner(mock, readMockConfig({}), named)).toBe(`
<dim>Mock          </><bold green>http://127.0.0.1:4010</>
<dim>API reference </>http://127.0.0.1:4010/docs
<dim>API key       </>any
<dim>Scenarios     </><cyan>http://127.0.0.1:4010/_mock/scenarios</>
<dim>              </>-H 'Mock-Scenario: amountTooSmall', or -H 'Prefer: code=503', on a valid request
<dim>              </>none for all: SCENARIO=providerUnavailable; for the next: PUT /_mock/next
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

  it('the usage has every setting', () => {
    const names = [...USAGE.matchAll(/^ {2}([A-Z_]+)=/gm)].map(([, name]) => name);
    const env = Object.fromEntries(names.map((name) => [name!, '']));
    expect(readMockConfig(env, Object.keys(env))).toEqual(readMockConfig({}));
    expect(names.length).toBe(Object.keys(readMockConfig({})).length);
  });
});
