import { isIP } from 'node:net';
import { editDistance } from './nearest.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Converts the text of a variable. Throws an Error that says what was expected, and never quotes a secret. */
export type Parse<Value> = (text: string) => Value;

/** Prefixes of our variables. An unknown variable with one of them is a typing error, which must not go unnoticed. */
const OWN_PREFIX = /^(API_KEY|STRIPE_|TENANT_|ADDRESS_|REDIS_|ADMIN_|CORS_|TRUSTED_|MAX_CONN|DRAIN_|CHECK_)/;

/** Variables that Kubernetes sets for a service named, say, `redis`: REDIS_SERVICE_HOST, REDIS_PORT_6379_TCP. */
const KUBERNETES_LINK = /_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

/** Reads environment variables, and reports all invalid ones at once. */
export class Variables {
  readonly #env: Environment;
  readonly #issues: string[] = [];
  readonly #known = new Set<string>();

  constructor(env: Environment) {
    this.#env = env;
  }

  /** An invalid value is returned as undefined: finish() throws before it is used. */
  read<Value>(name: string, fallback: string | undefined, parse: Parse<Value>): Value {
    this.#known.add(name);
    try {
      const text = this.#env[name]?.trim() || fallback;
      if (text === undefined) throw new Error('missing');
      return parse(text);
    } catch (error) {
      this.addIssue(name, (error as Error).message);
      return undefined as Value;
    }
  }

  optional<Value>(name: string, parse: Parse<Value>): Value | undefined {
    return this.read(name, '', (text) => (text === '' ? undefined : parse(text)));
  }

  addIssue(name: string, reason: string): void {
    this.#issues.push(`${name}: ${reason}`);
  }

  rejectUnknown(): void {
    for (const name of Object.keys(this.#env)) {
      const isOurs = OWN_PREFIX.test(name) && !KUBERNETES_LINK.test(name);
      if (isOurs && !this.#known.has(name)) this.addIssue(name, 'unknown; see .env.example');
    }
  }

  /**
   * For an environment that is full of others' variables: rejects the names that look like a mistyped one of ours, and of those
   * that were `given` to us alone, every unknown one.
   */
  rejectMistyped(given: readonly string[]): void {
    const known = [...this.#known];
    for (const name of Object.keys(this.#env).filter((one) => !this.#known.has(one))) {
      const meant = known.find((one) => isMistyped(name, one));
      if (meant !== undefined) this.addIssue(name, `unknown; did you mean ${meant}?`);
      else if (given.includes(name)) this.addIssue(name, `unknown; expected one of ${known.join(', ')}`);
    }
  }

  /** Throws one Error that lists all issues. */
  finish(): void {
    if (this.#issues.length > 0) throw new Error(`Invalid configuration:\n- ${this.#issues.join('\n- ')}`);
  }
}

/** Whether a name looks like a mistyped `known`: LATENCY or LATENCYMS for LATENCY_MS, PROT for PORT. */
function isMistyped(name: string, known: string): boolean {
  const [one, other] = [name, known].map((text) => text.toUpperCase().replaceAll(/[_-]/g, '')) as [string, string];
  const edits = editDistance(one, other);
  // A short name is near to many that mean something else: POST, HOSTS, APP_KEY.
  const maxEdits = other.length < 7 ? 0 : other.length < 9 ? 1 : 2;
  return edits <= maxEdits || (edits === 1 && sortLetters(one) === sortLetters(other));
}

const sortLetters = (text: string): string => text.split('').toSorted().join('');

/** For values that are not secrets: the error quotes the text. */
export function expected(description: string, text: string): never {
  throw new Error(`expected ${description}, got ${JSON.stringify(text)}`);
}

export const integer =
  (min: number, max: number): Parse<number> =>
  (text) =>
    /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max
      ? Number(text)
      : expected(`an integer from ${min} to ${max}`, text);

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Lines for people, or JSON for machines. */
export const logFormat: Parse<'text' | 'json'> = (text) => oneOf(['text', 'json'])(text);

export const port = integer(0, 65_535);

export const host: Parse<string> = (text) =>
  isIP(text) > 0 || /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(text) ? text : expected('an address or a host name', text);

export const oneOf =
  <const Choice extends string>(choices: readonly Choice[]): Parse<Choice> =>
  (text) =>
    choices.find((choice) => choice === text) ?? expected(`one of ${choices.join(', ')}`, text);

export const onOrOff: Parse<boolean> = (text) => oneOf(['on', 'off'])(text) === 'on';

/** Separated by commas. Reports all invalid items. */
export const listOf =
  <Value>(parse: Parse<Value>): Parse<Value[]> =>
  (text) => {
    const issues: string[] = [];
    const values = text.split(',').flatMap((item) => {
      try {
        return [parse(item.trim())];
      } catch (error) {
        issues.push((error as Error).message);
        return [];
      }
    });
    if (issues.length > 0) throw new Error(issues.join('; '));
    return values;
  };
