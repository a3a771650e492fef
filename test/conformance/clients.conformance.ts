/**
 * Generates clients from the contract, compiles them, and calls the live server with each. Its types must read the secret of a
 * success, and the status, name and message of every failure that can be caused from outside.
 *
 * The programs in clients/ read the calls as JSON and print what they read; nothing of the client is replaced.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations, scenarios } from '../support/contractDocument.ts';
import { send } from '../support/exchange.ts';
import { liveTarget, type Target } from '../support/targets.ts';
import { CONTRACT, FOLDER, isMissing, JAVA_LIBRARIES, NPM_TOOLS, type Tool } from './judges.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('clients/', import.meta.url));

/** The commands run in a folder that holds openapi.json and the programs, one after the other. */
interface GeneratedClient {
  name: string;
  needs: readonly Tool[];
  /** Files of clients/. */
  programs: readonly string[];
  generate: string;
  compile: string;
  run: string;
  /** Examples that it never receives, because it checks those rules itself and sends nothing. */
  refuses?: readonly string[];
  /** Whether a caller can add headers to a request, and so cause more failures. */
  setsHeaders?: boolean;
}

const OPENAPI_GENERATOR =
  'openapi-generator-cli generate --global-property apiTests=false,modelTests=false,apiDocs=false,modelDocs=false -i openapi.json';

const clients: readonly GeneratedClient[] = [
  {
    name: 'openapi-generator for Java',
    needs: ['python3', 'java', 'mvn'],
    programs: ['Calls.java'],
    generate: `${OPENAPI_GENERATOR} -g java -o .`,
    compile: 'javac -proc:none -sourcepath src/main/java -d . Calls.java',
    run: 'java Calls',
  },
  {
    name: 'openapi-generator for Python',
    needs: ['python3', 'java'],
    programs: ['openapi_generator.py'],
    generate: `${OPENAPI_GENERATOR} -g python -o . --package-name payments`,
    compile: 'python -m compileall -q payments',
    run: 'python openapi_generator.py',
    refuses: ['invalidAmount'],
    setsHeaders: true,
  },
  {
    name: 'openapi-generator for Go',
    needs: ['python3', 'java', 'go'],
    programs: ['calls.go', 'go.mod'],
    generate: `${OPENAPI_GENERATOR} -g go -o payments --package-name payments --additional-properties withGoMod=false`,
    compile: 'go build -o calls .',
    run: './calls',
  },
  {
    name: 'openapi-generator for TypeScript (typescript-fetch)',
    needs: ['python3', 'java'],
    programs: ['typescriptFetch.ts', 'calls.ts', 'tsconfig.json'],
    generate: `${OPENAPI_GENERATOR} -g typescript-fetch -o payments`,
    compile: 'tsc',
    run: 'node compiled/typescriptFetch.js',
  },
  {
    name: 'openapi-python-client',
    needs: ['python3'],
    programs: ['openapi_python_client.py'],
    generate: 'openapi-python-client generate --path openapi.json --output-path payments --meta none --fail-on-warning',
    compile: 'python -m compileall -q payments',
    run: 'python openapi_python_client.py',
  },
  {
    name: '@hey-api/openapi-ts',
    needs: [],
    programs: ['heyApi.ts', 'calls.ts', 'tsconfig.json'],
    generate: 'openapi-ts -i openapi.json -o payments',
    compile: 'tsc',
    run: 'node compiled/heyApi.js',
  },
  {
    name: 'orval',
    needs: [],
    programs: ['orval.ts', 'calls.ts', 'tsconfig.json'],
    generate: 'orval --input openapi.json --output payments.ts --client fetch',
    compile: 'tsc',
    run: 'node compiled/orval.js',
  },
];

/** Sent as JSON to the programs. */
interface Call {
  operationId: string;
  url: string;
  apiKey: string;
  idempotencyKey?: string;
  amount?: number;
  paymentMethodTypes?: readonly string[];
  metadata?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
}

/** What a program read of the response. */
interface Outcome {
  status: number;
  errorCode?: string | null;
  /** The client secret, or the message of the failure. */
  text: string;
}

type Servers = Record<'live' | 'limited' | 'broken' | 'unavailable', Awaited<ReturnType<typeof liveTarget>>>;

const payment = {
  operationId: 'createPaymentIntent',
  amount: 19.99,
  paymentMethodTypes: ['card', 'klarna'],
  metadata: { email: 'testemail@example.com', orderId: 'order-1047' },
};
const setup = { operationId: 'createSetupIntent' };

const at = ({ baseUrl: url, apiKey }: Target) => ({ url, apiKey });

