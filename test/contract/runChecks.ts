import type { RunCheck } from './exchangeRecord.ts';

/** What no single response shows. */
export const runChecks: readonly RunCheck[] = [];
