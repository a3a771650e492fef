import { operations } from '../support/contractDocument.ts';
import type { Case } from './case.ts';
import { createPaymentIntentCases } from './createPaymentIntent.cases.ts';
import { createSetupIntentCases } from './createSetupIntent.cases.ts';
import { everyOperationCases } from './everyOperation.cases.ts';

/** The cases of all operations: at least one for each named example of the contract. */
export const cases: readonly Case[] = [
  ...operations.flatMap(everyOperationCases),
  ...createPaymentIntentCases,
  ...createSetupIntentCases,
];
