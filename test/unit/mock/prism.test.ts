import { describe, expect, it } from 'vitest';
import document from '../../../generated/openapi.json' with { type: 'json' };
import { openContract } from '../../../src/contract/engine.ts';
import type { ContractError } from '../../../src/contract/lint.ts';
import { prismResponses } from '../../../src/mock/prism.ts';
import { edited } from '../../support/editedContract.ts';
import { respondWithFirstExample } from '../../support/engine.ts';

type Contract = typeof document;

async function responsesFrom(edit: (contract: Contract) => void) {
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
  it('has every example of the contract', async () => {
    const { operations } = await openContract(document, { notImplemented: respondWithFirstExample });
    const responses = await prismResponses(document, operations);
    const all = operations.flatMap((operation) => operation.examples.map((example) => ({ operation, example })));
    expect(all.length).toBeGreaterThan(10);
    expect(all.map(({ operation, example }) => responses[operation.id]![example.name])).toEqual(
      all.map(({ example: { status, headers, body } }) => ({ status, headers, body })),
    );
  });

  it('refuses all examples that violate their schema at once, with their places', async () => {
    const broken = responsesFrom(({ paths, components }) => {
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
    const { operations } = await openContract(edited(), { notImplemented: respondWithFirstExample });
    const lost = operations.map((operation) => ({
      ...operation,
      examples: [{ ...operation.examples[0]!, status: 400, name: 'lost' }],
    }));
    const { issues } = (await prismResponses(edited(), lost).catch((error: unknown) => error)) as ContractError;
    expect(issues).toEqual([
      {
        text: expect.stringMatching(/^createPaymentIntent 400 lost: ./),
        path: findPlace(400, 'lost'),
      },
    ]);
  });
});
