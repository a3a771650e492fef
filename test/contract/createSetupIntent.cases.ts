import { operations } from '../support/contractDocument.ts';
import type { Case } from './case.ts';
import { createdBy, intentCases } from './intents.cases.ts';

const setup = operations.find(({ operationId }) => operationId === 'createSetupIntent')!;
const created = createdBy(setup, 'setupCreated');

export const createSetupIntentCases: readonly Case[] = [
  ...intentCases(setup, {
    example: 'setupCreated',
    body: {},
    otherBody: { metadata: { orderId: '2' } },
    refused: { example: 'invalidMetadata', body: (metadata) => ({ metadata: { ...metadata, 'a[b]': '1' } }) },
  }),

  created('no body and no media type', undefined),
  created('no body, in chunks', undefined, [['Transfer-Encoding', 'chunked']]),
  created('no body, in chunks, and the media type text/plain', undefined, [
    ['Content-Type', 'text/plain'],
    ['Transfer-Encoding', 'chunked'],
  ]),
  created('an empty body', ''),
  created('fields of a payment, which are ignored', { amount: 'none', paymentMethodTypes: [] }),
];
