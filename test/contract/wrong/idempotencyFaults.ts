import {
  API_KEY,
  changeRequest,
  changeRequestHeader,
  changeResponseHeader,
  changeStatus,
  find,
  findSecret,
  front,
  isCreation,
  onlyIf,
  set,
  withOwnRequestId,
  withSecret,
  example,
  type Fault,
  type Faults,
  type Middleware,
  type ProxyRequest,
  type ProxyResponse,
} from './fault.ts';

const HEADER = 'Idempotency-Key';

/** The key as the contract reads it; undefined where there is none, or an invalid one. */
function readKey({ headers }: ProxyRequest): string | undefined {
  const sent = headers.filter(([name]) => name.toLowerCase() === 'idempotency-key');
  if (sent.length !== 1) return undefined;
  const [, value] = sent[0]!;
  if (/^[!#-~][!-~]{0,254}$/.test(value)) return value;
  return /^"(?:[!#-[\]-~]|\\["\\]){1,255}"$/.test(value) ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : undefined;
}

const withKey = (request: ProxyRequest, key: string | undefined): ProxyRequest => ({
  ...request,
  headers: set(request.headers, HEADER, key),
});

/** Changes valid keys, bare from then on. */
const changeKey = (change: (key: string) => string | undefined): Fault =>
  front(
    changeRequest((request) => {
      const key = readKey(request);
      return key === undefined ? request : withKey(request, change(key));
    }),
  );

interface Use {
  body: string;
  response: ProxyResponse;
}

/** Handles the requests whose key was used before, by their first use. */
const onReuse = (handle: (first: Use, ...rest: Parameters<Middleware>) => Promise<ProxyResponse>): Fault => ({
  front: () => {
    const uses = new Map<string, Use>();
    return onlyIf(isCreation, async (request, forward) => {
      const key = readKey(request);
      const name = `${find(request.headers, 'cv-api-key')}\0${key}`;
      const earlier = uses.get(name);
      if (key !== undefined && earlier !== undefined) return handle(earlier, request, forward);
      const response = await forward(request);
      if (key !== undefined && response.status === 200) uses.set(name, { body: request.body.toString(), response });
      return response;
    });
  },
});

const replayed = (response: ProxyResponse): ProxyResponse => ({
  ...response,
  headers: set(response.headers, 'Idempotent-Replayed', 'true'),
});

const conflict = async (): Promise<ProxyResponse> => example('idempotencyKeyReused');

/** Compares requests by something that the contract does not compare. */
const conflictUnlessEqual = (describe: (request: ProxyRequest) => string): Fault => ({
  front: () => {
    const uses = new Map<string, string>();
    return onlyIf(isCreation, async (request, forward) => {
      const key = readKey(request);
      if (key === undefined) return forward(request);
      const name = `${find(request.headers, 'cv-api-key')}\0${key}`;
      const known = uses.get(name);
      uses.set(name, known ?? describe(request));
      return known === undefined || known === describe(request) ? forward(request) : conflict();
    });
  },
});

