/** What every operation promises that creates an intent. */
import { describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { dereference, readOperations, type Operation } from '../../../src/contract/document.ts';
import type { OperationLogFields, OperationId } from '../../../src/contract/handler.ts';
import { Problem } from '../../../src/contract/problems.ts';
import { liveHandlers } from '../../../src/operations/index.ts';
import { GatewayError, type GatewayFault, type Order, type PaymentGateway } from '../../../src/payments/gateway.ts';
import { failingGateway, MemoryGateway } from '../../support/memoryGateway.ts';

interface Request {
  tenant: string;
  idempotencyKey: string | undefined;
  body: object;
  isAbandoned?: () => boolean;
}

interface Result {
  headers?: Record<string, string>;
  logFields?: OperationLogFields;
}

const operations = readOperations(dereference(document));

describe.each(operations.map((operation) => [operation.id, operation] as const))('%s', (id, operation) => {
  const request: Request = { tenant: 'acme', idempotencyKey: undefined, body: firstBody(operation) };
  const withKey = (idempotencyKey: string): Request => ({ ...request, idempotencyKey });
  const run = (gateway: PaymentGateway, one: Request) => handlerOf(id, gateway)({ operationId: id, ...one });

  async function ordersFor(...requests: readonly Request[]): Promise<readonly Order[]> {
    const gateway = new MemoryGateway();
    for (const one of requests) await run(gateway, one);
    return gateway.orders;
  }

  const keysFor = async (...requests: readonly Request[]) =>
    (await ordersFor(...requests)).map(({ idempotencyKey }) => idempotencyKey);

  it('tells the provider whether the client has left', async () => {
    const [order] = await ordersFor({ ...request, isAbandoned: () => true });
    expect(order!.isAbandoned?.()).toBe(true);
  });

  it.each<[string, Request]>([
    ['another key', withKey('order-2')],
    ['a key that differs only in case', withKey('Order-1')],
    ['another tenant', { ...withKey('order-1'), tenant: 'other' }],
  ])('has another key at the provider for %s', async (_what, other) => {
    const [one, another] = await keysFor(withKey('order-1'), other);
    expect(another).not.toBe(one);
  });

  it('has the same key at the provider for another body, so that Stripe detects a reuse', async () => {
    const [one, other] = await keysFor(withKey('order-1'), {
      ...withKey('order-1'),
      body: { ...request.body, metadata: { other: 'yes' } },
    });
    expect(other).toBe(one);
  });

  it('has a new key at the provider for each request without one', async () => {
    expect(new Set(await keysFor(request, request, request)).size).toBe(3);
  });

  it('has the reference of the intent for the log, the same for each retry and each outcome', async () => {
    const gateway = new MemoryGateway();
    const { logFields } = await run(gateway, withKey('order-1'));
    const again = await run(gateway, withKey('order-1'));
    const other = await run(gateway, withKey('order-2'));
    expect(again.logFields?.cv_reference).toBe(logFields?.cv_reference);
    expect(other.logFields?.cv_reference).not.toBe(logFields?.cv_reference);
    for (const error of [new GatewayError('unavailable', 'said by the test'), new TypeError('a bug')]) {
      const failure = run(failingGateway(error), withKey('order-1'));
      await expect(failure).rejects.toMatchObject({ reference: logFields?.cv_reference });
    }
  });

  it('says in a header and in the log that the intent is replayed', async () => {
    const gateway = new MemoryGateway();
    await run(gateway, withKey('order-1'));
    expect(await run(gateway, withKey('order-1'))).toMatchObject({
      headers: { 'Idempotent-Replayed': 'true' },
      logFields: { replayed: true },
    });
  });

  it.each<[GatewayFault, string]>([
    ['metadataRefused', 'invalidMetadata'],
    ['keyReused', 'idempotencyKeyReused'],
    ['keyInUse', 'idempotencyKeyInUse'],
    ['unavailable', 'providerUnavailable'],
    ['broken', 'internalError'],
  ])('fails for the gateway fault %s with the problem %s, with its cause for the log', async (fault, example) => {
    const cause = new GatewayError(fault, 'said by the test');
    const failure = run(failingGateway(cause), withKey('order-1'));
    await expect(failure).rejects.toBeInstanceOf(Problem);
    await expect(failure).rejects.toMatchObject({ example, cause });
  });

  it('fails with providerUnavailable where a key is in use that the client did not send', async () => {
    const cause = new GatewayError('keyInUse', 'said by the test');
    await expect(run(failingGateway(cause), request)).rejects.toMatchObject({ example: 'providerUnavailable', cause });
  });

  it('fails with internalError for an unknown error, with the cause for the log', async () => {
    const bug = new TypeError('a bug');
    await expect(run(failingGateway(bug), request)).rejects.toMatchObject({ example: 'internalError', cause: bug });
  });
});

const firstBody = ({ requestBody }: Operation): object =>
  Object.values(requestBody!.content['application/json']!.examples!)[0]!.value as object;

const handlerOf = (id: OperationId, gateway: PaymentGateway) =>
  liveHandlers(gateway)[id] as unknown as (request: Request & { operationId: string }) => Promise<Result>;
