/** Each rule, status, example, header and security requirement of the contract changed in turn: somebody notices. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
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
import { expectDocumented, expectExample } from '../contract/judge.ts';
import { byOasdiff, byRedocly, OASDIFF } from '../compatibility/compare.ts';
import { document, listOperations, scenarios } from '../support/contractDocument.ts';
import { send, sendBytes, type WireResponse } from '../support/exchange.ts';
import { mockTarget } from '../support/targets.ts';
import { mutantsOfContract } from './mutantsOfContract.ts';
import { printTable, verdictOn, type Explanation, type Noticer } from './table.ts';

/** Who survives, and may. */
const explanations: Explanation[] = [
  {
    mutants: /\/requestBody\/content\/application~1json\/examples\/|^components\/parameters\/\w+\/examples\//,
    reason: 'an example of a request is a suggestion to readers; lint holds it to the rules',
    partly: true,
  },
  {
    mutants: /\/examples\/created\/value\/data\/paymentIntentSecret: /,
    reason: 'each answer has a secret of its own; the schema holds its form',
  },
  {
    mutants: /(IdempotencyKey|Idempotent-Replayed|Conflict\/headers\/Retry-After)\/required removed$/,
    reason: 'the default of OpenAPI is the same: false',
  },
  {
    mutants: /^components\/parameters\/IdempotencyKey\/schema\/type removed$/,
    reason: 'a header is always text; the type is for generators',
  },
  {
    mutants: /\/schema\/minLength: 1 → 2$|\/Failure\/properties\/message\/minLength: 1 → 2$/,
    reason: 'no answer is that short: a promise that is kept as well',
  },
  {
    mutants: /\/x-problems\/type moved last$/,
    reason: 'what has the wrong type breaks no other rule of the value',
  },
  {
    mutants: /\/paymentMethodTypes\/maxItems( removed|: 58 → 59)$|\/PaymentMethodType\/type removed$/,
    reason: 'the list of types and uniqueItems say as much; it bounds the cost: test/unit/contract/engine.test.ts',
  },
  { mutants: /\/Metadata\/properties\/email moved last$/, reason: 'both fields have the same answer' },
  {
    mutants: /^components\/schemas\/(PaymentIntentCreated|Failure|InvalidApiKey)\/properties\/\w+ moved last$/,
    reason: "the order of an answer's fields is the order in its example",
  },
];

const API_KEY = 'cv_test_mutants';
const logger = pino({ level: 'silent' });

interface Served {
  contract: Contract;
  url: string;
  stripe: FakeStripe;
  close(): Promise<void>;
}

