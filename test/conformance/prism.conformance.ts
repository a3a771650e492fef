/**
 * Sends the contract's cases to the live server through Prism's validation proxy, which validates each response against the
 * contract and lists violations in the header `sl-violations`. Its request violations are ignored: many requests are meant to be invalid.
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
import { startTool, type ToolServer } from './judges.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PRISM = fileURLToPath(import.meta.resolve('@stoplight/prism-cli/dist/index.js'));

/** Without --errors, which would replace our responses with those of Prism. */
const proxyTo = (upstream: string, contractFile = `${ROOT}generated/openapi.json`) =>
  startTool(process.execPath, (port) => [
    PRISM,
    'proxy',
    contractFile,
    upstream,
    '--host=127.0.0.1',
    `--port=${port}`,
    '--verboseLevel=silent',
  ]);

/**
 * Cases that Prism does not forward unchanged: it parses and rewrites each request, which repairs or hides what is wrong with it.
 * Other cases cover the same responses.
 */
const NOT_FORWARDED: Record<string, readonly string[]> = {
  'waits forever on JSON that it cannot parse': [
    'invalidBody: no JSON',
    'invalidBody: white space only',
    'invalidBody: two documents',
    'invalidBody: a form',
    'amountRequired: no body, in chunks, and the media type application/json',
  ],
  'rewrites the JSON, and drops null': [
    'invalidBody: null',
    'invalidBody: JSON inside a string',
    'invalidBody: malformed UTF-8',
    'invalidBody: JSON in UTF-16',
    'bodyTooLarge: one byte over the limit',
  ],
  'adds a Content-Length to a Transfer-Encoding, which makes the request malformed': [
    'amountRequired: no body, in chunks',
    'amountRequired: no body, in chunks, and the media type text/plain',
    'setupCreated: no body, in chunks',
    'setupCreated: no body, in chunks, and the media type text/plain',
    'methodNotAllowed: PUT, even without a key',
    'methodNotAllowed: PATCH, even without a key',
    'methodNotAllowed: PROPFIND, even without a key',
    'bodyTooLarge: one byte over the limit, in chunks',
  ],
  'reports only that the request has too many violations': [
    'invalidPaymentMethodTypes: 40,000 items',
    'invalidMetadata: 9,000 keys',
  ],
};

const describeCase = ({ example, title }: Case) => `${example}: ${title}`;
const isForwarded = (known: Case) => !Object.values(NOT_FORWARDED).flat().includes(describeCase(known));
const withTitles = (selected: readonly Case[]) => selected.map((known) => [describeCase(known), known] as const);

describe("Prism's validation proxy", () => {
  let shared: Awaited<ReturnType<typeof liveTarget>>;
  let proxy: ToolServer;
  beforeAll(async () => {
    shared = await liveTarget();
    proxy = await proxyTo(shared.baseUrl);
  });
  afterAll(async () => {
    await proxy?.close();
    await shared?.close();
  });

  const singleRequestCases = cases.filter(({ arrange, first, bytes }) => !arrange && !first && bytes === undefined);
  /** One of each example: Prism judges responses, and those of one example are alike. */
  const forwarded = [
    ...Map.groupBy(
      singleRequestCases.filter(isForwarded),
      ({ operation, example }) => `${operation.operationId} ${example}`,
    ).values(),
  ].map(([known]) => known!);

  it('excludes only cases that exist', () => {
    const excluded = singleRequestCases.filter((known) => !isForwarded(known)).map(describeCase);
    expect(new Set(excluded)).toEqual(new Set(Object.values(NOT_FORWARDED).flat()));
  });

  it('reports a violation if the contract has a different message', async () => {
    const changedContract = structuredClone(document);
    changedContract.components.schemas.InvalidApiKey.properties.error.enum = ['Another message'];
    const folder = mkdtempSync(join(tmpdir(), 'prism-'));
    writeFileSync(join(folder, 'openapi.json'), JSON.stringify(changedContract));
    const strictProxy = await proxyTo(shared.baseUrl, join(folder, 'openapi.json'));
    const invalidKeyCase = cases.find(({ example }) => example === 'invalidApiKey')!;
    const response = await send(strictProxy.url, invalidKeyCase.request('nobody'));
    await strictProxy.close();
    rmSync(folder, { recursive: true });
    expect(readViolations(response)).toMatchObject([{ location: ['response', 'body', 'error'] }]);
  });

  it.each(withTitles(forwarded))('finds no violation in the response to %s', async (_title, known) => {
    const response = await send(proxy.url, known.request(shared.apiKey));
    expect(readViolations(response)).toEqual([]);
    expectExample(response, known.operation, known.example);
  });
});

describe('`prism mock generated/openapi.json`', () => {
  it('responds to a valid request with the example from the contract', async () => {
    const prism = await startTool(process.execPath, (port) => [
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
