import type { AnyRequest, OperationResponse } from '../contract/engine.ts';
import type { Operation } from '../contract/document.ts';
import type { OperationId } from '../contract/handler.ts';
import { Problem, type ProblemName } from '../contract/problems.ts';
import { indexResponses } from '../contract/responses.ts';
import type { EngineRequest } from '../contract/router.ts';
import { chooseLatencyMs, readDirectives, type Defaults, type Directives } from './directives.ts';
import { createDynamicData } from './dynamicData.ts';
import { explainChoice, explainProblem } from './explain.ts';
import { headerValue } from './headerValue.ts';
import { describeContent, IdempotencyKeys } from './idempotencyKeys.ts';
import { findScenario } from './prefer.ts';
import type { ScenarioResponses } from './responses.ts';
import { checkScenario, ScenarioQueue, type NextScenarios, type ScenarioName } from './scenarioQueue.ts';

/** How a test controls a mock, and asks what it received. */
export interface MockControls {
  /**
   * Sets the scenario of the next valid request: of several in turn, if it is a list. `times` repeats it. A scenario waits for a
   * request to `operation`, by default to any operation that has it. Further calls append.
   *
   * Throws for an unknown name.
   */
  next<Id extends OperationId = OperationId>(
    scenario: ScenarioName<Id> | readonly ScenarioName<Id>[],
    options?: { times?: number; operation?: Id },
  ): this;
  /** What the mock received, the oldest request first. The last 1,000 are kept. */
  readonly requests: readonly RecordedRequest[];
  /** Forgets the requests, the idempotency keys and the scenarios of `next`. */
  reset: () => void;
}

export interface RecordedRequest {
  method: string;
  /** Without the query. */
  path: string;
  /** By lower-case name. */
  headers: EngineRequest['headers'];
  /** Parsed JSON, or else text. Undefined if there is none, or if it was not read, as without an API key. */
  body: unknown;
  /** The name of the response. Undefined while the request is in progress. */
  scenario: string | undefined;
  /** The reason for a refusal. */
  reason: string | undefined;
}

const MAX_REQUESTS = 1_000;

export type Responder = ReturnType<typeof createResponder>;

/**
 * Responds to requests with the contract's scenarios. Uses nothing of Node's, as it also runs in browsers.
 *
 * Throws if the default scenario is unknown.
 */
