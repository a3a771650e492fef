import { text } from 'node:stream/consumers';

/** A call, as clients.conformance.ts describes it. */
export interface Call {
  operationId: 'createPaymentIntent' | 'createSetupIntent';
  url: string;
  apiKey: string;
  idempotencyKey?: string;
  amount?: number;
  paymentMethodTypes?: 'card'[];
  metadata?: Record<string, string>;
}

export interface Outcome {
  status: number;
  errorCode: string | null;
  text: string;
}

/** Sends the calls of standard input, and prints what the types of the client read. */
export async function sendAll(outcomeOf: (call: Call) => Promise<Outcome>): Promise<void> {
  const outcomes: Outcome[] = [];
  for (const call of JSON.parse(await text(process.stdin)) as Call[]) outcomes.push(await outcomeOf(call));
  console.log(JSON.stringify(outcomes));
}
