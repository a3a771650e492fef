/**
 * Fuzzing: sends valid and unusual requests to every operation with mutated bytes to the live server over many connections.
 *
 *     make fuzz REQUESTS=30000 SEED=1
 *
 * Each response must be documented in the contract, to the byte, and never a 5xx. Every 200 must have its intent, and every
 * intent its 200, except for clients that reset the connection. The input of a failure is printed as a shell command.
 */
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { maskSecret, readSecret } from '../../contract/judge.ts';
import { operations, scenarios, validBody, type DocumentedOperation } from '../../support/contractDocument.ts';
import { allCreated, gatewayCalls } from '../../support/gatewayCalls.ts';
import { readNumbers } from '../../support/numbers.ts';
import { rawClient, rawRequest, serverEnds, type RawResponse, type Received } from '../../support/rawHttp.ts';
import { liveTarget, type Target } from '../../support/targets.ts';
import { makeCorpus } from './corpus.ts';

export interface FuzzOptions {
  requests: number;
  seed: number;
}

export interface FuzzResult {
  /** How many responses had each status; key 0 counts connections that were closed without a response. */
  statuses: Readonly<Record<number, number>>;
  /** By operation. */
  intents: Readonly<Record<string, number>>;
  /** Connections that their client reset, and the intents whose response was never read: at most one each. */
  reset: number;
  unread: number;
  /** What was wrong, and the shell command that sends the same bytes. */
  failures: readonly string[];
  /** Heap growth in megabytes from the end of the first round to the end of the run. */
  heapGrowthMb: number;
  /** Server connections that are still open although every client has disconnected. */
  connectionsLeft: number;
}

/** Concurrent connections. */
const CLIENTS = 32;

/** Requests between two checks of the ledger, which holds the latest 10,000 intents. */
const ROUND = 1_000;

/** The share of each round whose clients reset the connection early. */
const RESET_SHARE = 0.05;

/** After this time an open connection counts as leaked. */
const CLOSE_TIMEOUT_MS = 15_000;

export async function fuzz({ requests, seed }: FuzzOptions): Promise<FuzzResult> {
  const target = await liveTarget();
  const ends = serverEnds(target.baseUrl);
  const statuses: Record<number, number> = {};
  const failures: string[] = [];
  let heapBefore = 0;
  const intents: Record<string, number> = {};
  let reset = 0;
  let unread = 0;
  try {
    for (let first = 0; first < requests; first += ROUND) {
      const count = Math.min(ROUND, requests - first);
      const resetCount = Math.floor(count * RESET_SHARE);
      const inputs = Array.from({ length: count }, (_, i) => input(target.apiKey, seed, first + i));
      const secrets = await readAll(target, inputs.slice(resetCount), statuses, failures);
      const created = allCreated(target.stripe.ledger);
      const known = new Set(created.map(({ clientSecret }) => clientSecret));
      const unknown = [...secrets].filter((secret) => !known.has(secret)).length;
      if (unknown > 0) failures.push(`${unknown} responses with 200 without an intent, from request ${first} on`);
      const withoutResponse = created.filter(({ clientSecret }) => !secrets.has(clientSecret));
      if (withoutResponse.length > 0) {
        failures.push(`${withoutResponse.length} intents without a response with 200, from request ${first} on`);
      }
      for (const [name, of] of Object.entries(gatewayCalls)) {
        intents[name] = (intents[name] ?? 0) + of.created(target.stripe.ledger).length;
      }
      await inParallel(inputs.slice(0, resetCount), (sent) => sendAndReset(target, sent));
      reset += resetCount;
      for (const operation of operations) {
        const status = await sendValid(target, operation);
        if (status !== 200) {
          failures.push(`a valid ${operation.operationId} after request ${first + count} got ${status}`);
        }
      }
      // Without the intents of the valid requests.
      unread += allCreated(target.stripe.ledger).length - created.length - operations.length;
      target.stripe.reset();
      heapBefore ||= heapMb();
    }
    await waitUntilClosed(ends.open);
    return {
      statuses,
      intents,
      reset,
      unread,
      failures,
      heapGrowthMb: heapMb() - heapBefore,
      connectionsLeft: ends.open.size,
    };
  } finally {
    ends.stop();
    await target.close();
  }
}

