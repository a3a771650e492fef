import { describe, expect, it } from 'vitest';
import { readArguments, readMockConfig } from '../../../src/mock/config.ts';

const issuesIn = (env: Record<string, string>, given?: readonly string[]): string[] => {
  try {
    readMockConfig(env, given);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n- ').slice(1);
  }
};

describe('readMockConfig', () => {
  it('needs nothing: it serves this machine only, and accepts any API key', () => {
    expect(readMockConfig({})).toEqual({
      host: '127.0.0.1',
      port: 4010,
      logLevel: 'info',
      logFormat: 'text',
      apiKey: undefined,
      scenario: undefined,
      docs: true,
      latencyMs: { min: 0, max: 0 },
      errorRate: 0,
      dynamic: false,
    });
  });

  it('accepts one API key only, if there is one', () => {
    expect(readMockConfig({ API_KEY: 'cv_only' }).apiKey).toBe('cv_only');
  });

  it('reports all invalid settings at once', () => {
    const env = { LATENCY_MS: '800-100', ERROR_RATE: '2', DYNAMIC: 'yes', PORT: '-', LOG_FORMAT: 'xml' };
    expect(issuesIn(env)).toEqual([
      'PORT: expected an integer from 0 to 65535, got "-"',
      'LOG_FORMAT: expected one of text, json, got "xml"',
      'LATENCY_MS: expected milliseconds such as 300 or 100-800, at most 20000, got "800-100"',
      'ERROR_RATE: expected a share from 0 to 1 such as 0.1, got "2"',
      'DYNAMIC: expected one of 0, 1, got "yes"',
    ]);
  });
});

describe('a mistyped setting', () => {
  it.each([
    ['LATENCY', 'LATENCY_MS'],
    ['LATENCYMS', 'LATENCY_MS'],
    ['latency_ms', 'LATENCY_MS'],
    ['LATENCY-MS', 'LATENCY_MS'],
    ['LATENCY_M', 'LATENCY_MS'],
    ['ERRORRATE', 'ERROR_RATE'],
    ['ERROR_RATES', 'ERROR_RATE'],
    ['DYNAMC', 'DYNAMIC'],
    ['SCENARIOS', 'SCENARIO'],
    ['SCENRAIO', 'SCENARIO'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['LOG_FROMAT', 'LOG_FORMAT'],
    ['APIKEY', 'API_KEY'],
    ['PROT', 'PORT'],
    ['port', 'PORT'],
    ['DOSC', 'DOCS'],
  ])('%s is refused, with the right name: %s', (name, meant) => {
    expect(issuesIn({ [name]: '1' })).toEqual([`${name}: unknown; did you mean ${meant}?`]);
  });

  it.each(
    `HOSTNAME HOSTS POST PORTS PATH DOC LOG LOGNAME API API_KEYS APP_KEY OPENAI_API_KEY API_KEY_2 PORT_8080 MOCK_PORT
    npm_config_loglevel npm_package_version NODE_ENV CI DYNAMO ERROR STRIPE_SECRET_KEY _`.split(/\s+/),
  )('%s is of others, and stays unnoticed in the environment', (name) => {
    expect(issuesIn({ [name]: '1' })).toEqual([]);
  });

  it('is every unknown one, among those that are given to the mock alone', () => {
    expect(issuesIn({ HOSTS: 'a', POST: '1' }, ['HOSTS'])).toEqual([
      'HOSTS: unknown; expected one of HOST, PORT, LOG_LEVEL, LOG_FORMAT, DOCS, API_KEY, SCENARIO, LATENCY_MS, ERROR_RATE, DYNAMIC',
    ]);
  });
});

describe('readArguments', () => {
  it('reads settings, with any value', () => {
    expect(readArguments(['PORT=0', 'API_KEY=a=b c', 'SCENARIO='])).toEqual({
      PORT: '0',
      API_KEY: 'a=b c',
      SCENARIO: '',
    });
  });

  it('refuses everything else', () => {
    expect(() => readArguments(['PORT=0', 'fast', '--port=1', 'LATENCY-MS=1'])).toThrow(
      /^Expected NAME=value, got fast --port=1 LATENCY-MS=1\. --help lists the names\.$/,
    );
  });
});
