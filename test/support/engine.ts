import type { Call, Contract, Fallback, OperationResponse } from '../../src/contract/engine.ts';
import type { EngineRequest } from '../../src/contract/router.ts';

/** Responds to every valid request with the operation's first example. */
export const respondWithFirstExample: Fallback = async (_request, { examples: [first] }) => first!;

/** A call without HTTP: every API key is valid, and the body is already read. */
export function engineCall(body: string | Uint8Array = ''): Call {
  return {
    onOperation: () => {},
    authenticate: async () => 'acme',
    isAbandoned: () => false,
    readBody: async () => Buffer.from(body),
    runOperation: (run) => run(),
  };
}

/** Passes a request to the engine: by default a payment without a body. */
export const handle = (
  contract: Contract,
  { body, ...request }: Partial<EngineRequest> & { body?: string | Uint8Array } = {},
  call: Call = engineCall(body),
): Promise<OperationResponse> =>
  contract.handleRequest(
    { method: 'POST', path: '/api/v1/payments/intent', queryString: '', headers: {}, ...request },
    call,
  );
