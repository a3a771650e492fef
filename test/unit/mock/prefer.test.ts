import { describe, expect, it } from 'vitest';
import { findScenario, readPreference } from '../../../src/mock/prefer.ts';

const scenarios = [
  { status: 200, name: 'created' },
  { status: 400, name: 'amountRequired' },
  { status: 400, name: 'amountTooSmall' },
  { status: 503, name: 'providerUnavailable' },
];
const chosen = (prefer: string | undefined) =>
  findScenario({ code: readPreference(prefer, 'code'), example: readPreference(prefer, 'example') }, scenarios);

describe('findScenario', () => {
  it.each([undefined, '', ' ', 'return=minimal', 'wait=10, respond-async', 'codes=503'])(
    'chooses the first scenario by default: %s',
    (prefer) => {
      expect(chosen(prefer)).toEqual({ status: 200, name: 'created' });
    },
  );

  it.each([
    ['code=400, example=amountTooSmall', 'amountTooSmall'],
    ['code=400; example=amountTooSmall', 'amountTooSmall'],
    ['example=amountTooSmall,code=400', 'amountTooSmall'],
    ['code="400", example="amountTooSmall"', 'amountTooSmall'],
    ['CODE=400, Example=amountTooSmall', 'amountTooSmall'],
    ['  code = 400 ,example = amountTooSmall ', 'amountTooSmall'],
    ['return=minimal, code=503, wait=10', 'providerUnavailable'],
    ['code=503', 'providerUnavailable'],
    ['code=400', 'amountRequired'],
    ['example=amountTooSmall', 'amountTooSmall'],
    ['code=503, code=400', 'providerUnavailable'],
    [',,code=503', 'providerUnavailable'],
  ])('reads %s as %s', (prefer, example) => {
    expect(chosen(prefer)).toMatchObject({ name: example });
  });

  it.each([
    'code=418',
    'code=200, example=amountTooSmall',
    'example=nonsense',
    'example=AmountTooSmall',
    'code=',
    'code="503',
    'code=503"',
    'code=x"503"',
    'code="503"x',
    'code',
  ])('finds none for %s', (prefer) => {
    expect(chosen(prefer)).toBeUndefined();
  });
});