export const idempotencyFaults: Faults = {
  'idempotency keys never reach the server': front(changeRequestHeader(HEADER, () => undefined)),
  'valid idempotency keys are ignored': changeKey(() => undefined),
  'idempotency keys are lower-cased': changeKey((key) => key.toLowerCase()),
  'idempotency keys are cut after 64 characters': changeKey((key) => key.slice(0, 64)),
  'idempotency keys are cut after 254 characters': changeKey((key) => key.slice(0, 254)),
  'punctuation in idempotency keys is dropped': changeKey((key) => key.replaceAll(/[^A-Za-z0-9]/g, '') || '0'),
  'idempotency keys are percent-decoded': changeKey((key) =>
    key.replaceAll(/%([2-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  ),
  'all idempotency keys are one': changeKey(() => 'constant'),
  'a quoted key and the same bare key are two': front(
    changeRequestHeader(HEADER, (value) =>
      value !== undefined && /^"(?:[!#-[\]-~]|\\["\\]){1,240}"$/.test(value) ? `quoted-${value.slice(1, -1)}` : value,
    ),
  ),
  'escapes in a quoted key are kept': front(
    changeRequestHeader(HEADER, (value) =>
      value !== undefined && /^"(?:[!#-[\]-~]|\\["\\]){1,240}"$/.test(value) && value.includes('\\')
        ? `raw-${value.slice(1, -1)}`
        : value,
    ),
  ),
  'tenants share idempotency keys': front(
    changeRequest((request) =>
      readKey(request) !== undefined && isTenant(request)
        ? { ...request, headers: set(request.headers, 'cv-api-key', API_KEY) }
        : request,
    ),
  ),
  'tenants share all requests': front(
    changeRequest((request) =>
      isTenant(request) ? { ...request, headers: set(request.headers, 'cv-api-key', API_KEY) } : request,
    ),
  ),
  'a replay has another secret': onReuse(async ({ body }, request, forward) =>
    body === request.body.toString() ? replayed(await forward(withKey(request, undefined))) : forward(request),
  ),
  'a replay has the secret of the newest payment': {
    front: () => {
      let newest = '';
      return async (request, forward) => {
        const response = await forward(request);
        const secret = findSecret(response);
        if (secret === undefined) return response;
        if (find(response.headers, 'Idempotent-Replayed') !== undefined) return withSecret(response, newest);
        newest = secret;
        return response;
      };
    },
  },
  'a key is only remembered until the next one': {
    front: () => {
      let latest: string | undefined;
      let count = 0;
      const current = new Map<string, string>();
      return changeRequest((request) => {
        const key = readKey(request);
        if (key === undefined || !isCreation(request)) return request;
        if (key !== latest) {
          latest = key;
          current.set(key, `${(count += 1)}-${key}`.slice(0, 255));
        }
        return withKey(request, current.get(key));
      });
    },
  },
  'a replay is not marked': front(changeResponseHeader('Idempotent-Replayed', () => undefined)),
  'every success is marked as replayed': front(async (request, forward) => {
    const response = await forward(request);
    return response.status === 200 ? replayed(response) : response;
  }),
  'a replay is refused as a conflict': onReuse(conflict),
  'a replay is answered 201': front(async (request, forward) => {
    const response = await forward(request);
    return find(response.headers, 'Idempotent-Replayed') === undefined ? response : { ...response, status: 201 };
  }),
  'a conflict is answered 200 with the first secret': onReuse(async ({ response }) =>
    withOwnRequestId(replayed(response)),
  ),
  'a conflict creates a second intent': onReuse(async ({ body }, request, forward) =>
    forward(body === request.body.toString() ? request : withKey(request, undefined)),
  ),
  'a conflict is answered 422': front(changeStatus(409, 422)),
  'a conflict says that the key is in use': onReuse(async ({ body }, request, forward) =>
    body === request.body.toString() ? forward(request) : example('idempotencyKeyInUse'),
  ),
  'a conflict is found in the amount only': onReuse(async (first, request, forward) =>
    amountOf(first.body) === amountOf(request.body.toString())
      ? withOwnRequestId(replayed(first.response))
      : forward(request),
  ),
  'white space in the body makes a conflict': conflictUnlessEqual(({ body }) => body.toString()),
  'the sequence of fields makes a conflict': conflictUnlessEqual(({ body }) =>
    JSON.stringify(JSON.parse(body.toString())),
  ),
  'an ignored field makes a conflict': conflictUnlessEqual(({ body }) => {
    const json = JSON.parse(body.toString()) as Record<string, unknown>;
    return JSON.stringify(Object.entries(json).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }),
  'another User-Agent makes a conflict': conflictUnlessEqual(({ headers }) => String(find(headers, 'User-Agent'))),
  'a refused request uses its key up': {
    front: () => {
      const refused = new Map<string, ProxyResponse>();
      return async (request, forward) => {
        const key = readKey(request);
        const known = key === undefined ? undefined : refused.get(key);
        if (known !== undefined) return withOwnRequestId(known);
        const response = await forward(request);
        if (key !== undefined && response.status === 400) refused.set(key, response);
        return response;
      };
    },
  },
  'two requests at once with one key create two intents': {
    front: () => {
      const running = new Set<string>();
      return onlyIf(isCreation, async (request, forward) => {
        const key = readKey(request);
        if (key === undefined) return forward(request);
        if (running.has(key)) return forward(withKey(request, undefined));
        running.add(key);
        const response = await forward(request);
        running.delete(key);
        return response;
      });
    },
  },
  'two requests at once with one key: the second gets 500': {
    front: () => {
      const running = new Set<string>();
      return onlyIf(isCreation, async (request, forward) => {
        const key = readKey(request);
        if (key === undefined) return forward(request);
        if (running.has(key)) return example('internalError');
        running.add(key);
        const response = await forward(request);
        running.delete(key);
        return response;
      });
    },
  },
  'requests without a key share one': front(
    onlyIf(isCreation, (request, forward) =>
      forward(find(request.headers, HEADER) === undefined ? withKey(request, 'undefined') : request),
    ),
  ),
  'equal requests without a key are one payment': front(
    onlyIf(isCreation, (request, forward) =>
      forward(find(request.headers, HEADER) === undefined ? withKey(request, hashed(request)) : request),
    ),
  ),
};

const isTenant = ({ headers }: ProxyRequest): boolean => /^cv_test_Key[12]$/.test(find(headers, 'cv-api-key') ?? '');

const amountOf = (body: string): unknown => (JSON.parse(body) as { amount: unknown }).amount;

const hashed = ({ path, body }: ProxyRequest): string =>
  Buffer.from(`${path}${body.toString()}`).toString('base64url').slice(-200);
