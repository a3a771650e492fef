/** The result of a case on a deployment, for the report. The API key and client secrets are masked. */
export interface ExchangeRecord {
  operationId: string;
  /** The name of the expected example. */
  example: string;
  title: string;
  /** Why no request was sent. Undefined where one was. */
  skipReason?: string;
  /** Undefined where no response came. */
  latencyMs?: number;
  /** The request, as a command that repeats it. */
  curl: string;
  /** Status and body. Undefined where no response came. */
  response?: string;
  /** What the contract expects instead. Undefined where it is kept. */
  violation?: string;
}

declare module 'vitest' {
  interface TaskMeta {
    exchange?: ExchangeRecord;
  }
  interface ProvidedContext {
    deployment: { baseUrl: string; apiKey: string; creates: boolean };
  }
}
