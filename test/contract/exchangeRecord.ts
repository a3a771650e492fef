/** What a test on a deployment leaves for the report. Nothing secret: the API key and client secrets are masked. */
export interface ExchangeRecord {
  operationId: string;
  /** The name of the example that should answer. */
  example: string;
  title: string;
  /** Why it was not asked for. Undefined where it was. */
  unasked?: string;
  /** Undefined where there was no answer. */
  latencyMs?: number;
  /** The request, as a command that repeats it. */
  curl: string;
  /** Status and body. Undefined where there was no answer. */
  response?: string;
  /** What the contract wants instead. Undefined where it is kept. */
  fault?: string;
}

declare module 'vitest' {
  interface TaskMeta {
    exchange?: ExchangeRecord;
  }
  interface ProvidedContext {
    deployment: { baseUrl: string; apiKey: string; creates: boolean };
  }
}
