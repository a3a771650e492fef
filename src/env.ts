import { isIP } from 'node:net';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of ours start so: one that we don't know is a typing error, and not silently a default. */
const OWN_PREFIX = /^(API_KEY|STRIPE_|TENANT_|ADDRESS_|REDIS_|ADMIN_|CORS_|TRUSTED_|MAX_CONN|DRAIN_|CHECK_)/;

/** What Kubernetes tells every process of a service by the name of, say, `redis`: REDIS_SERVICE_HOST, REDIS_PORT_6379_TCP. */
const KUBERNETES_LINK = /_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

/** Reads variables one by one, and finds all faults before it throws. */
export class Variables {
  readonly #env: Environment;
  readonly #faults: string[] = [];
  readonly #known = new Set<string>();

  constructor(env: Environment) {
    this.#env = env;
  }

  read<Value>(name: string, fallback: string | undefined, parse: (text: string) => Value | InvalidSetting): Value {
    this.#known.add(name);
    const text = this.#env[name]?.trim() || fallback;
    const value = text === undefined ? new InvalidSetting('missing') : parse(text);
    if (value instanceof InvalidSetting) this.fault(name, value.reason);
    // Nobody sees a fault as a value: finish throws first.
    return value as Value;
  }

  optional<Value>(name: string, parse: (text: string) => Value | InvalidSetting): Value | undefined {
    return this.read(name, '', (text) => (text === '' ? undefined : parse(text)));
  }

  fault(name: string, reason: string): void {
    this.#faults.push(`${name}: ${reason}`);
  }

  refuseUnknown(): void {
    for (const name of Object.keys(this.#env)) {
      const isOurs = OWN_PREFIX.test(name) && !KUBERNETES_LINK.test(name);
      if (isOurs && !this.#known.has(name)) this.fault(name, 'unknown; see .env.example');
    }
  }

  finish(): void {
    if (this.#faults.length > 0) throw new Error(`The configuration is wrong:\n- ${this.#faults.join('\n- ')}`);
  }
}

export class InvalidSetting {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

export const anyText = (text: string) => text;

export const integer = (min: number, max: number) => (text: string) =>
  /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max
    ? Number(text)
    : new InvalidSetting(`expected an integer from ${min} to ${max}, got ${JSON.stringify(text)}`);

export const host = (text: string) =>
  isIP(text) > 0 || /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(text)
    ? text
    : new InvalidSetting(`expected an address or a host name, got ${JSON.stringify(text)}`);

export const port = integer(0, 65_535);

export const described =
  <Value>(parse: (text: string) => Value | undefined, expected: string) =>
  (text: string): Value | InvalidSetting =>
    parse(text) ?? new InvalidSetting(`${expected}, got ${JSON.stringify(text)}`);

export const oneOf =
  <const Choice extends string>(choices: readonly Choice[]) =>
  (text: string) =>
    choices.find((choice) => choice === text) ??
    new InvalidSetting(`expected one of ${choices.join(', ')}, got ${JSON.stringify(text)}`);

export const onOrOff = (text: string) => {
  const choice = oneOf(['on', 'off'])(text);
  return choice instanceof InvalidSetting ? choice : choice === 'on';
};

/** A comma between each two, all faults together. */
export const listOf =
  <Value>(parse: (text: string) => Value | InvalidSetting) =>
  (text: string): Value[] | InvalidSetting => {
    const values = text.split(',').map((part) => parse(part.trim()));
    const faults = values.filter((value) => value instanceof InvalidSetting);
    return faults.length > 0 ? new InvalidSetting(faults.map(({ reason }) => reason).join('; ')) : (values as Value[]);
  };
