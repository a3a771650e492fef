import type { ContractResponse } from '../contract/responses.ts';
import type { Operation } from '../contract/document.ts';

/** The response of each scenario, by operation and name, as JSON: asked of Prism (prism.ts), or read from a file made of that. */
export type ScenarioResponses = Readonly<Record<string, Readonly<Record<string, ContractResponse>>>>;

/** What a mock serves. */
export interface MockedContract {
  /** OpenAPI. */
  document: object;
  /** The document as it is written, for the API reference. Default: this repository's openapi.yaml. */
  yaml?: string;
  /** The responses to all scenarios of these operations, which are the document's. */
  readResponses: (operations: readonly Operation[]) => Promise<ScenarioResponses>;
}
