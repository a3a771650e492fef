import { findWrongSecrets } from './clientSecrets.ts';
import type { RunCheck } from './exchangeRecord.ts';
import { findRepeatedRequestIds } from './requestIds.ts';
import { findForbiddenHeaders } from './responseHeaders.ts';
import { findLateResponses } from './responseTime.ts';
import { findWrongIntents } from './stripeIntents.ts';

/** What no single response shows. */
export const runChecks: readonly RunCheck[] = [
  findRepeatedRequestIds,
  findForbiddenHeaders,
  findLateResponses,
  findWrongSecrets,
  findWrongIntents,
];