// --- requests ---

interface Input {
  bytes: Buffer;
  /** The offset at which the bytes are split into two writes. */
  splitAt: number;
}

type Random = (below: number) => number;

/** Depends only on seed and index, so that a run is reproducible whatever the order of the responses. */
function input(apiKey: string, seed: number, index: number): Input {
  const random = randomFrom(seed * 1_000_003 + index);
  const known = corpus(apiKey);
  let bytes = known[random(known.length)]!;
  const other = known[random(known.length)]!;
  for (let left = random(4); left > 0; left -= 1) bytes = MUTATIONS[random(MUTATIONS.length)]!(bytes, other, random);
  return { bytes, splitAt: random(bytes.length + 1) };
}

/** mulberry32: small, and reproducible on every machine. */
function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const corpora = new Map<string, readonly Buffer[]>();

function corpus(apiKey: string): readonly Buffer[] {
  const known = corpora.get(apiKey) ?? makeCorpus(apiKey);
  corpora.set(apiKey, known);
  return known;
}

type Mutation = (bytes: Buffer, other: Buffer, random: Random) => Buffer;

/** Tokens of HTTP and JSON, which random bytes alone rarely produce. */
const TOKENS = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  ':',
  ',',
  '0',
  '-',
  '%',
  '"',
  '{',
  '}',
  '[',
  '\\u0000',
  ';a=b',
  'HTTP/1.1',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: b\r\n',
  '\xff',
  '\xef\xbb\xbf',
].map((token) => Buffer.from(token, 'latin1'));

const MUTATIONS: readonly Mutation[] = [
  function flip(bytes, _other, random) {
    const changed = Buffer.from(bytes);
    const at = random(bytes.length || 1);
    if (at < changed.length) changed[at] = changed[at]! ^ (1 << random(8));
    return changed;
  },
  function insertByte(bytes, _other, random) {
    return insert(bytes, random(bytes.length + 1), Buffer.of(random(256)));
  },
  function insertToken(bytes, _other, random) {
    return insert(bytes, random(bytes.length + 1), TOKENS[random(TOKENS.length)]!);
  },
  function remove(bytes, _other, random) {
    const at = random(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(8))]);
  },
  function duplicate(bytes, _other, random) {
    const at = random(bytes.length + 1);
    const end = at + 1 + random(64);
    return insert(bytes, end, bytes.subarray(at, end));
  },
  function truncate(bytes, _other, random) {
    return bytes.subarray(0, random(bytes.length + 1));
  },
  function splice(bytes, other, random) {
    return Buffer.concat([bytes.subarray(0, random(bytes.length + 1)), other.subarray(random(other.length + 1))]);
  },
  function pipeline(bytes, other) {
    return Buffer.concat([bytes, other]);
  },
  function reorderHeaders(bytes, _other, random) {
    const [head = '', ...rest] = bytes.toString('latin1').split('\r\n\r\n');
    const [requestLine = '', ...lines] = head.split('\r\n');
    const [moved = ''] = lines.splice(random(lines.length || 1), 1);
    lines.splice(random(lines.length + 1), 0, moved);
    return Buffer.from([[requestLine, ...lines].join('\r\n'), ...rest].join('\r\n\r\n'), 'latin1');
  },
];

const insert = (bytes: Buffer, at: number, more: Buffer) =>
  Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);

// --- responses ---

