import { here, start, type Load, type Program, type Running } from './processes.ts';
import { ORDER, PAYMENT, REFUSED, createRequest } from './requests.ts';

export const FLOOR: Program = { name: 'floor: node:http, undici', args: [here('peers/floor.mjs')] };

/** Node options with which `npm start` and `make mock` start our server. */
const compileCache = ['--import', here('../../src/compileCache.js')];

export const OURS: Program = { name: 'this service', args: [...compileCache, here('ours.ts')] };

/** Common alternatives to this service, each written as its documentation shows. */
export const PEERS: readonly Program[] = [
  ['Fastify, its own schemas', 'fastify'],
  ['fastify-openapi-glue', 'fastify-openapi-glue'],
  ['Hono, zod-openapi', 'hono'],
  ['Fastify, openapi-backend', 'fastify-openapi-backend'],
  ['Express, express-openapi-validator', 'express-openapi-validator'],
  ['Express, openapi-backend', 'express-openapi-backend'],
].map(([name, file]) => ({ name: name!, args: [here(`peers/${file}.mjs`)] }));

/** Measurements of one process, from start to exit. */
export interface Sample {
  startMs: number;
  /** Milliseconds of CPU until the first response. */
  startCpu: number;
  /** Microseconds of CPU per request. */
  payment: number;
  refusal: number;
  perSecond: number;
  p50: number;
  p99: number;
  /** Resident, in MiB, after the payments, and after the same number of rejected requests. */
  memory: number;
  memoryLast: number;
}

/** Closed loop, below the limit of our bulkhead. */
const CONNECTIONS = 32;

/** Measures payments first, then rejected requests. */
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

/** Sent first and not measured: Node spends much of this time compiling, and less and less up to 40,000 requests. */
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

export const MOCK: Program = { name: 'our mock', args: [...compileCache, here('../../src/mock.ts')] };

/** With its own log, the default of `prism mock`. */
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
  /** Milliseconds of CPU until the first response. */
  startCpu: number;
  /** Microseconds of CPU per request. */
  cpu: number;
  perSecond: number;
}

/** Measures payments that need no call to Stripe. */
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

/** Our server with the given number of operations, and a request for the last one. */
export const scaled = (operations: number): { program: Program; request: string } => ({
  program: { name: `${operations} operations`, args: [...compileCache, here('scaled.ts'), String(operations)] },
  request: createRequest(ORDER, `/api/v1/payments/intent/${operations - 1}`),
});
