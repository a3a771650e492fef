/** What must not compile: each @ts-expect-error is a test that `make types` runs. */
import { expectTypeOf, it } from 'vitest';
import type { Handler, OperationRequest, Success, SuccessName } from '../../../src/contract/handler.ts';
import { Problem, type ProblemNameOf } from '../../../src/contract/problems.ts';

type Created = Success<'createPaymentIntent'>;
const fields = { data: { paymentIntentSecret: 'pi_1_secret_2' } };

/** Compiled, and never called. */
export const wrong = [
  // @ts-expect-error A success has the fields that the contract does not fix: without them it would be the example's secret.
  (): Created => ({ example: 'created' }),
  // @ts-expect-error All of them.
  (): Created => ({ example: 'created', fields: {} }),
  // @ts-expect-error None that the contract does not have.
  (): Created => ({ example: 'created', fields: { ...fields, secret: 'pi_1_secret_2' } }),
  // @ts-expect-error A constant is the contract's to say.
  (): Created => ({ example: 'created', fields: { ...fields, status: 200 } }),
  // @ts-expect-error The name of an example of this operation.
  (): Created => ({ example: 'craeted', fields }),
  // @ts-expect-error A failure is thrown, and no success.
  (): Created => ({ example: 'amountTooSmall', fields }),
  // @ts-expect-error A problem that only some operations document is one of an operation's.
  () => new Problem('amountTooSmall'),
  // @ts-expect-error A problem of an operation is one that it documents.
  () => new Problem<'createPaymentIntent'>('setupTooSmall'),
  // @ts-expect-error A success is no problem.
  () => new Problem<'createPaymentIntent'>('created'),
];

const handler: Handler<'createPaymentIntent'> = async ({ body }) => {
  if (body.amount > 5) throw new Problem<'createPaymentIntent'>('amountTooLarge');
  return { example: 'created', fields };
};

it('a handler returns the fields of its success, and throws what its operation documents', () => {
  expectTypeOf(handler).returns.resolves.toEqualTypeOf<Created>();
  expectTypeOf<SuccessName<'createPaymentIntent'>>().toEqualTypeOf<'created'>();
  expectTypeOf<'amountTooSmall'>().toExtend<ProblemNameOf<'createPaymentIntent'>>();
  expectTypeOf<OperationRequest<'createPaymentIntent'>['params']>().toEqualTypeOf<{}>();
});
