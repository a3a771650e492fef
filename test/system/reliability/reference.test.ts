import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { liveTarget } from '../../support/targets.ts';
import { operations, type DocumentedOperation } from '../../support/contractDocument.ts';
import { send } from '../../support/exchange.ts';
import { gatewayCalls } from '../../support/gatewayCalls.ts';

const SCRIPT = fileURLToPath(new URL('../../../src/tools/reference.ts', import.meta.url));

const live = await liveTarget();
afterAll(() => live.close());

/** What `make reference` runs, with what make hands on. */
function reference(variables: Record<string, string>): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT], { env: variables }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
    });
  });
}

/** The metadata of the intent that an order with this key has made. */
async function metadataFor({ operationId, method, path }: DocumentedOperation, key: string, metadata: object = {}) {
  const body = JSON.stringify({ amount: 1, metadata });
  const headers = [
    ['Host', 'reference.test'],
    ['cv-api-key', live.apiKey],
    ['Content-Type', 'application/json'],
    ['Idempotency-Key', key],
  ] as const;
  const { status } = await send(live.baseUrl, { method, path, headers, body });
  expect(status).toBe(200);
  return gatewayCalls[operationId].created(live.stripe.ledger).at(-1)!.metadata;
}

describe('make reference', () => {
  describe.each(operations)('of $operationId', (operation) => {
    it.each([
      ['bare', 'order-1', 'order-1'],
      ['quoted', 'order-2', '"order-2"'],
      ['with characters of the shell', '$(order)\'\\"`3', '"$(order)\'\\\\\\"`3"'],
    ])('finds in Stripe what a request has created, by its key, %s', async (_what, sent, given) => {
      const { cv_reference: stored } = await metadataFor(operation, sent);
      const { code, output } = await reference({ TENANT: 'test', KEY: given });
      expect(output).toContain(`metadata['cv_reference']:'${stored}' OR metadata['cv_reference_2']:'${stored}'`);
      expect(code).toBe(0);
    });

    it('finds it by the second name where the caller uses the first', async () => {
      const { cv_reference_2: stored } = await metadataFor(operation, 'order-4', { cv_reference: 'mine' });
      const { output } = await reference({ TENANT: 'test', KEY: 'order-4' });
      expect(output).toContain(`metadata['cv_reference_2']:'${stored}'`);
    });
  });

  it('names each operation of the contract', async () => {
    const { output } = await reference({ TENANT: 'test', KEY: 'order-1' });
    expect(output.match(/^\w+$/gm)).toEqual(operations.map(({ operationId }) => operationId));
  });

  it.each<[string, Record<string, string>]>([
    ['no tenant', { KEY: 'order-1' }],
    ['no key', { TENANT: 'test' }],
    ['a key that the contract refuses', { TENANT: 'test', KEY: 'order 1' }],
    ['an unfinished quoted key', { TENANT: 'test', KEY: '"order-1' }],
  ])('explains itself for %s, and does not repeat the key', async (_what, variables) => {
    const { code, output } = await reference(variables);
    expect(code).toBe(2);
    expect(output).toMatch(/^usage: make reference /);
    expect(output).not.toContain('order');
  });
});
