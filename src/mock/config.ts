import { expected, host, logFormat, LOG_LEVELS, oneOf, onOrOff, port, Variables, type Environment } from '../env.ts';
import { LATENCY_FORMAT, RATE_FORMAT, readLatencyMs, readRate } from './directives.ts';

export type MockConfig = ReturnType<typeof readMockConfig>;

/**
 * Reads the mock's configuration from variables, of which some were `given` to the mock alone, as arguments.
 *
 * Throws one Error that lists every invalid one, and every name that looks mistyped.
 */
export function readMockConfig(env: Environment, given: readonly string[] = []) {
  const variables = new Variables(env);
  const config = {
    host: variables.read('HOST', '127.0.0.1', host),
    port: variables.read('PORT', '4010', port),
    logLevel: variables.read('LOG_LEVEL', 'info', oneOf(LOG_LEVELS)),
    logFormat: variables.read('LOG_FORMAT', 'text', logFormat),
    docs: variables.read('DOCS', 'on', onOrOff),
    apiKey: variables.optional('API_KEY', (text) => text),
    scenario: variables.optional('SCENARIO', (text) => text),
    latencyMs: variables.read('LATENCY_MS', '0', (text) => readLatencyMs(text) ?? expected(LATENCY_FORMAT, text)),
    errorRate: variables.read('ERROR_RATE', '0', (text) => readRate(text) ?? expected(RATE_FORMAT, text)),
    dynamic: variables.read('DYNAMIC', '0', oneOf(['0', '1'])) === '1',
  };
  variables.rejectMistyped(given);
  variables.finish();
  return Object.freeze(config);
}

/** Reads `NAME=value` arguments. Throws one Error that lists all others. */
export function readArguments(args: readonly string[]): Record<string, string> {
  const settings = args.map((argument) => /^(\w+)=(.*)$/s.exec(argument)?.slice(1) as [string, string] | undefined);
  const others = args.filter((_argument, index) => !settings[index]);
  if (others.length > 0) throw new Error(`Expected NAME=value, got ${others.join(' ')}. --help lists the names.`);
  return Object.fromEntries(settings as [string, string][]);
}
