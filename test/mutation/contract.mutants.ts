/** Each rule, status, example, header and security requirement of the contract changed in turn: a check detects each change. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/http/app.ts';
import { openContract, type Contract } from '../../src/contract/engine.ts';
import { startFakeStripe, type FakeStripe } from '../../src/fake-stripe/server.ts';
import { createRateLimits } from '../../src/access/rateLimits.ts';
import { liveHandlers } from '../../src/operations/index.ts';
import { stripeGateway } from '../../src/payments/stripe/gateway.ts';
import { json, requestTo, type Case } from '../contract/case.ts';
import { cases } from '../contract/cases.ts';
import { describeCase, expectDocumented, expectExample } from '../contract/judge.ts';
import { compare } from '../compatibility/compare.ts';
import { document, listOperations, scenarios } from '../support/contractDocument.ts';
import { send, sendBytes, type WireResponse } from '../support/exchange.ts';
import { mockTarget } from '../support/targets.ts';
import { mutantsOfContract } from './mutantsOfContract.ts';
import { printTable, verdictOn, type Explanation, type Detector } from './table.ts';

/** Mutants that are expected to survive. */
const explanations: Explanation[] = [
  {
    mutants: /\/requestBody\/content\/application~1json\/examples\//,
    reason: 'an example of a request is a suggestion to readers; lint checks it against the rules',
    partly: true,
  },
  {
    mutants: /\/examples\/(created\/value\/data\/paymentIntentSecret|setupCreated\/value\/paymentSecret): /,
    reason: 'each response has a different secret; the schema checks its form',
  },
  {
    mutants:
      /(IdempotencyKey|Idempotent-Replayed|Conflict\/headers\/Retry-After|setup\/post\/requestBody)\/required removed$/,
    reason: 'the default in OpenAPI is also false',
  },
  {
    mutants: /^components\/parameters\/IdempotencyKey\/schema\/type removed$/,
    reason: 'a header is always text; the type is for generators',
  },
  {
    mutants: /\/schema\/minLength: 1 → 2$|\/Failure\/properties\/message\/minLength: 1 → 2$/,
    reason: 'no response is that short, so the changed promise holds too',
  },
  {
    mutants: /\/PaymentMethodTypes\/maxItems( removed|: 58 → 59)$|\/PaymentMethodType\/type removed$/,
    reason: 'the list of types and uniqueItems imply it; it bounds the cost: test/unit/contract/engine.test.ts',
  },
  {
    mutants: /\/amount\/format removed$/,
    reason: 'every JSON number is a double; generators need to know: test/conformance/clients.conformance.ts',
  },
  { mutants: /\/Metadata\/properties\/email moved last$/, reason: 'both fields have the same response' },
  {
    mutants:
      /^components\/schemas\/(PaymentIntentCreated|SetupIntentCreated|Failure|InvalidApiKey)\/properties\/\w+ moved last$/,
    reason: "the order of a response's fields is the order in its example",
  },
];

const API_KEY = 'cv_test_mutants';
const logger = pino({ level: 'silent' });

interface ContractServer {
  contract: Contract;
  url: string;
  stripe: FakeStripe;
  close(): Promise<void>;
}

