import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { openContract } from '../../../src/contract/engine.ts';
import type { ContractError } from '../../../src/contract/lint.ts';
import { prismResponses } from '../../../src/mock/prism.ts';
import { respondWithFirstExample } from '../../support/engine.ts';
import { freePort } from '../../support/freePort.ts';

type Contract = typeof document;

async function answersFrom(edit: (contract: Contract) => void) {
  const contract = structuredClone(document);
  edit(contract);
  const { operations } = await openContract(contract, { notImplemented: respondWithFirstExample });
  return prismResponses(contract, operations);
}

/** The values that a good edit would have to be true to. */
const loosely = (value: unknown) => value as never;

/** Where the value of an example stands. */
const findPlace = (status: number, example: string) =>
  `paths /api/v1/payments/intent post responses ${status} content application/json examples ${example} value`.split(
    ' ',
  );

describe('prismResponses', () => {
  it('has for every scenario what the contract has', async () => {
    const { operations } = await openContract(document, { notImplemented: respondWithFirstExample });
    const answers = await prismResponses(document, operations);
    const all = operations.flatMap((operation) => operation.examples.map((example) => ({ operation, example })));
    expect(all.length).toBeGreaterThan(10);
    expect(all.map(({ operation, example }) => answers(operation, example.name))).toEqual(
      all.map(({ example: { status, headers, body } }) => ({ status, headers, body })),
    );
  });

  it('refuses examples that break their own schema, all at once, and says where', async () => {
    const broken = answersFrom(({ paths, components }) => {
      const { examples } = paths['/api/v1/payments/intent'].post.responses['200'].content['application/json'];
      examples.created.value.data.paymentIntentSecret = 'no secret';
      components.responses.NotFound.content['application/json'].examples.notFound.value = loosely({ success: 'no' });
    });
    await expect(broken).rejects.toThrow(/^Prism can't mock this contract:\n- /);
    const { issues } = (await broken.catch((error: unknown) => error)) as ContractError;
    expect(issues).toEqual(
      expect.arrayContaining([
        {
          text: expect.stringMatching(
            /^createPaymentIntent 200 created: body\.data\.paymentIntentSecret .*must match pattern/,
          ),
          path: [...findPlace(200, 'created'), 'data', 'paymentIntentSecret'],
        },
        {
          text: expect.stringMatching(/^createPaymentIntent 404 notFound: body\.success .*must be/),
          path: [...findPlace(404, 'notFound'), 'success'],
        },
      ]),
    );
  });

  it('refuses a scenario that the document does not have', async () => {
    const { operations } = await openContract(document, { notImplemented: respondWithFirstExample });
    const lost = operations.map((operation) => ({
      ...operation,
      examples: [{ ...operation.examples[0]!, status: 400, name: 'lost' }],
    }));
    const { issues } = (await prismResponses(document, lost).catch((error: unknown) => error)) as ContractError;
    expect(issues).toEqual([
      {
        text: expect.stringMatching(/^createPaymentIntent 400 lost: ./),
        path: findPlace(400, 'lost'),
      },
    ]);
  });
});

/** Prism as anyone has it, with nothing of ours around it. */
describe('the plain `prism mock generated/openapi.json`', () => {
  const bin = fileURLToPath(new URL('../../../node_modules/@stoplight/prism-cli/dist/index.js', import.meta.url));
  const file = fileURLToPath(new URL('../../../generated/openapi.json', import.meta.url));

  let prism: ChildProcess;
  let url: string;
  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    prism = spawn(process.execPath, [bin, 'mock', file, '-h', '127.0.0.1', '-p', String(port)], {
      env: { ...process.env, NODE_ENV: 'test' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    await new Promise<void>((resolve, reject) => {
      prism.stdout!.on('data', (chunk) => (output += chunk).includes('Prism is listening') && resolve());
      prism.once('exit', () => reject(new Error(`Prism did not start:\n${output}`)));
    });
  });
  afterAll(() => void prism.kill());

  it('answers a valid request with the example of the contract', async () => {
    const response = await fetch(`${url}/api/v1/payments/intent`, {
      method: 'POST',
      headers: { 'cv-api-key': 'any', 'Content-Type': 'application/json' },
      body: '{"amount":1.15}',
    });
    const { created } =
      document.paths['/api/v1/payments/intent'].post.responses['200'].content['application/json'].examples;
    expect({ status: response.status, body: await response.json() }).toEqual({ status: 200, body: created.value });
  });
});
