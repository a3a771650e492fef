import { spreadOf, type Spread } from './figures.ts';
import { FLOOR, OURS, type Cost, type Sample } from './servers.ts';

export interface Results {
  servers: ReadonlyMap<string, readonly Sample[]>;
  operations: ReadonlyMap<string, readonly Cost[]>;
  mocks: ReadonlyMap<string, readonly Cost[]>;
  /** Milliseconds over Stripe's own, by requests a second. */
  added: ReadonlyMap<number, { p50: number; p99: number }>;
}

/** Everything as Markdown. */
export function reportOf({ servers, operations, mocks, added }: Results, about: string): string {
  return [
    about,
    '## A payment, and a refused request',
    'CPU microseconds of the server process per request: lowest – **median** – highest of all rounds, and the median against the floor and the best peer.',
    serverTable(servers),
    '## Rates, times, memory, start',
    table(
      ['server', 'requests/s', 'p50 ms', 'p99 ms', 'memory MiB', 'start ms', 'of CPU'],
      [...servers].map(([name, samples]) => [
        name,
        ...(['perSecond', 'p50', 'p99', 'memory', 'startMs', 'startCpu'] as const).map((key) =>
          said(samples.map((one) => one[key])),
        ),
      ]),
    ),
    '## One operation or many, and the mock',
    table(
      ['server', 'CPU µs per request', 'requests/s', 'start ms', 'of CPU'],
      [...operations, ...mocks].map(([name, costs]) => [
        name,
        ...(['cpu', 'perSecond', 'startMs', 'startCpu'] as const).map((key) => said(costs.map((one) => one[key]))),
      ]),
    ),
    '## Time added to a Stripe that takes 300 ms',
    table(
      ['requests/s', 'p50 ms', 'p99 ms'],
      [...added].map(([rate, { p50, p99 }]) => [String(rate), p50.toFixed(1), p99.toFixed(1)]),
    ),
  ].join('\n\n');
}

/** The medians of what one request costs, least first. */
export function costsOf(servers: Results['servers']): { name: string; payment: Spread; refusal: Spread }[] {
  return [...servers]
    .map(([name, samples]) => ({
      name,
      payment: spreadOf(samples.map(({ payment }) => payment)),
      refusal: spreadOf(samples.map(({ refusal }) => refusal)),
    }))
    .toSorted((one, other) => one.payment.median - other.payment.median);
}

function serverTable(servers: Results['servers']): string {
  const costs = costsOf(servers);
  const against = (kind: 'payment' | 'refusal') => {
    const floor = costs.find(({ name }) => name === FLOOR.name)?.[kind].median ?? NaN;
    const peers = costs.filter(({ name }) => name !== FLOOR.name && name !== OURS.name);
    const best = Math.min(...peers.map((peer) => peer[kind].median));
    return ({ median }: Spread) => [(median / floor).toFixed(2), (median / best).toFixed(2)];
  };
  const [ofPayment, ofRefusal] = [against('payment'), against('refusal')];
  return table(
    ['server', 'payment', '× floor', '× best peer', 'refused', '× floor', '× best peer'],
    costs.map(({ name, payment, refusal }) => [
      name === OURS.name ? `**${name}**` : name,
      spread(payment),
      ...ofPayment(payment),
      spread(refusal),
      ...ofRefusal(refusal),
    ]),
  );
}

const spread = ({ min, median, max }: Spread) => `${min.toFixed(0)} – **${median.toFixed(0)}** – ${max.toFixed(0)}`;

function said(values: readonly number[]): string {
  const { min, median, max } = spreadOf(values);
  const digits = median < 10 ? 1 : 0;
  return `${min.toFixed(digits)} – **${median.toFixed(digits)}** – ${max.toFixed(digits)}`;
}

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