/** Each call with the named example that it must receive. */
function callsTo({ live, limited, broken, unavailable }: Servers, setsHeaders: boolean): [string, Call][] {
  const { metadata } = payment;
  const calls: [string, Call][] = [
    ['tooManyRequests', { ...payment, ...at(limited) }],
    ['created', { ...payment, ...at(live), idempotencyKey: 'first' }],
    // A binary number of 32 bits can't hold it.
    ['created', { operationId: 'createPaymentIntent', ...at(live), amount: 999_999.99 }],
    ['setupCreated', { ...setup, ...at(live) }],
    ['setupCreated', { ...setup, ...at(live), metadata }],
    ['invalidAmount', { ...payment, ...at(live), amount: 0 }],
    ['amountTooPrecise', { ...payment, ...at(live), amount: 1.155 }],
    ['invalidIdempotencyKey', { ...payment, ...at(live), idempotencyKey: 'two words' }],
    ['invalidApiKey', { ...payment, ...at(live), apiKey: 'unknown' }],
    ['invalidApiKey', { ...setup, ...at(live), apiKey: 'unknown' }],
    ['notFound', { ...payment, ...at(live), url: `${live.baseUrl}/v2` }],
    ['idempotencyKeyReused', { ...payment, ...at(live), amount: 20, idempotencyKey: 'first' }],
    ['bodyTooLarge', { ...payment, ...at(live), metadata: { note: 'x'.repeat(150_000) } }],
    ['internalError', { ...payment, ...at(broken) }],
    ['internalError', { ...setup, ...at(broken) }],
    ['providerUnavailable', { ...payment, ...at(unavailable) }],
    ['providerUnavailable', { ...setup, ...at(unavailable) }],
  ];
  if (!setsHeaders) return calls;
  return [
    ...calls,
    ['unsupportedMediaType', { ...payment, ...at(live), headers: { 'Content-Type': 'application/vnd.api+json' } }],
    ['expectationFailed', { ...payment, ...at(live), headers: { Expect: 'a-miracle' } }],
    ['headersTooLarge', { ...payment, ...at(live), headers: { 'X-Large': 'x'.repeat(20_000) } }],
  ];
}

/** Uses up the requests of this minute. */
const exhaust = ({ baseUrl, apiKey }: Target) =>
  send(baseUrl, { method: 'POST', path: operations[0]!.path, headers: [['cv-api-key', apiKey]] });

async function startServers(): Promise<Servers> {
  const servers = {
    live: await liveTarget(),
    limited: await liveTarget({ TENANT_REQUESTS_PER_MINUTE: '1' }),
    broken: await liveTarget(),
    unavailable: await liveTarget(),
  };
  const { broken, unavailable } = servers;
  // A secret key that Stripe rejects is a fault of ours.
  broken.stripe.playWith(() => ({ kind: 'status', status: 401, effect: 'none' }));
  unavailable.stripe.playWith(() => ({ kind: 'status', status: 503, effect: 'none' }));
  return servers;
}

/** The contract's status and message of an example; a secret is compared with Stripe's. */
function expectedOutcome([example, { operationId }]: [string, Call]): object {
  const { status, body } = scenarios.find(
    (known) => known.example === example && known.operation.operationId === operationId,
  )!;
  const { message, error } = body as { message?: string; error?: string };
  return status === 200 ? { example, status } : { example, status, errorCode: example, text: error ?? message };
}

describe.each(clients.map((client) => [describeClient(client), client] as const))('%s', (_title, client) => {
  const isSkipped = client.needs.some(isMissing);
  let folder: string;
  let servers: Servers;
  beforeAll(async () => {
    if (isSkipped) return;
    folder = mkdtempSync(join(tmpdir(), 'client-'));
    servers = await startServers();
  });
  afterAll(async () => {
    if (isSkipped) return;
    rmSync(folder, { recursive: true });
    for (const server of Object.values(servers)) await server.close();
  });

  it.skipIf(isSkipped)('reads the secret of a success, and every failure', { timeout: 300_000 }, async () => {
    const { programs, generate, compile, run, setsHeaders = false, refuses = [] } = client;
    copyFileSync(CONTRACT, join(folder, 'openapi.json'));
    // For the types of Node.
    symlinkSync(`${ROOT}node_modules`, join(folder, 'node_modules'));
    for (const program of programs) copyFileSync(`${PROGRAMS}${program}`, join(folder, program));
    await execute(generate, folder);
    await execute(compile, folder);

    await exhaust(servers.limited);
    const calls = callsTo(servers, setsHeaders).filter(([example]) => !refuses.includes(example));
    const output = await execute(run, folder, JSON.stringify(calls.map(([, call]) => call)));

    const outcomes = JSON.parse(output) as Outcome[];
    const named = outcomes.map((outcome, index) => ({ example: calls[index]![0], ...outcome }));
    expect(named).toMatchObject(calls.map(expectedOutcome));
    const { intents, setupIntents } = servers.live.stripe.ledger;
    expect(outcomes.filter(({ status }) => status === 200).map(({ text }) => text)).toEqual(
      [...intents, ...setupIntents].map(({ clientSecret }) => clientSecret),
    );
    expect(intents).toMatchObject([
      { amount: 1999, allowedPaymentMethodTypes: payment.paymentMethodTypes, metadata: payment.metadata },
      { amount: 99_999_999 },
    ]);
    expect(setupIntents[1]).toMatchObject({ metadata: payment.metadata });
  });
});

function describeClient({ name, needs }: GeneratedClient): string {
  const missing = needs.filter(isMissing);
  return missing.length > 0 ? `${name} (skipped: no ${missing.join(', ')})` : `the client of ${name}`;
}

/** Runs a command, whose words have no spaces, with the tools of this folder. Resolves with its standard output. */
function execute(command: string, cwd: string, input = ''): Promise<string> {
  const env = {
    ...process.env,
    PATH: [`${FOLDER}venv/bin`, NPM_TOOLS, process.env['PATH']].join(delimiter),
    CLASSPATH: ['.', `${JAVA_LIBRARIES}/*`].join(delimiter),
    // Requests to a server on this machine bypass its proxy.
    NO_PROXY: '*',
    // The generated Go client needs no other module.
    GOPROXY: 'off',
  };
  const [program, ...args] = command.split(' ');
  return new Promise((resolve, reject) => {
    const child = execFile(program!, args, { cwd, env, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}${stderr}`));
      else resolve(stdout);
    });
    child.stdin!.on('error', () => {}).end(input);
  });
}
