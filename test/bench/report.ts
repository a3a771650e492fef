import { measureSpread, type Spread } from './figures.ts';
import { FLOOR, MOCK, OURS, PEERS, PRISM, scaled, type Cost, type Sample } from './servers.ts';

export interface Results {
  servers: ReadonlyMap<string, readonly Sample[]>;
  operations: ReadonlyMap<string, readonly Cost[]>;
  mocks: ReadonlyMap<string, readonly Cost[]>;
  added: readonly Added[];
}

/** Milliseconds added to the latency of Stripe, at `perSecond` requests per second. */
export interface Added {
  name: string;
  perSecond: number;
  p50: number;
  p99: number;
}

/** The full report as Markdown. */
export function createReport(results: Results): string {
  const { servers, operations, mocks, added } = results;
  return [
    '## The marks',
    marksTable(results),
    serversReport(servers),
    '## One operation or many, and the mock',
    table(
      ['server', 'CPU µs per request', 'requests/s', 'start ms', 'of CPU'],
      [...operations, ...mocks].map(([name, costs]) => [
        name,
        ...(['cpu', 'perSecond', 'startMs', 'startCpu'] as const).map((key) =>
          formatSpread(costs.map((one) => one[key])),
        ),
      ]),
    ),
    '## Time added to a Stripe that takes 300 ms',
    table(
      ['server', 'requests/s', 'p50 ms', 'p99 ms'],
      added.map(({ name, perSecond, p50, p99 }) => [name, `${perSecond}`, p50.toFixed(1), p99.toFixed(1)]),
    ),
  ].join('\n\n');
}

/** The servers section of the report. */
export function serversReport(servers: Results['servers']): string {
  return [
    '## A payment, and a refused request',
    'CPU microseconds of the server process per request: lowest – **median** – highest of all rounds, and the median against the floor and the best peer.',
    serverTable(servers),
    '## Rates, times, memory, start',
    table(
      ['server', 'requests/s', 'p50 ms', 'p99 ms', 'memory MiB', 'at the end', 'start ms', 'of CPU'],
      [...servers].map(([name, samples]) => [
        name,
        ...(['perSecond', 'p50', 'p99', 'memory', 'memoryLast', 'startMs', 'startCpu'] as const).map((key) =>
          formatSpread(samples.map((one) => one[key])),
        ),
      ]),
    ),
  ].join('\n\n');
}

type Mark = readonly [what: string, seen: number, atMost: number];

/** The targets, as ratios except for the added time. */
function marksTable({ servers, operations, mocks, added }: Results): string {
  const median = (name: string, key: keyof Sample) => measureSpread(servers.get(name)!.map((one) => one[key])).median;
  const ofMany = (some: Results['mocks'], name: string, key: keyof Cost) =>
    measureSpread(some.get(name)!.map((one) => one[key])).median;
  const ours = (key: keyof Sample) => median(OURS.name, key);
  const bestPeer = (key: keyof Sample) => Math.min(...PEERS.map(({ name }) => median(name, key)));
  const one = (operationCount: number) => ofMany(operations, scaled(operationCount).program.name, 'cpu');
  const mock = (key: keyof Cost) => ofMany(mocks, MOCK.name, key) / ofMany(mocks, PRISM.name, key);
  const marks: readonly Mark[] = [
    ['CPU of a payment, of the best peer', ours('payment') / bestPeer('payment'), 0.6],
    ['CPU of a payment, of the floor', ours('payment') / median(FLOOR.name, 'payment'), 1.4],
    ['CPU of a request with 500 operations, of that with 1', one(500) / one(1), 1.1],
    ['Time to start, of Fastify and the SDK alone', ours('startMs') / median(PEERS[0]!.name, 'startMs'), 1.2],
    ['Memory, of the best peer', ours('memory') / bestPeer('memory'), 1.3],
    ['Memory at the end, of that after the payments', ours('memoryLast') / ours('memory'), 1.1],
    [
      'p99 added at 100 requests a second, in ms',
      added.find(({ name, perSecond }) => name === OURS.name && perSecond === 100)!.p99,
      2,
    ],
    ['Time of a request to the mock, of `prism mock`', 1 / mock('perSecond'), 0.33],
    ['Time to start the mock, of `prism mock`', mock('startMs'), 1.5],
  ];
  return table(
    ['', 'at most', 'seen', ''],
    marks.map(([what, seen, atMost]) => [what, `${atMost}`, seen.toFixed(2), seen <= atMost ? 'reached' : 'missed']),
  );
}

/** The CPU cost of one request for each server, lowest first. */
export function describeCosts(servers: Results['servers']): { name: string; payment: Spread; refusal: Spread }[] {
  return [...servers]
    .map(([name, samples]) => ({
      name,
      payment: measureSpread(samples.map(({ payment }) => payment)),
      refusal: measureSpread(samples.map(({ refusal }) => refusal)),
    }))
    .toSorted((one, other) => one.payment.median - other.payment.median);
}

function serverTable(servers: Results['servers']): string {
  const costs = describeCosts(servers);
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

function formatSpread(values: readonly number[]): string {
  const { min, median, max } = measureSpread(values);
  const digits = median < 10 ? 1 : 0;
  return `${min.toFixed(digits)} – **${median.toFixed(digits)}** – ${max.toFixed(digits)}`;
}

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
