import { parseJson, readProblem, type PaymentProblem } from './problems.ts';

export type Fetch = (request: Request) => Promise<Response>;

export interface Call<Data> {
  /** Each attempt sends a copy. */
  request: Request;
  fetch: Fetch;
  /** Reads the data of a success; undefined if the body is not the contract's. */
  readData: (body: unknown) => Data | undefined;
}

/** What one attempt led to. `response` is undefined if none was received. */
export type Outcome<Data> = ({ data: Data } | { problem: PaymentProblem }) & { response?: Response };

/** Sends the request once, and reads its response. Ends after `timeoutMs`, or when the request is aborted; never rejects. */
export async function sendOnce<Data>(call: Call<Data>, timeoutMs: number): Promise<Outcome<Data>> {
  const controller = new AbortController();
  const abort = () => controller.abort(call.request.signal.reason);
  const timer = setTimeout(() => controller.abort(new Error(`No response within ${timeoutMs} ms`)), timeoutMs);
  call.request.signal.addEventListener('abort', abort);
  try {
    // Without the race, a `fetch` that ignores the signal would have no timeout.
    return await Promise.race([receive(call, controller.signal), rejectOnAbort(controller.signal)]);
  } catch (error) {
    const message = redact(describeError(error), call.request);
    return { problem: { name: 'noResponse', status: undefined, body: undefined, message } };
  } finally {
    clearTimeout(timer);
    call.request.signal.removeEventListener('abort', abort);
  }
}

async function receive<Data>({ request, fetch, readData }: Call<Data>, signal: AbortSignal): Promise<Outcome<Data>> {
  // A redirect would send the API key and the payment to another origin.
  const response = await fetch(new Request(request.clone(), { signal, redirect: 'manual' }));
  // A browser hides a redirect that is not followed. A `fetch` that followed one has sent the key; it must not do so again.
  if (response.type === 'opaqueredirect' || response.redirected) {
    return { response, problem: { name: 'unknownResponse', status: 0, body: 'The service redirected the request' } };
  }
  const text = await response.text();
  if (response.ok) {
    const body = parseJson(text);
    // The error of JSON.parse would quote the text, and with it the client secret.
    if (body === undefined) throw new Error('The response is a success with an incomplete or invalid body');
    const data = readData(body);
    if (data !== undefined) return { response, data };
  }
  const problem = readProblem(response, text);
  if (problem.name !== 'unknownResponse') return { response, problem };
  // A proxy may echo the headers of the request.
  return { response, problem: { ...problem, body: redact(problem.body, request) } };
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
}

/** The messages of an error and its cause: Node's `fetch failed` has the reason there. */
function describeError(error: unknown): string {
  const { cause } = Object(error) as { cause?: unknown };
  return cause === undefined ? readMessage(error) : `${readMessage(error)}: ${readMessage(cause)}`;
}

/** Without `instanceof`: Jest runs in a realm with an Error of its own. An AggregateError has no message, but a code. */
function readMessage(error: unknown): string {
  const { message, code } = Object(error) as { message?: string; code?: string };
  return message || code || String(error);
}

function redact(text: string, request: Request): string {
  return text.replaceAll(request.headers.get('cv-api-key')!, '[API key]');
}
