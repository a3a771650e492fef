/** The settings of a run of the contract tests on a deployment. */
export interface Settings {
  /** `https://host`, without a path. */
  baseUrl: string;
  apiKey: string;
  /** Whether to run cases that create intents. */
  creates: boolean;
  /** The folder for the HTML report and JUnit XML. */
  folder: string;
}

const USAGE = 'usage: BASE_URL=https://… API_KEY=… [CREATE=1] [REPORT=reports/contract]';

/**
 * Reads BASE_URL, API_KEY, CREATE and REPORT: NAME=value as an argument, or CONTRACT_NAME or NAME in the environment, in this
 * order.
 *
 * Throws an Error that names all invalid settings, without their values: an address can contain a password.
 */
export function readSettings(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Settings {
  const given = args.map((argument) => /^(BASE_URL|API_KEY|CREATE|REPORT)=(.*)$/s.exec(argument));
  if (given.includes(null)) throw new Error(USAGE);
  const values = Object.fromEntries(given.map((match) => [match![1], match![2]]));
  const read = (name: string) => values[name] || env[`CONTRACT_${name}`] || env[name];

  const url = URL.parse(read('BASE_URL') ?? '');
  const apiKey = read('API_KEY') ?? '';
  const create = read('CREATE') || '0';
  const faults = [
    ...(url && /^https?:$/.test(url.protocol) && url.pathname === '/'
      ? []
      : ['BASE_URL: expected an address without a path, such as https://api.example.com']),
    ...(/^[\x21-\x7e]+$/.test(apiKey) ? [] : [`API_KEY: ${apiKey === '' ? 'missing' : 'expected visible ASCII'}`]),
    ...(/^[01]$/.test(create) ? [] : ['CREATE: expected one of 0, 1']),
  ];
  if (faults.length > 0) throw new Error([...faults, USAGE].join('\n'));
  return { baseUrl: url!.origin, apiKey, creates: create === '1', folder: read('REPORT') || 'reports/contract' };
}
