import type { Examples } from '../../generated/problems.ts';
import type { Operation } from '../contract/document.ts';
import type { OperationId } from '../contract/handler.ts';
import { didYouMean } from '../nearest.ts';

/** The name of a scenario: of these operations, or of any. */
export type ScenarioName<Id extends OperationId = OperationId> = { [Each in Id]: keyof Examples[Each] & string }[Id];

/** The scenarios of the next valid requests. */
export interface NextScenarios {
  /** The name of one scenario, or several for one request each. */
  scenario: string | readonly string[];
  /** How often, one after the other. Default: once. */
  times?: number | undefined;
  /** The operation that they are for. Default: every one that has the scenario. */
  operation?: string | undefined;
}

interface QueuedScenario {
  name: string;
  operation: string | undefined;
}

/** Guards memory against a mistyped number. */
const MAX_TIMES = 10_000;

/** Scenarios in the order of the requests that get them. */
export class ScenarioQueue {
  readonly #operations: readonly Operation[];
  #queued: QueuedScenario[] = [];

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
  }

  /** Appends. Throws for an unknown name. */
  add(next: NextScenarios): void {
    this.#queued.push(...this.#check(next));
  }

  /** Replaces all. Throws for an unknown name. */
  set(next: NextScenarios): void {
    this.#queued = this.#check(next);
  }

  #check({ scenario, times = 1, operation }: NextScenarios): QueuedScenario[] {
    const ids = this.#operations.map(({ id }) => id as string);
    if (operation !== undefined && !ids.includes(operation)) {
      throw new Error(`operation: unknown ${operation}${didYouMean(operation, ids)}`);
    }
    const owners = this.#operations.filter(({ id }) => operation === undefined || id === operation);
    const names = typeof scenario === 'string' ? [scenario] : scenario;
    for (const name of names) checkScenario(name, owners);
    if (!(Number.isInteger(times) && times >= 1 && times <= MAX_TIMES)) {
      throw new Error(`times: expected a whole number from 1 to ${MAX_TIMES}, got ${times}`);
    }
    const entries = names.map((name) => ({ name, operation }));
    return Array.from({ length: times }, () => entries).flat();
  }

  /** Removes and returns the first scenario for this operation. */
  take({ id, examples }: Operation): string | undefined {
    const isFor = ({ name, operation = id }: QueuedScenario) =>
      operation === id && examples.some((example) => example.name === name);
    const index = this.#queued.findIndex(isFor);
    return index === -1 ? undefined : this.#queued.splice(index, 1)[0]!.name;
  }

  clear(): void {
    this.#queued = [];
  }
}

/** Throws, with the nearest names, unless one of the operations has the scenario. */
export function checkScenario(scenario: string, operations: readonly Operation[]): void {
  const names = [...new Set(operations.flatMap(({ examples }) => examples.map(({ name }) => name)))];
  if (!names.includes(scenario)) throw new Error(`scenario: unknown ${scenario}${didYouMean(scenario, names)}`);
}