/** The live server on another contract than ours. Rejects where that can't be served. */
async function served(contractDocument: object, tenantRequestsPerMinute = 1_000_000): Promise<Served> {
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

let original: Served;
/** What each case is answered now. */
const responses = new Map<Case, WireResponse>();
beforeAll(async () => {
  original = await served(document);
  await Promise.all(
    cases.map(async (known) => {
      const isAsked = asked.includes(known);
      const response = isAsked ? send(original.url, known.request(API_KEY)) : askSlowly(known, document, original);
      responses.set(known, await response);
    }),
  );
});
afterAll(() => original.close());

/** The examples whose answer is another one now. */
function touchedExamples(contract: Contract): Set<string> {
  const touched = scenarios.filter(
    ({ example }) => describeResponse(contract, example) !== describeResponse(original.contract, example),
  );
  return new Set(touched.map(({ example }) => example));
}

function describeResponse({ operations, problemResponse }: Contract, example: string): string | undefined {
  try {
    return JSON.stringify(problemResponse(example as never, operations[0]));
  } catch {
    return undefined;
  }
}

const asked = cases.filter((known) => !known.arrange && known.bytes === undefined);
/** What takes seconds, or a server of its own. It can only notice a change of its answer. */
const slow = cases.filter((known) => known.arrange ?? known.bytes !== undefined);

/** The title of the first case that fails. */
async function failingCase(mutant: object, target: Served): Promise<string | undefined> {
  const touched = touchedExamples(target.contract);
  const isTouched = ({ example }: Case) => touched.has(example);
  const { ledger } = target.stripe;
  for (const some of batches(asked.toSorted((a, b) => Number(isTouched(b)) - Number(isTouched(a))))) {
    const before = ledger.requestCount;
    const failures = await Promise.all(some.map((known) => failingTwice(known, target)));
    const found = failures.find((title) => title !== undefined);
    if (found) return found;
    if (!some[0]!.creates && ledger.requestCount > before) return `${some[0]!.example}, and Stripe was not asked`;
  }
  for (const known of slow.filter(isTouched)) {
    const found = await failure(known, () => askSlowly(known, mutant, target));
    if (found) return found;
  }
  return undefined;
}

/** A payment that waits too long for a busy machine is no finding: it is asked for once more. */
async function failingTwice(known: Case, target: Served): Promise<string | undefined> {
  const once = () => failure(known, async () => send(target.url, known.request(API_KEY)));
  const first = await once();
  return first && known.creates ? once() : first;
}

/** Small, and of one example each. */
function batches(all: readonly Case[]): Case[][] {
  return [...Map.groupBy(all, ({ example }) => example).values()].flatMap((some) =>
    Array.from({ length: Math.ceil(some.length / 16) }, (_, index) => some.slice(index * 16, index * 16 + 16)),
  );
}

async function askSlowly(known: Case, mutant: object, target: Served) {
  if (known.bytes !== undefined) return sendBytes(target.url, known.bytes);
  const own = await served(mutant, Number(known.settings?.['TENANT_REQUESTS_PER_MINUTE'] ?? 1_000_000));
  try {
    await known.arrange!(own.stripe, (request) => send(own.url, request(API_KEY)).catch(() => {}));
    return await send(own.url, known.request(API_KEY));
  } finally {
    await own.close();
  }
}

async function failure(known: Case, ask: () => ReturnType<typeof send>): Promise<string | undefined> {
  try {
    expectExample(await ask(), known.operation, known.example);
    return undefined;
  } catch {
    return `${known.example}, ${known.title}`;
  }
}

/** The title of the first case whose answer of today the changed contract does not allow. */
function findUndocumentedResponse(mutant: object): string | undefined {
  const byId = new Map(
    listOperations(mutant as typeof document).map((operation) => [operation.operationId, operation]),
  );
  for (const [known, answer] of responses) {
    try {
      expectDocumented(answer, byId.get(known.operation.operationId)!);
    } catch {
      return `${known.example}, ${known.title}`;
    }
  }
  return undefined;
}

/** The first example that the mock gives otherwise. */
async function otherwiseOnMock(mutantFile: string, target: Contract): Promise<string | undefined> {
  const touched = touchedExamples(target);
  if (touched.size === 0) return undefined;
  const mock = await mockTarget({}, mutantFile).catch(() => undefined);
  if (!mock) return 'it does not start';
  try {
    for (const { operation, example, headers } of scenarios.filter((scenario) => touched.has(scenario.example))) {
      const [{ value }] = Object.values(operation.requestExamples) as [{ value: object }];
      const prefer = [['Prefer', `example=${example}`]] as const;
      const response = await send(mock.baseUrl, requestTo(operation)(json(value), prefer)(mock.apiKey));
      const isUsual = Object.entries(headers).every(([name, usual]) => response.headers[name.toLowerCase()] === usual);
      try {
        expectExample(response, operation, example);
      } catch {
        return example;
      }
      if (!isUsual) return example;
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
let baseFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contract-mutants-'));
  baseFile = join(folder, 'base.json');
  await writeFile(baseFile, JSON.stringify(document));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;

/** Who notices first: those who cost least are asked first. */
async function findNoticer(mutant: object): Promise<Noticer> {
  let target: Served;
  try {
    target = await served(mutant);
  } catch {
    return 'the start: it is refused';
  }
  try {
    const title = await failingCase(mutant, target);
    if (title) return `the contract tests: ${title}`;
  } finally {
    await target.close();
  }
  const undocumented = findUndocumentedResponse(mutant);
  if (undocumented) return `the contract tests, held to it: ${undocumented}`;
  const file = join(folder, `${(files += 1)}.json`);
  await writeFile(file, JSON.stringify(mutant));
  const otherwise = await otherwiseOnMock(file, target.contract);
  if (otherwise) return `the contract tests of the mock: ${otherwise}`;
  if (existsSync(OASDIFF) && (await isBreaking(byOasdiff, file))) return 'the diff gate: oasdiff';
  if (await isBreaking(byRedocly, file)) return 'the diff gate: redocly';
  return (await isLinted(file)) ? undefined : 'lint';
}

/** A document that can't be compared at all does not pass the gate. */
async function isBreaking(compare: typeof byRedocly, file: string): Promise<boolean> {
  return compare(baseFile, file).then(
    ({ breaking }) => breaking.length > 0,
    () => true,
  );
}

describe('the contract as it is', () => {
  it('is noticed by nobody', async () => {
    expect(await findNoticer(document)).toBeUndefined();
  });
});

describe('a change of the contract is noticed', () => {
  const results = new Map<string, Noticer>();
  afterAll(() => printTable('Mutants of the contract', results, explanations));

  it.concurrent.each(mutantsOfContract(document))('$name', async ({ name, document: mutant }) => {
    const noticer = await findNoticer(mutant);
    results.set(name, noticer);
    expect(verdictOn(explanations, name, noticer)).toBe('as it should be');
  });
});
