/** What a test of the contract leaves for the report. Nothing secret: the API key and client secrets are masked. */
export interface ExchangeRecord {
  operationId: string;
  /** The name of the example that should answer. */
  example: string;
  title: string;
  latencyMs: number;
  /** The request, as a command that repeats it. */
  curl: string;
  /** Undefined where there was no answer. */
  answer: { status: number; body: string } | undefined;
}

declare module 'vitest' {
  interface TaskMeta {
    exchange?: ExchangeRecord;
  }
}
