import { createHash } from 'node:crypto';
import {
  API_KEY,
  changeResponse,
  changeStatus,
  example,
  find,
  front,
  html,
  isOperation,
  onlyIf,
  parse,
  set,
  type Fault,
  type Faults,
  type ProxyRequest,
} from './fault.ts';

const HEADER = 'cv-api-key';

/** Accepts the key of a request whose key, in the header or elsewhere, is found good enough. */
const accept = (isGood: (key: string | undefined, request: ProxyRequest) => boolean): Fault =>
  front((request, forward) => {
    const keys = request.headers.filter(([name]) => name.toLowerCase() === HEADER).map(([, value]) => value);
    const isAccepted = keys.length < 2 && isGood(keys[0], request);
    return forward(isAccepted ? { ...request, headers: set(request.headers, HEADER, API_KEY) } : request);
  });

/** Accepts the right key in another place, where the header is missing. */
const acceptElsewhere = (read: (request: ProxyRequest) => string | undefined): Fault =>
  accept((key, request) => key === undefined && read(request) === API_KEY);

const digest = createHash('sha256').update(API_KEY).digest('hex');

export const apiKeyFaults: Faults = {
  'no key is needed': accept((key) => key === undefined),
  'any key is accepted': accept((key) => Boolean(key)),
  'an empty key is accepted': accept((key) => key === ''),
  'the key undefined is accepted': accept((key) => key === 'undefined'),
  'the case of the key does not matter': accept((key) => key?.toLowerCase() === API_KEY.toLowerCase()),
  'a key that begins with the right one is accepted': accept((key) => Boolean(key?.startsWith(API_KEY))),
  'a key that ends with the right one is accepted': accept((key) => Boolean(key?.endsWith(API_KEY))),
  'a beginning of the right key is accepted': accept((key) =>
    Boolean(key && key.length > 4 && API_KEY.startsWith(key)),
  ),
  'only the length of a key is compared': accept((key) => key?.length === API_KEY.length),
  'the last character of a key is not compared': accept((key) => key?.slice(0, -1) === API_KEY.slice(0, -1)),
  'a quoted key is accepted': accept((key) => key === `"${API_KEY}"`),
  'a key in a list is accepted': accept((key) => Boolean(key?.split(',').some((one) => one.trim() === API_KEY))),
  'Bearer before the key is accepted': accept((key) => key === `Bearer ${API_KEY}`),
  'the stored digest of a key is accepted': accept((key) => key === digest),
  'SQL in the key is accepted': accept((key) => Boolean(key && /' or '1'='1/i.test(key))),
  'the first of two keys is taken': front((request, forward) => {
    const keys = request.headers.filter(([name]) => name.toLowerCase() === HEADER);
    return forward(keys.length < 2 ? request : { ...request, headers: set(request.headers, HEADER, keys[0]![1]) });
  }),
  'the key is taken from Authorization': acceptElsewhere(
    ({ headers }) => /^Bearer (.*)$/i.exec(find(headers, 'Authorization') ?? '')?.[1],
  ),
  'the key is taken from Basic credentials': acceptElsewhere(({ headers }) => {
    const encoded = /^Basic (.*)$/i.exec(find(headers, 'Authorization') ?? '')?.[1] ?? '';
    return Buffer.from(encoded, 'base64').toString().replace(/:$/, '');
  }),
  'the key is taken from X-Api-Key': acceptElsewhere(({ headers }) => find(headers, 'X-Api-Key')),
  'the key is taken from cv_api_key': acceptElsewhere(({ headers }) => find(headers, 'cv_api_key')),
  'the key is taken from the query': acceptElsewhere(
    ({ path }) => [...new URL(path, 'http://a').searchParams].find(([, value]) => value === API_KEY)?.[1],
  ),
  'the key is taken from a cookie': acceptElsewhere(
    ({ headers }) => /cv-api-key=([^;]*)/.exec(find(headers, 'Cookie') ?? '')?.[1],
  ),
  'loopback in X-Forwarded-For needs no key': accept(
    (key, { headers }) => key === undefined && /127\.0\.0\.1/.test(find(headers, 'X-Forwarded-For') ?? ''),
  ),
  'the body is looked at before the key': front(
    onlyIf(isOperation, async (request, forward) => {
      const response = await forward(request);
      return response.status === 401 && parse(request.body) === undefined ? example('invalidBody') : response;
    }),
  ),
  'the media type is looked at before the key': front(
    onlyIf(isOperation, async (request, forward) => {
      const response = await forward(request);
      return response.status === 401 && !/json/.test(find(request.headers, 'Content-Type') ?? '')
        ? example('unsupportedMediaType')
        : response;
    }),
  ),
  'an unknown key is answered 403': front(changeStatus(401, 403)),
  'an unknown key is answered 404': front(async (request, forward) => {
    const response = await forward(request);
    return response.status === 401 ? example('notFound') : response;
  }),
  'an unknown key is answered by a page': front(async (request, forward) => {
    const response = await forward(request);
    return response.status === 401 ? html(401, 'Authorization Required') : response;
  }),
  'a missing key and an unknown key are told apart': front(
    changeResponse((response, { headers }) =>
      response.status === 401 && find(headers, HEADER) === undefined
        ? { ...response, body: Buffer.from('{"status":401,"error":"Missing API key"}') }
        : response,
    ),
  ),
  'five failures lock the key': {
    front: () => {
      let failures = 0;
      return async (request, forward) => {
        const response = failures >= 5 && isOperation(request) ? example('invalidApiKey') : await forward(request);
        if (response.status === 401) failures += 1;
        return response;
      };
    },
  },
};
