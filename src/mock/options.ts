import { didYouMean } from '../nearest.ts';
import type { Defaults, LatencyMs } from './directives.ts';
import type { MockControls, Responder } from './responder.ts';
import type { ScenarioName } from './scenarioQueue.ts';

/** How a mock responds to requests that ask for nothing. */
export interface MockOptions {
  /** The only accepted API key. Default: any key is accepted. */
  apiKey?: string;
  /** The scenario of all valid requests to the operations that have it. Default: the success. */
  scenario?: ScenarioName;
  /** The delay of each response, or a range for it. Default: 0. */
  latencyMs?: number | LatencyMs;
  /** The share of valid requests that fail, from 0 to 1. Default: 0. */
  errorRate?: number;
  /** A new secret for each success, instead of the example's. */
  dynamic?: boolean;
}

const NAMES = ['apiKey', 'scenario', 'latencyMs', 'errorRate', 'dynamic'];

/** Throws for an option that is none. `others` are those that were read already. */
export function readOptions(options: MockOptions, others: readonly string[]): Defaults {
  const names = [...others, ...NAMES];
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`${unknown}: unknown option${didYouMean(unknown, names)}`);
  const { latencyMs = 0, errorRate = 0, dynamic = false, ...rest } = options;
  const range = typeof latencyMs === 'number' ? { min: latencyMs, max: latencyMs } : latencyMs;
  return { ...rest, latencyMs: range, errorRate, dynamic };
}

export const createControls = ({ next, requests, reset }: Responder): MockControls => ({
  next(scenario, options = {}) {
    next({ scenario, ...options });
    return this;
  },
  requests,
  reset,
});
