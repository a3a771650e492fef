/**
 * `make bench ROUNDS=5 REQUESTS=10000`: our server and its peers on the same Stripe stub, one after the other in every round, each in a fresh process.
 *
 * Compares CPU time, which unlike latency and throughput is nearly the same on a busy machine.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { readNumbers } from '../support/numbers.ts';
import { drawChart } from './chart.ts';
import { measureSpread } from './figures.ts';
import { here, start, startLoad, type Load, type Program } from './processes.ts';
import { describeCosts, createReport, serversReport, type Added, type Results } from './report.ts';
import { PAYMENT } from './requests.ts';
import { measureCost, FLOOR, MOCK, OURS, PEERS, PRISM, sample, scaled } from './servers.ts';

const { values } = parseArgs({
  options: {
    /** A pattern that selects servers by name. */
    only: { type: 'string', default: '' },
    /** The ours.ts of another version to compare with. */
    also: { type: 'string', multiple: true, default: [] },
  },
});
const STRIPE: Program = { name: 'Stripe stub', args: [here('stripeStub.ts')] };
const { ROUNDS: rounds, REQUESTS: requests } = readNumbers({
  ROUNDS: [5, 1, 1_000],
  REQUESTS: [10_000, 1, 10_000_000],
});
/** Measures the servers only, and writes no report. */
const isShort = Boolean(process.env['SHORT']);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const load = startLoad();
try {
  const servers = await measureServers();
  const environment = `Node ${process.version}, ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}; ${rounds} rounds of ${requests} requests.`;
  if (values.only || isShort) console.log(`${environment}\n\n${serversReport(servers)}`);
  else {
    const report = createReport({ servers, ...(await measureTheRest()) });
    console.log(`${environment}\n\n${report}`);
    writeFileSync(here('results.md'), `# Results of \`make bench\`\n\n${environment}\n\n${report}\n`);
    writeFileSync(here('results.svg'), drawChart(describeCosts(servers)));
  }
} finally {
  load.stop();
}

async function measureServers(): Promise<Results['servers']> {
  const stripe = await start(STRIPE, PAYMENT);
  const compared = [FLOOR, OURS, ...values.also.map((file) => ({ name: file, args: [file] })), ...PEERS];
  const chosen = compared.filter(({ name }) => new RegExp(values.only).test(name));
  const servers = await inRounds(chosen, (program) => sample(program, stripe.port, load, requests));
  await stripe.stop();
  return servers;
}

async function measureTheRest(): Promise<Omit<Results, 'servers'>> {
  const many = [1, 10, 100, 500].map(scaled);
  const operations = await inRounds(
    many.map(({ program }) => program),
    (program) => measureCost(program, load, requests, many.find((one) => one.program === program)!.request),
  );
  const mocks = await inRounds([MOCK, PRISM], (program) => measureCost(program, load, Math.ceil(requests / 5)));
  return { operations, mocks, added: await addedTimes(load) };
}

/** Runs the programs in a random order each round, so that no program always follows the same one. */
async function inRounds<Value>(
  programs: readonly Program[],
  measure: (program: Program) => Promise<Value>,
): Promise<Map<string, Value[]>> {
  const seen = new Map(programs.map(({ name }): [string, Value[]] => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const program of programs.toSorted(() => Math.random() - 0.5)) {
      seen.get(program.name)!.push(await measure(program));
      process.stderr.write('.');
    }
  }
  return seen;
}

/**
 * The latency that our server and the floor add to a Stripe that takes 300 ms, compared with Stripe itself at the same rate.
 * Above 166 requests per second, 50 payments are in flight at once, and the bulkhead rejects more.
 *
 * Open loop: requests are sent at the given rate, whether responses arrive or not.
 */
async function addedTimes(sender: Load): Promise<Results['added']> {
  const slow = await start({ ...STRIPE, env: { BENCH_DELAY_MS: '300' } }, PAYMENT);
  const cases = [25, 100].flatMap((perSecond) => [FLOOR, OURS].map((program) => ({ program, perSecond })));
  const added: Added[] = [];
  for (const { program, perSecond } of cases) {
    const seen: { p50: number; p99: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      const server = await start(program, PAYMENT, slow.port);
      const job = { request: PAYMENT, status: 200, connections: perSecond, requests: perSecond * 4, perSecond };
      await sender.run({ ...job, port: server.port, requests: perSecond * 2 });
      const own = await sender.run({ ...job, port: slow.port });
      const all = await sender.run({ ...job, port: server.port });
      seen.push({ p50: all.p50 - own.p50, p99: all.p99 - own.p99 });
      await server.stop();
      process.stderr.write('.');
    }
    const median = (key: 'p50' | 'p99') => measureSpread(seen.map((one) => one[key])).median;
    added.push({ name: program.name, perSecond, p50: median('p50'), p99: median('p99') });
  }
  await slow.stop();
  return added;
}
