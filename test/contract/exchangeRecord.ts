import type { WireRequest, WireResponse } from '../support/exchange.ts';
import type { Case } from './case.ts';
import type { Deployment } from './deployment.ts';
import type { Violation } from './judge.ts';
import type { Settings } from './settings.ts';

/** A case on a deployment: what was sent and what came back, with all secrets in it. */
export interface ExchangeRecord {
  known: Case;
  request: WireRequest;
  /** How the contract is broken. */
  violations: readonly Violation[];
  /** Why nothing was found out: the case was not sent, or its response says nothing. Undefined where it was judged. */
  skipReason?: string;
  /** The case should have been judged: without another failure, the contract is neither kept nor broken. */
  isUnresolved?: true;
  /** The last response. Undefined where none came. */
  response?: WireResponse;
  latencyMs?: number;
  /** The responses to the case's first requests. Undefined where none came. */
  first?: readonly (WireResponse | undefined)[];
  /** A request of the case was sent more than once, because no response came or the deployment was busy. */
  isRepeated?: true;
  /** The response was right when the request was repeated. */
  isFlaky?: true;
}

/** All cases on a deployment. */
export interface Run {
  records: readonly ExchangeRecord[];
  findings: readonly Finding[];
  /** Why the run ended before all cases were sent. */
  ending?: string;
  /** What is no violation, and good to know. */
  notes: readonly string[];
}

/** A violation that no single response shows. */
interface Finding {
  violation: Violation;
  /** One of the exchanges that show it. */
  record: ExchangeRecord;
}

/** A check over all exchanges of a run, which may send further requests. */
export type RunCheck = (
  records: readonly ExchangeRecord[],
  settings: Settings,
  deployment: Deployment,
) => readonly Finding[] | Promise<readonly Finding[]>;