/** Starts the live server on the given contract. Rejects if the contract cannot be served. */
async function serve(contractDocument: object, tenantRequestsPerMinute = 1_000_000): Promise<ContractServer> {
  const stripe = await startFakeStripe();
  const gateway = stripeGateway({ secretKey: 'sk_test_mutants', baseUrl: new URL(stripe.url) });
  const handlers = liveHandlers(gateway);
  const close = async () => {
    await gateway.close();
    await stripe.close();
  };
  try {
    const contract = await openContract(contractDocument, { handlers });
    const app = await buildApp({
      contract,
      authenticate: (apiKey) => (apiKey === API_KEY ? 'mutants' : undefined),
      limits: createRateLimits({ tenantRequestsPerMinute, addressFailuresPerMinute: 1_000_000 }),
      logger,
    });
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    return {
      contract,
      url,
      stripe,
      async close() {
        app.server.closeAllConnections();
        await app.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

let original: ContractServer;
/** The response to each case under the original contract. */
const responses = new Map<Case, WireResponse>();
beforeAll(async () => {
  original = await serve(document);
  for (const some of inSixteens(cases)) {
    await Promise.all(
      some.map(async (known) => {
        const isFast = fastCases.includes(known);
        const response = isFast ? send(original.url, known.request(API_KEY)) : sendSlowCase(known, document, original);
        responses.set(known, await response);
      }),
    );
  }
});
afterAll(() => original.close());

/** A named example of an operation. */
type Named = Pick<Case, 'operation' | 'example'>;

/** The examples whose response differs from that of the original contract. */
function changedExamples(contract: Contract): readonly Named[] {
  return scenarios.filter((one) => describeResponse(contract, one) !== describeResponse(original.contract, one));
}

function describeResponse({ operations, problemResponse }: Contract, { operation, example }: Named) {
  try {
    const { operationId } = operation;
    const own = operations.find(({ id }) => id === operationId);
    return JSON.stringify(problemResponse(example as never, own));
  } catch {
    return undefined;
  }
}

const isOf = (one: Named) => (other: Named) => other.operation === one.operation && other.example === one.example;

const fastCases = cases.filter((known) => !known.arrange && !known.first && known.bytes === undefined);
/** Cases that take seconds or need a server of their own. They can only detect a change of their response. */
const slowCases = cases.filter((known) => known.arrange ?? known.first ?? known.bytes !== undefined);

/** The description of the first failing case. */
async function failingCase(mutant: object, target: ContractServer): Promise<string | undefined> {
  const changed = changedExamples(target.contract);
  const isChanged = (known: Case) => changed.some(isOf(known));
  const { ledger } = target.stripe;
  for (const some of batches(fastCases.toSorted((a, b) => Number(isChanged(b)) - Number(isChanged(a))))) {
    const before = ledger.requestCount;
    const failures = await Promise.all(some.map((known) => failureAfterRetry(known, target)));
    const found = failures.find((title) => title !== undefined);
    if (found) return found;
    if (!some[0]!.creates && ledger.requestCount > before) return `${some[0]!.example}, and Stripe was not called`;
  }
  for (const known of slowCases.filter(isChanged)) {
    const found = await failure(known, () => sendSlowCase(known, mutant, target));
    if (found) return found;
  }
  return undefined;
}

/** A payment can fail because the machine is busy, so a failed payment is sent once more. */
async function failureAfterRetry(known: Case, target: ContractServer): Promise<string | undefined> {
  const attempt = () => failure(known, async () => send(target.url, known.request(API_KEY)));
  const first = await attempt();
  return first && known.creates ? attempt() : first;
}

/** Batches of cases of the same example of one operation. */
function batches(all: readonly Case[]): Case[][] {
  const byExample = Map.groupBy(all, ({ operation, example }) => `${operation.operationId} ${example}`);
  return [...byExample.values()].flatMap(inSixteens);
}

const inSixteens = (all: readonly Case[]): Case[][] =>
  Array.from({ length: Math.ceil(all.length / 16) }, (_, index) => all.slice(index * 16, index * 16 + 16));

async function sendSlowCase(known: Case, mutant: object, target: ContractServer) {
  if (known.bytes !== undefined) return sendBytes(target.url, known.bytes);
  const own = await serve(mutant, Number(known.settings?.['TENANT_REQUESTS_PER_MINUTE'] ?? 1_000_000));
  try {
    for (const { request } of known.first ?? []) await send(own.url, request(API_KEY));
    await known.arrange?.(own.stripe, (request) => send(own.url, request(API_KEY)).catch(() => {}));
    return await send(own.url, known.request(API_KEY));
  } finally {
    await own.close();
  }
}

async function failure(known: Case, request: () => ReturnType<typeof send>): Promise<string | undefined> {
  try {
    expectExample(await request(), known.operation, known.example);
    return undefined;
  } catch {
    return describeCase(known);
  }
}

/** The description of the first case whose original response the changed contract does not allow. */
function findUndocumentedResponse(mutant: object): string | undefined {
  const byId = new Map(
    listOperations(mutant as typeof document).map((operation) => [operation.operationId, operation]),
  );
  for (const [known, response] of responses) {
    try {
      expectDocumented(response, byId.get(known.operation.operationId)!);
    } catch {
      return describeCase(known);
    }
  }
  return undefined;
}

/** The first example for which the mock responds differently. */
async function findMockDifference(mutantFile: string, target: Contract): Promise<string | undefined> {
  const changed = changedExamples(target);
  if (changed.length === 0) return undefined;
  const mock = await mockTarget({}, mutantFile).catch(() => undefined);
  if (!mock) return 'it does not start';
  try {
    for (const { operation, example, headers } of scenarios.filter((scenario) => changed.includes(scenario))) {
      const [{ value }] = Object.values(operation.requestExamples) as [{ value: object }];
      const prefer = [['Prefer', `example=${example}`]] as const;
      const response = await send(mock.baseUrl, requestTo(operation)(json(value), prefer)(mock.apiKey));
      const hasSameHeaders = Object.entries(headers).every(
        ([name, expected]) => response.headers[name.toLowerCase()] === expected,
      );
      try {
        expectExample(response, operation, example);
      } catch {
        return example;
      }
      if (!hasSameHeaders) return example;
    }
    return undefined;
  } finally {
    await mock.close();
  }
}

const run = promisify(execFile);
const resolvePath = (file: string) => fileURLToPath(new URL(file, import.meta.url));

async function isLinted(file: string): Promise<boolean> {
  const args = [
    resolvePath('../../node_modules/@redocly/cli/bin/cli.js'),
    'lint',
    file,
    '--config',
    resolvePath('../../redocly.yaml'),
  ];
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off' };
  return run(process.execPath, args, { env, timeout: 60_000 }).then(
    () => true,
    () => false,
  );
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contract-mutants-'));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;

/** The first check that detects the mutant. The cheapest checks run first. */
async function findDetector(mutant: object): Promise<Detector> {
  let target: ContractServer;
  try {
    target = await serve(mutant);
  } catch {
    return 'the start: the contract is rejected';
  }
  try {
    const title = await failingCase(mutant, target);
    if (title) return `the contract tests: ${title}`;
  } finally {
    await target.close();
  }
  const undocumented = findUndocumentedResponse(mutant);
  if (undocumented) return `the contract tests, with the changed schemas: ${undocumented}`;
  const file = join(folder, `${(files += 1)}.json`);
  await writeFile(file, JSON.stringify(mutant));
  const mockDifference = await findMockDifference(file, target.contract);
  if (mockDifference) return `the contract tests of the mock: ${mockDifference}`;
  const gate = await findDiffTool(mutant);
  if (gate) return `the diff gate: ${gate}`;
  return (await isLinted(file)) ? undefined : 'lint';
}

/** The first tool of the gate that reports a breaking change. */
async function findDiffTool(mutant: object): Promise<string | undefined> {
  try {
    const { breaking } = await compare(document, mutant);
    return breaking.map((change) => / \(([\w ]+)\)$/.exec(change)![1])[0];
  } catch {
    return 'not comparable';
  }
}

describe('the unchanged contract', () => {
  it('passes every check', async () => {
    expect(await findDetector(document)).toBeUndefined();
  });
});

describe('a changed contract', () => {
  const results = new Map<string, Detector>();
  afterAll(() => printTable('Mutants of the contract', results, explanations));

  it.concurrent.each(mutantsOfContract(document))('is detected: $name', async ({ name, document: mutant }) => {
    const detector = await findDetector(mutant);
    results.set(name, detector);
    expect(verdictOn(explanations, name, detector)).toBe('as it should be');
  });
});
