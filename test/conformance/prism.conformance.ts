/**
 * Prism's validation proxy between a client and the live server, over the contract's cases: it judges each answer by the
 * contract and says what it finds in the header `sl-violations`. It judges requests, too: those are often meant to be wrong.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Case } from '../contract/case.ts';
import { cases } from '../contract/cases.ts';
import { expectExample, findScenario } from '../contract/judge.ts';
import { document } from '../support/contractDocument.ts';
import { send, type WireResponse } from '../support/exchange.ts';
import { liveTarget } from '../support/targets.ts';
import { startJudge, type Judge } from './judges.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PRISM = fileURLToPath(import.meta.resolve('@stoplight/prism-cli/dist/index.js'));

/** Without --errors: else its own answers would stand in place of ours. */
const proxyTo = (upstream: string, contractFile = `${ROOT}generated/openapi.json`) =>
  startJudge(process.execPath, (port) => [
    PRISM,
    'proxy',
    contractFile,
    upstream,
    '--host=127.0.0.1',
    `--port=${port}`,
    '--verboseLevel=silent',
  ]);

/**
 * Cases that Prism does not carry: it reads each request and writes it anew, so what was wrong with it is mended or hidden.
 * Their answers are those of other cases.
 */
const NOT_CARRIED: Record<string, readonly string[]> = {
  'waits for ever on JSON that it cannot read': [
    'invalidBody: no JSON',
    'invalidBody: white space only',
    'invalidBody: two documents',
    'invalidBody: a form',
    'amountRequired: no body, in chunks, and the media type application/json',
  ],
  'writes the JSON anew, and leaves out null': [
    'invalidBody: null',
    'invalidBody: JSON inside a string',
    'invalidBody: malformed UTF-8',
    'invalidBody: JSON in UTF-16',
    'bodyTooLarge: one byte over the limit',
  ],
  'adds a Content-Length to a Transfer-Encoding, which is no request any more': [
    'amountRequired: no body, in chunks',
    'amountRequired: no body, in chunks, and the media type text/plain',
    'methodNotAllowed: PUT, even without a key',
    'methodNotAllowed: PATCH, even without a key',
    'methodNotAllowed: PROPFIND, even without a key',
  ],
  'says of the request that there is too much wrong with it, and nothing else': [
    'invalidPaymentMethodTypes: 40,000 items',
    'invalidMetadata: 9,000 keys',
  ],
};

const describeCase = ({ example, title }: Case) => `${example}: ${title}`;
const isCarried = (known: Case) => !Object.values(NOT_CARRIED).flat().includes(describeCase(known));
const titled = (some: readonly Case[]) => some.map((known) => [describeCase(known), known] as const);

describe("Prism's validation proxy finds nothing in the live server's answer", () => {
  let shared: Awaited<ReturnType<typeof liveTarget>>;
  let proxy: Judge;
  beforeAll(async () => {
    shared = await liveTarget();
    proxy = await proxyTo(shared.baseUrl);
  });
  afterAll(async () => {
    await proxy?.close();
    await shared?.close();
  });

  const asked = cases.filter(({ arrange, bytes }) => !arrange && bytes === undefined);

  it('and carries nearly all cases', () => {
    const excluded = asked.filter((known) => !isCarried(known));
    expect(excluded.length).toBe(Object.values(NOT_CARRIED).flat().length);
  });

  it('and would say so: of a contract with another message it does', async () => {
    const another = structuredClone(document);
    another.components.schemas.InvalidApiKey.properties.error.enum = ['Another message'];
    const folder = mkdtempSync(join(tmpdir(), 'prism-'));
    writeFileSync(join(folder, 'openapi.json'), JSON.stringify(another));
    const strict = await proxyTo(shared.baseUrl, join(folder, 'openapi.json'));
    const stranger = cases.find(({ example }) => example === 'invalidApiKey')!;
    const response = await send(strict.url, stranger.request('nobody'));
    await strict.close();
    rmSync(folder, { recursive: true });
    expect(readViolations(response)).toMatchObject([{ location: ['response', 'body', 'error'] }]);
  });

  it.each(titled(asked.filter(isCarried)))('%s', async (_title, known) => {
    const response = await send(proxy.url, known.request(shared.apiKey));
    expect(readViolations(response)).toEqual([]);
    expectExample(response, known.operation, known.example);
  });
});

describe('the plain `prism mock generated/openapi.json`', () => {
  it('responds to a valid request with the example of the contract', async () => {
    const prism = await startJudge(process.execPath, (port) => [
      PRISM,
      'mock',
      `${ROOT}generated/openapi.json`,
      '--host=127.0.0.1',
      `--port=${port}`,
    ]);
    const known = cases.find(({ example }) => example === 'created')!;
    const response = await send(prism.url, known.request('any'));
    await prism.close();
    const { status, body } = findScenario(known.operation, known.example);
    expect({ status: response.status, body: JSON.parse(response.text) }).toEqual({ status, body });
  });
});

function readViolations({ headers }: WireResponse): unknown[] {
  const violations = JSON.parse(String(headers['sl-violations'] ?? '[]')) as { location: string[] }[];
  return violations.filter(({ location }) => location[0] === 'response');
}
