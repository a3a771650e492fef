import type { Headers } from './case.ts';

/** The settings of a run of the contract tests on a deployment. */
export interface Settings {
  /** `https://host/prefix`, without a user, a query or a slash at the end. */
  baseUrl: string;
  /** The path of the base URL: `/prefix`, or empty. */
  prefix: string;
  apiKey: string;
  /** Additional headers of every request, for a gateway in front of the deployment. Secrets. */
  headers: Headers;
  /** The key of another tenant. */
  secondApiKey?: string;
  /** A publishable or restricted key of the deployment's Stripe account, to read created intents. */
  stripeKey?: string;
  /** Where intents are read: Stripe, or a fake of it in tests. */
  stripeUrl: string;
  /** Whether to run cases that create intents. */
  creates: boolean;
  /** The folder for the reports. */
  folder: string;
  /** The variables of the proxies on the way: HTTP_PROXY, HTTPS_PROXY, NO_PROXY. None to this machine itself. */
  proxies: Readonly<Record<string, string>>;
}

const NAMES = new Set(['BASE_URL', 'API_KEY', 'CREATE', 'HEADER', 'API_KEY_2', 'STRIPE_KEY', 'STRIPE_URL', 'REPORT']);
const USAGE =
  "usage: BASE_URL=https://… API_KEY=… [CREATE=1] [HEADER='Name: value'] [API_KEY_2=…] [STRIPE_KEY=pk_…] [REPORT=reports/contract]";

const VISIBLE = /^[\x21-\x7e]+$/;
const HEADER = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([\x21-\x7e\xa0-\xff](?:[\t\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?)$/;
/** Headers that the tests themselves send, or that frame a request. */
const OWN_HEADER =
  /^(cv-api-key|content-type|content-length|content-encoding|idempotency-key|transfer-encoding|connection|expect)$/i;

/**
 * Reads the settings: NAME=value as an argument, or CONTRACT_NAME or NAME in the environment, in this order. HEADER holds one
 * header per line, and as an argument it may be repeated.
 *
 * Throws an Error that names all invalid settings, without their values, which can be secrets.
 */
export function readSettings(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Settings {
  const given = args.map((argument) => /^(\w+)=(.*)$/s.exec(argument));
  if (given.some((match) => !NAMES.has(match?.[1] ?? ''))) throw new Error(USAGE);
  const read = (name: string): string => {
    const values = given.filter((match) => match![1] === name).map((match) => match![2]!);
    const last = name === 'HEADER' ? values.join('\n') : values.at(-1);
    return last || env[`CONTRACT_${name}`] || env[name] || '';
  };
  const faults: string[] = [];
  const expect = (isValid: boolean, fault: string) => void (isValid || faults.push(fault));

  const url = URL.parse(read('BASE_URL'));
  const isWeb = url !== null && /^https?:$/.test(url.protocol);
  expect(
    isWeb && url.search === '' && url.hash === '',
    'BASE_URL: expected an address without a query, such as https://api.example.com/prefix',
  );
  const apiKey = read('API_KEY');
  expect(VISIBLE.test(apiKey), `API_KEY: ${apiKey === '' ? 'missing' : 'expected visible ASCII'}`);
  const secondApiKey = read('API_KEY_2');
  expect(secondApiKey === '' || VISIBLE.test(secondApiKey), 'API_KEY_2: expected visible ASCII');
  expect(secondApiKey === '' || secondApiKey !== apiKey, 'API_KEY_2: expected the key of another tenant than API_KEY');
  const stripeKey = read('STRIPE_KEY');
  expect(
    /^((pk|rk)_(test|live)_\w+)?$/.test(stripeKey),
    'STRIPE_KEY: expected a publishable or restricted key, pk_… or rk_…',
  );
  const stripeUrl = read('STRIPE_URL') || 'https://api.stripe.com';
  expect(/^https?:$/.test(URL.parse(stripeUrl)?.protocol ?? ''), 'STRIPE_URL: expected an address');
  const create = read('CREATE') || '0';
  expect(/^[01]$/.test(create), 'CREATE: expected one of 0, 1');
  const lines = read('HEADER')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const headers = lines.map((line) => (HEADER.exec(line) ?? []).slice(1) as [string, string]);
  expect(
    headers.every(([name]) => name !== undefined),
    'HEADER: expected Name: value, one header per line',
  );
  for (const [name] of headers) expect(!OWN_HEADER.test(name ?? ''), `HEADER: ${name} is sent by the tests themselves`);
  const proxies = url && LOCAL.test(url.hostname) ? {} : readProxies(env);
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY']) {
    const isAddress = /^https?:$/.test(URL.parse(proxies[name] ?? 'http://none')?.protocol ?? '');
    expect(isAddress, `${name}: expected an address, such as http://proxy.example.com:3128`);
  }
  if (faults.length > 0) throw new Error([...faults, USAGE].join('\n'));

  const { origin, pathname } = url!;
  const prefix = pathname.replace(/\/+$/, '');
  return {
    baseUrl: origin + prefix,
    prefix,
    apiKey,
    headers: [...headers, ...basicAuthentication(url!)],
    ...(secondApiKey !== '' && { secondApiKey }),
    ...(stripeKey !== '' && { stripeKey }),
    stripeUrl,
    creates: create === '1',
    folder: read('REPORT') || 'reports/contract',
    proxies,
  };
}

const LOCAL = /^(localhost|127\..*|\[::1\])$/;

/** As curl reads them: small letters come first, and an address without a scheme is http. */
function readProxies(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const given = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'].map(
    (name) => [name, env[name.toLowerCase()] || env[name] || ''] as const,
  );
  return Object.fromEntries(
    given
      .filter(([, value]) => value !== '')
      .map(([name, value]) => [name, name === 'NO_PROXY' || value.includes('://') ? value : `http://${value}`]),
  );
}

/** The user and password of an address as the header that browsers make of it. */
function basicAuthentication({ username, password }: URL): Headers {
  if (username === '' && password === '') return [];
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return [['Authorization', `Basic ${Buffer.from(credentials).toString('base64')}`]];
}
