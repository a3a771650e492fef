import { here, start, type Load, type Program, type Running } from './processes.ts';
import { ORDER, PAYMENT, REFUSED, createRequest } from './requests.ts';

export const FLOOR: Program = { name: 'floor: node:http, undici', args: [here('peers/floor.mjs')] };

/** As `npm start` and `make mock` start ours. */
const kept = ['--import', here('../../src/compileCache.js')];

export const OURS: Program = { name: 'this service', args: [...kept, here('ours.ts')] };

/** Servers that people would write instead, each as its documentation shows it. */
export const PEERS: readonly Program[] = [
  ['Fastify, its own schemas', 'fastify'],
  ['fastify-openapi-glue', 'fastify-openapi-glue'],
  ['Hono, zod-openapi', 'hono'],
  ['Fastify, openapi-backend', 'fastify-openapi-backend'],
  ['Express, express-openapi-validator', 'express-openapi-validator'],
  ['Express, openapi-backend', 'express-openapi-backend'],
].map(([name, file]) => ({ name: name!, args: [here(`peers/${file}.mjs`)] }));

/** One process from its start to its end. */
export interface Sample {
  startMs: number;
  /** Milliseconds of CPU until its first answer. */
  startCpu: number;
  /** Microseconds of CPU per request. */
  payment: number;
  refusal: number;
  perSecond: number;
  p50: number;
  p99: number;
  /** Resident, in MiB, after the payments, and after as many refused requests more. */
  memory: number;
  memoryLast: number;
}

/** Closed loop, below what our bulkhead lets through at once. */
const CONNECTIONS = 32;

/** Payments first, then requests that are refused. */
export async function sample(program: Program, stripePort: number, load: Load, requests: number): Promise<Sample> {
  const server = await start(program, PAYMENT, stripePort);
  const startCpu = server.cpuMicroseconds() / 1000;
  try {
    const paid = await cost(server, load, { request: PAYMENT, status: 200, requests });
    const memory = server.memoryMiB();
    const refused = await cost(server, load, { request: REFUSED, status: 400, requests });
    return {
      startMs: server.startMs,
      startCpu,
      payment: paid.cpu,
      refusal: refused.cpu,
      perSecond: requests / paid.seconds,
      p50: paid.p50,
      p99: paid.p99,
      memory,
      memoryLast: server.memoryMiB(),
    };
  } finally {
    await server.stop();
  }
}

/** Go first, and are not measured: until then Node spends much of the time on compiling. It does so less and less up to 40,000. */
const WARM_UP_REQUESTS = 40_000;

async function cost(
  { port, cpuMicroseconds }: Running,
  load: Load,
  job: { request: string; status: number; requests: number },
) {
  await load.run({ ...job, port, connections: CONNECTIONS, requests: WARM_UP_REQUESTS });
  const before = cpuMicroseconds();
  const timing = await load.run({ ...job, port, connections: CONNECTIONS });
  return { ...timing, cpu: (cpuMicroseconds() - before) / job.requests };
}

export const MOCK: Program = { name: 'our mock', args: [...kept, here('../../src/mock.ts')] };

/** With its own log, as `prism mock` has it. */
export const PRISM: Program = {
  name: 'prism mock',
  args: [
    here('../../node_modules/@stoplight/prism-cli/dist/index.js'),
    'mock',
    '-p',
    'PORT',
    here('../../generated/openapi.json'),
  ],
};

export interface Cost {
  startMs: number;
  /** Milliseconds of CPU until its first answer. */
  startCpu: number;
  /** Microseconds of CPU per request. */
  cpu: number;
  perSecond: number;
}

/** Payments that no Stripe is asked for. */
export async function measureCost(program: Program, load: Load, requests: number, request = PAYMENT): Promise<Cost> {
  const server = await start(program, request);
  const startCpu = server.cpuMicroseconds() / 1000;
  try {
    const { cpu, seconds } = await cost(server, load, { request, status: 200, requests });
    return { startMs: server.startMs, startCpu, cpu, perSecond: requests / seconds };
  } finally {
    await server.stop();
  }
}

/** Our shell on so many operations; the last of them is asked. */
export const scaled = (operations: number): { program: Program; request: string } => ({
  program: { name: `${operations} operations`, args: [...kept, here('scaled.ts'), String(operations)] },
  request: createRequest(ORDER, `/api/v1/payments/intent/${operations - 1}`),
});