export function createResponder(operations: readonly Operation[], responses: ScenarioResponses, defaults: Defaults) {
  if (defaults.scenario !== undefined) checkScenario(defaults.scenario, operations);
  const documented = indexResponses(operations);
  const queue = new ScenarioQueue(operations);
  const keys = new IdempotencyKeys();
  const requests: RecordedRequest[] = [];
  const delays = new Set<() => void>();

  const named = (operation: Operation, name: string, reason?: string): OperationResponse => {
    const { status, headers, body } = responses[operation.id]![name]!;
    const why = reason !== undefined && status >= 300 ? { 'Mock-Reason': headerValue(reason) } : {};
    return { status, headers: { ...headers, 'Mock-Scenario': name, ...why }, body };
  };

  /** The response to a valid request. */
  async function respond(request: AnyRequest, operation: Operation): Promise<OperationResponse> {
    const directives = readDirectives(request.headers, request.body);
    const response = chooseResponse(directives, operation);
    const complete = async () => {
      await delay(directives);
      return response.status < 300 ? createData(response, directives, operation) : response;
    };
    if (request.idempotencyKey === undefined || !hasConflicts(operation)) return complete();
    const key = `${operation.id} ${request.idempotencyKey}`;
    const content = describeContent(request, operation);
    // A chosen failure is sent whatever came before, and changes nothing: production can fail at any time, too.
    const known = response.status < 300 ? keys.find(key, content) : undefined;
    if (known === undefined) return keys.hold(key, content, complete);
    await delay(directives);
    return typeof known === 'string' ? named(operation, known, documented.problem(operation, known).summary) : known;
  }

  function chooseResponse(directives: Directives, operation: Operation): OperationResponse {
    const reject = (reason: string, message = reason) => ({
      ...named(operation, 'invalidRequest', reason),
      body: { success: false, message },
    });
    const { choice, issues } = directives;
    if (issues.length > 0) return reject(issues.join('; '));
    if (choice) {
      const scenario = findScenario(choice, operation.examples);
      if (scenario) return named(operation, scenario.name, `chosen by ${choice.source}`);
      const { reason, scenarios } = explainChoice(choice, operation, operations);
      return reject(reason, `${reason}. ${scenarios}`);
    }
    const next = queue.take(operation);
    if (next !== undefined) return named(operation, next, 'chosen by next');
    const byDefault = operation.examples.find(({ name }) => name === defaults.scenario);
    if (byDefault) return named(operation, byDefault.name, `chosen by the default scenario ${byDefault.name}`);
    const failure = chooseFailure(directives, operation);
    return failure
      ? named(operation, failure, 'chosen at random: the error rate')
      : named(operation, operation.examples[0]!.name);
  }

  /** A failure that a client can retry, at the error rate. */
  function chooseFailure({ errorRate = defaults.errorRate }: Directives, { examples }: Operation): string | undefined {
    if (Math.random() >= errorRate) return undefined;
    const failures = examples.filter(({ status }) => status === 429 || status >= 500);
    return failures[Math.floor(Math.random() * failures.length)]?.name;
  }

  function createData(
    response: OperationResponse,
    { dynamic = defaults.dynamic }: Directives,
    operation: Operation,
  ): OperationResponse {
    if (!dynamic) return response;
    const { schema } = operation.responses[response.status]!.content!['application/json']!;
    return { ...response, body: createDynamicData(response.body, schema) as object };
  }

  function delay(directives: Directives): Promise<void> {
    const ms = chooseLatencyMs(directives, defaults);
    return new Promise((resolve) => {
      // A timer of 0 would take a millisecond.
      if (ms === 0) return resolve();
      const end = () => {
        clearTimeout(timer);
        delays.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      delays.add(end);
    });
  }

  /** The headers of the response to a refused request, once its delay is over. */
  async function refuse(problem: Problem, request: EngineRequest): Promise<Record<string, string>> {
    await delay(readDirectives(request.headers));
    return { 'Mock-Scenario': problem.example, 'Mock-Reason': explain(problem, request) };
  }

  const explain = (problem: Problem, request: EngineRequest) =>
    headerValue(explainProblem(problem, request, operations));

  /** Records a request, and then its response or the Problem that `handle` throws. `onBody` has to be called with its body. */
  async function record(
    request: EngineRequest,
    handle: (onBody: (bytes: Uint8Array) => void) => Promise<OperationResponse>,
  ): Promise<OperationResponse> {
    const { method, path, headers } = request;
    const recorded: RecordedRequest = {
      method,
      path,
      headers,
      body: undefined,
      scenario: undefined,
      reason: undefined,
    };
    requests.push(recorded);
    if (requests.length > MAX_REQUESTS) requests.shift();
    try {
      const response = await handle((bytes) => void (recorded.body = parseBody(bytes)));
      recorded.scenario = response.headers['Mock-Scenario'];
      recorded.reason = response.headers['Mock-Reason'];
      return response;
    } catch (error) {
      if (error instanceof Problem) {
        Object.assign(recorded, { scenario: error.example, reason: explain(error, request) });
      }
      throw error;
    }
  }

  return {
    respond,
    refuse,
    record,
    requests,
    /** A problem's response. Its reason is the general one, for problems of which `refuse` is not told. */
    problemResponse: (problem: ProblemName, operation?: Operation) => {
      const example = documented.problem(operation, problem);
      const response = operation ? responses[operation.id]![example.name]! : example;
      const mockHeaders = { 'Mock-Scenario': example.name, 'Mock-Reason': headerValue(example.summary) };
      return { ...example, ...response, headers: { ...response.headers, ...mockHeaders } };
    },
    /** Appends to the scenarios of the next requests. */
    next: (scenarios: NextScenarios) => queue.add(scenarios),
    /** Replaces them. */
    setNext: (scenarios: NextScenarios) => queue.set(scenarios),
    reset: () => {
      queue.clear();
      keys.clear();
      requests.length = 0;
    },
    /** Ends all delays. */
    close: () => {
      for (const end of delays) end();
    },
  };
}

const hasConflicts = ({ examples }: Operation): boolean =>
  ['idempotencyKeyReused', 'idempotencyKeyInUse'].every((conflict) => examples.some(({ name }) => name === conflict));

function parseBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