/** Sends all requests, and returns the client secrets of the responses. */
async function readAll(
  target: Target,
  inputs: readonly Input[],
  statuses: Record<number, number>,
  failures: string[],
): Promise<Set<string>> {
  const secrets = new Set<string>();
  await inParallel(inputs, async (sent) => {
    const { responses, rest, ended } = await sendAndRead(target, sent);
    const faults = [
      ...responses.flatMap(findFaults),
      ...(rest === '' ? [] : [`incomplete response: ${JSON.stringify(rest.slice(0, 200))}`]),
      ...(ended ? [] : [`still open after ${CLOSE_TIMEOUT_MS} ms`]),
    ];
    failures.push(...faults.map((fault) => `${fault}\n  ${shellLine(target, sent.bytes)}`));
    for (const status of responses.length === 0 ? [0] : responses.map((response) => response.status)) {
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    for (const { text } of responses) {
      const secret = readSecret(text);
      if (secret !== undefined) secrets.add(secret);
    }
  });
  return secrets;
}

/** Ends the client's side after the bytes, so that the server does not wait for more. */
async function sendAndRead(target: Target, { bytes, splitAt }: Input): Promise<Received & { ended: boolean }> {
  const client = rawClient(target.baseUrl);
  client.send(bytes.subarray(0, splitAt));
  await turn();
  client.socket.end(bytes.subarray(splitAt));
  let ended = true;
  const timeout = setTimeout(() => {
    ended = false;
    client.socket.destroy();
  }, CLOSE_TIMEOUT_MS);
  await client.closed;
  clearTimeout(timeout);
  return { ...client.received(), ended };
}

async function sendAndReset(target: Target, { bytes, splitAt }: Input): Promise<void> {
  const client = rawClient(target.baseUrl);
  client.send(bytes);
  // Some resets come at once, and some while the server handles the request.
  await delay(splitAt % 8);
  client.socket.resetAndDestroy();
  await client.closed;
}

async function sendValid(target: Target, operation: DocumentedOperation): Promise<number | undefined> {
  const bytes = rawRequest(target.apiKey, {
    method: operation.method,
    target: operation.path,
    body: validBody(operation),
  });
  const { responses } = await sendAndRead(target, { bytes, splitAt: 0 });
  return responses[0]?.status;
}

const masked = (status: number, text: string) => `${status} ${maskSecret(text)}`;

const documented = new Set(
  scenarios.filter(({ status }) => status < 500).map(({ status, body }) => masked(status, JSON.stringify(body))),
);

/** Lists what is wrong with a response. HEAD has no body, and 100 has only a status line. */
function findFaults({ status, headers, text }: RawResponse): string[] {
  if (status === 100) return [];
  return [
    ...(documented.has(masked(status, text)) || (text === '' && status < 500)
      ? []
      : [`undocumented response ${status} ${text}`]),
    ...Object.entries({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    }).flatMap(([name, value]) => (headers[name] === value ? [] : [`${status} with ${name}: ${headers[name]}`])),
    ...(headers['x-request-id'] ? [] : [`${status} without X-Request-Id`]),
  ];
}

function shellLine({ baseUrl }: Target, bytes: Buffer): string {
  const { hostname, port } = new URL(baseUrl);
  return `echo '${bytes.toString('base64')}' | base64 -d | nc -N ${hostname} ${port}`;
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
    }),
  );
}

// --- leaks ---

/** The server keeps a closing connection open for half a second after its last response. */
async function waitUntilClosed(open: ReadonlySet<unknown>): Promise<void> {
  const until = performance.now() + 2_000;
  while (open.size > 0 && performance.now() < until) await delay(20);
}

function heapMb(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return Math.round(process.memoryUsage().heapUsed / 1024 / 102.4) / 10;
}

if (import.meta.main) {
  const { REQUESTS: requests, SEED: seed } = readNumbers({
    REQUESTS: [30_000, 1, 100_000_000],
    SEED: [1, 0, 999_999_999],
  });
  const startedAt = performance.now();
  const result = await fuzz({ requests, seed });
  console.log(`${requests} requests, seed ${seed}, ${Math.round((performance.now() - startedAt) / 1000)} s`);
  for (const [status, count] of Object.entries(result.statuses)) {
    console.log(`${status === '0' ? 'closed' : status.padStart(6)}  ${count}`);
  }
  for (const [operation, count] of Object.entries(result.intents)) {
    console.log(`intents of ${operation} ${count}, each with its 200`);
  }
  console.log(`reset by their clients ${result.reset}, of them with an intent ${result.unread}`);
  console.log(
    `heap ${result.heapGrowthMb.toFixed(1)} MB more than after the first round, connections left ${result.connectionsLeft}`,
  );
  for (const failure of result.failures) console.error(`FAILED: ${failure}`);
  process.exitCode = result.failures.length > 0 ? 1 : 0;
}
