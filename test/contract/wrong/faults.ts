import { apiKeyFaults } from './apiKeyFaults.ts';
import type { Faults } from './fault.ts';
import { bodyFaults, gatewayFaults, headerFaults, methodFaults, pathFaults, requestIdFaults } from './httpFaults.ts';
import { idempotencyFaults } from './idempotencyFaults.ts';
import { amountFaults, metadataFaults, methodTypeFaults, secretFaults } from './paymentFaults.ts';
import { bodyKeyFaults, errorCodeFaults, setupFaults } from './setupFaults.ts';
import { amountRuleFaults, fieldRuleFaults, headerRuleFaults, jsonFaults } from './validationFaults.ts';

/** Wrong deployments, by kind. Each is a right server behind a proxy that changes one thing. */
export const faults: Readonly<Record<string, Faults>> = {
  'Amounts and intents': amountFaults,
  'Payment method types': methodTypeFaults,
  Metadata: metadataFaults,
  Secrets: secretFaults,
  'Setup intents': setupFaults,
  Idempotency: { ...idempotencyFaults, ...bodyKeyFaults },
  'API keys': apiKeyFaults,
  'Rules of amounts': amountRuleFaults,
  'Rules of other fields': fieldRuleFaults,
  JSON: jsonFaults,
  'Rules of headers': headerRuleFaults,
  Methods: methodFaults,
  Paths: pathFaults,
  'Request ids': requestIdFaults,
  'Response headers': { ...headerFaults, ...errorCodeFaults },
  'Response bodies': bodyFaults,
  Gateways: gatewayFaults,
};
