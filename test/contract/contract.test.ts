/** Every response of the contract, from outside, on the live server and on the mock. cli.ts tests any deployment. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenarios } from '../support/contractDocument.ts';
import { send, sendBytes, type WireRequest, type WireResponse } from '../support/exchange.ts';
import { allCreated } from '../support/gatewayCalls.ts';
import { liveTarget, mockTarget, type Target } from '../support/targets.ts';
import { json, requestTo, type Case } from './case.ts';
import { cases } from './cases.ts';
import { expectExample } from './judge.ts';

const titled = (some: readonly Case[]) =>
  some.map((known) => [`${known.operation.operationId} ${known.example}: ${known.title}`, known] as const);

const sendCase = (
  { bytes, request }: Case,
  { baseUrl, apiKey }: Pick<Target, 'baseUrl' | 'apiKey'>,
): Promise<WireResponse> => (bytes === undefined ? send(baseUrl, request(apiKey)) : sendBytes(baseUrl, bytes));

describe('the cases', () => {
  it.each(scenarios)('cover $operation.operationId $status $example', ({ operation, example }) => {
    expect(cases.some((known) => known.operation === operation && known.example === example)).toBe(true);
  });
});

const arranged = cases.filter((known) => known.arrange);
const unframed = cases.filter((known) => known.bytes !== undefined);
const preceded = cases.filter((known) => known.first);
const requested = cases.filter((known) => !known.arrange && !known.first && known.bytes === undefined);

describe('the live server keeps the contract', () => {
  let shared: Awaited<ReturnType<typeof liveTarget>>;
  beforeAll(async () => {
    shared = await liveTarget();
  });
  afterAll(() => shared.close());

  it.each(titled(requested))('%s', async (_title, known) => {
    const { ledger } = shared.stripe;
    const before = allCreated(ledger).length;
    const { requestCount } = ledger;
    expectExample(await sendCase(known, shared), known.operation, known.example);
    expect(allCreated(ledger).length - before).toBe(known.creates ? 1 : 0);
    // What we refuse is never sent to Stripe.
    expect(ledger.requestCount - requestCount).toBe(known.creates ? 1 : 0);
  });

  it.each(titled(preceded))('%s', async (_title, known) => {
    const { ledger } = shared.stripe;
    const sent: Promise<unknown>[] = [];
    for (const { request, byAnotherTenant } of known.first!) {
      sent.push(send(shared.baseUrl, request(byAnotherTenant ? shared.secondApiKey : shared.apiKey)));
      if (!known.isFirstAtOnce) await sent.at(-1);
    }
    await Promise.all(sent);
    const before = allCreated(ledger).length;
    const response = await sendCase(known, shared);
    expectExample(response, known.operation, known.example);
    expect(response.headers['idempotent-replayed']).toBe(known.replays && 'true');
    expect(allCreated(ledger).length - before).toBe(known.creates ? 1 : 0);
  });

  it.concurrent.each(titled(unframed))('%s', async (_title, known) => {
    expectExample(await sendCase(known, shared), known.operation, known.example);
  });

  it.concurrent.each(titled(arranged))('%s', async (_title, known) => {
    const target = await liveTarget(known.settings);
    const { ledger } = target.stripe;
    try {
      await known.arrange!(target.stripe, (request) => send(target.baseUrl, request(target.apiKey)));
      const before = allCreated(ledger).length;
      expectExample(await sendCase(known, target), known.operation, known.example);
      expect(allCreated(ledger).length - before).toBe(known.creates ? 1 : 0);
    } finally {
      await target.close();
    }
  });
});

describe('the mock keeps the contract', () => {
  let mock: Target;
  beforeAll(async () => {
    mock = await mockTarget();
  });
  afterAll(() => mock.close());

  it.concurrent.each(titled([...requested, ...unframed]))('%s', async (_title, known) => {
    expectExample(await sendCase(known, mock), known.operation, known.example);
  });

  it.each(scenarios)('responds to Prefer: example=$example, with the headers of the example', async (scenario) => {
    const { operation, example, headers } = scenario;
    const [{ value }] = Object.values(operation.requestExamples) as [{ value: object }];
    const request: WireRequest = requestTo(operation)(json(value), [['Prefer', `example=${example}`]])(mock.apiKey);
    const response = await send(mock.baseUrl, request);
    expectExample(response, operation, example);
    for (const [name, expected] of Object.entries(headers)) expect(response.headers[name.toLowerCase()]).toBe(expected);
  });
});
