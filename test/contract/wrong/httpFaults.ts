import { gzipSync } from 'node:zlib';
import {
  addResponseHeaders,
  bodyMatches,
  changeRequest,
  changeResponse,
  changeResponseHeader,
  changeStatus,
  delayed,
  example,
  find,
  findSecret,
  front,
  html,
  isCreation,
  isOperation,
  onlyIf,
  parse,
  refuse,
  set,
  without,
  withOwnRequestId,
  type Fault,
  type Faults,
  type ProxyRequest,
  type ProxyResponse,
} from './fault.ts';
import { CONNECTION_RESET } from './proxy.ts';

const ALLOW = 'Allow';
const isPost = ({ method }: ProxyRequest) => method === 'POST';
const withMethod = (method: string) => (request: ProxyRequest) => request.method === method;

/** Serves a method in another way than 405. */
const serve = (method: string, respond: (request: ProxyRequest) => ProxyResponse): Fault =>
  front(onlyIf(withMethod(method), async (request) => respond(request)));

const empty = (status: number, headers: ProxyResponse['headers'] = []): ProxyResponse => ({
  status,
  headers,
  body: Buffer.alloc(0),
});

/** Finds the operation under another path, too. */
const alias = (resolve: (path: string) => string): Fault =>
  front(changeRequest((request) => ({ ...request, path: resolve(request.path) })));

export const methodFaults: Faults = {
  'Allow is missing': front(changeResponseHeader(ALLOW, () => undefined)),
  'Allow lists methods that are refused': front(changeResponseHeader(ALLOW, (value) => value && 'GET, POST, OPTIONS')),
  'Allow is in lower case': front(changeResponseHeader(ALLOW, (value) => value?.toLowerCase())),
  'Allow is *': front(changeResponseHeader(ALLOW, (value) => value && '*')),
  'another method is answered 404': front(changeStatus(405, 404)),
  'GET shows a page': serve('GET', () => html(200, 'Payments API')),
  'GET with a query creates': front(
    onlyIf(
      (request) => request.method === 'GET' && request.path.includes('amount='),
      changeRequest((request) => ({
        ...request,
        method: 'POST',
        headers: set(request.headers, 'Content-Type', 'application/json'),
        body: Buffer.from(`{"amount":${new URL(request.path, 'http://a').searchParams.get('amount')}}`),
      })),
    ),
  ),
  'HEAD is answered 200': serve('HEAD', () => empty(200)),
  'HEAD gets no response': front(onlyIf(withMethod('HEAD'), () => Promise.reject(CONNECTION_RESET))),
  'OPTIONS is answered by the gateway': serve('OPTIONS', () => empty(204, [['Allow', 'OPTIONS, POST']])),
  'TRACE echoes the request, with its key': serve('TRACE', ({ headers }) => ({
    status: 200,
    headers: [['Content-Type', 'message/http']],
    body: Buffer.from(headers.map(([name, value]) => `${name}: ${value}`).join('\r\n')),
  })),
  'PUT creates, too': front(
    onlyIf(
      withMethod('PUT'),
      changeRequest((request) => ({ ...request, method: 'POST' })),
    ),
  ),
  'DELETE is answered 204': serve('DELETE', () => empty(204)),
  'X-HTTP-Method-Override changes the method': front(
    changeRequest((request) => ({
      ...request,
      method: find(request.headers, 'X-HTTP-Method-Override') ?? request.method,
    })),
  ),
  'unknown methods are answered 400': front(onlyIf(withMethod('PROPFIND'), async () => example('invalidBody'))),
};

export const pathFaults: Faults = {
  'a slash at the end is ignored': alias((path) => path.replace(/\/$/, '') || '/'),
  'a slash at the end is redirected': front(
    onlyIf(
      ({ path }) => /.\/$/.test(path),
      async ({ path }) => empty(301, [['Location', path.replace(/\/$/, '')]]),
    ),
  ),
  'the case of the path does not matter': alias((path) => (/^\/api\//i.test(path) ? path.toLowerCase() : path)),
  'matrix parameters are ignored': alias((path) => path.replace(/;[^/?]*/, '')),
  'a format at the end of the path is ignored': alias((path) => path.replace(/\.json$/, '')),
  'a space at the end of the path is ignored': alias((path) => path.replace(/%20$/, '')),
  'paths below the operation are served by it': alias((path) => path.replace(/^(\/api\/v1\/payments\/\w+)\/.+$/, '$1')),
  'paths that begin like the operation are served by it': alias((path) =>
    path.replace(/^(\/api\/v1\/payments\/(intent|setup))\w+$/, '$1'),
  ),
  'the operation is served without its prefix, too': alias((path) =>
    path.replace(/^\/payments\//, '/api/v1/payments/'),
  ),
  'other paths are answered by a page': front(
    changeResponse((response) => (response.status === 404 ? html(404, 'Not Found') : response)),
  ),
  'other paths are answered 401': front(
    changeResponse((response) => (response.status === 404 ? example('invalidApiKey') : response)),
  ),
  'a query is not accepted': refuse(({ path }) => path.includes('?'), 404, 'Not Found'),
  'a query with tracking parameters is redirected': front(
    onlyIf(
      ({ path }) => path.includes('utm'),
      async ({ path }) => empty(302, [['Location', path.split('?', 1)[0]!]]),
    ),
  ),
};

export const requestIdFaults: Faults = {
  'X-Request-Id is missing': front(changeResponseHeader('X-Request-Id', () => undefined)),
  'X-Request-Id is constant': front(changeResponseHeader('X-Request-Id', () => '6f1c2f0a-9a52-4d0c-8a6e-0f3f2b1c9d11')),
  'X-Request-Id is -': front(changeResponseHeader('X-Request-Id', () => '-')),
  'X-Request-Id is that of the connection': {
    front: () => {
      let count = 0;
      return async (request, forward) => {
        const response = await forward(request);
        count += 1;
        return { ...response, headers: set(response.headers, 'X-Request-Id', `connection-${Math.floor(count / 4)}`) };
      };
    },
  },
  'X-Request-Id is there twice': front(
    changeResponse((response) => ({
      ...response,
      headers: [...response.headers, ['X-Request-Id', crypto.randomUUID()]],
    })),
  ),
  'X-Request-Id is only there on errors': front(
    changeResponse((response) =>
      response.status === 200 ? { ...response, headers: without(response.headers, 'X-Request-Id') } : response,
    ),
  ),
};

const inSuccess = (...more: ProxyResponse['headers']): Fault =>
  front(
    changeResponse((response) =>
      response.status === 200 ? { ...response, headers: [...response.headers, ...more] } : response,
    ),
  );

export const headerFaults: Faults = {
  'Content-Type is text/html': front(changeResponseHeader('Content-Type', () => 'text/html; charset=utf-8')),
  'Content-Type has another charset': front(
    changeResponseHeader('Content-Type', () => 'application/json; charset=iso-8859-1'),
  ),
  'Content-Type is application/problem+json on errors': front(
    changeResponse((response) =>
      response.status === 200
        ? response
        : { ...response, headers: set(response.headers, 'Content-Type', 'application/problem+json; charset=utf-8') },
    ),
  ),
  'Content-Type is there twice': front(addResponseHeaders(['Content-Type', 'text/html'])),
  'Cache-Control is missing': front(changeResponseHeader('Cache-Control', () => undefined)),
  'Cache-Control allows an hour': front(changeResponseHeader('Cache-Control', () => 'public, max-age=3600')),
  'a second Cache-Control allows caching': front(addResponseHeaders(['Cache-Control', 'max-age=60'])),
  'responses carry Age': front(addResponseHeaders(['Age', '117'])),
  'responses set a cookie': front(addResponseHeaders(['Set-Cookie', 'session=8d1f; Path=/; HttpOnly'])),
  'X-Powered-By names the framework': front(addResponseHeaders(['X-Powered-By', 'Express'])),
  "Stripe's request id is passed on": inSuccess(['Request-Id', 'req_8Yl1VPjxQ2k3zA']),
  "Stripe's version is passed on": inSuccess(['Stripe-Version', '2026-10-28.endive']),
  "Stripe's idempotency headers are passed on": inSuccess(
    ['Idempotency-Key', 'a4f1'],
    ['Original-Request', 'req_8Yl1VPjxQ2k3zA'],
  ),
  'the secret is in a header, too': front(
    changeResponse((response) => {
      const secret = findSecret(response);
      return secret === undefined
        ? response
        : { ...response, headers: [...response.headers, ['Location', `/pay?payment_intent_client_secret=${secret}`]] };
    }),
  ),
  'the API key is echoed in a header': front(
    changeResponse((response, { headers }) => ({
      ...response,
      headers: [...response.headers, ['X-Consumer-Key', find(headers, 'cv-api-key') ?? 'none']],
    })),
  ),
  'any origin is allowed, with credentials': front(
    addResponseHeaders(['Access-Control-Allow-Origin', '*'], ['Access-Control-Allow-Credentials', 'true']),
  ),
  'the origin is reflected, with credentials': front(
    changeResponse((response, { headers }) => {
      const origin = find(headers, 'Origin');
      return origin === undefined
        ? response
        : {
            ...response,
            headers: [
              ...response.headers,
              ['Access-Control-Allow-Origin', origin],
              ['Access-Control-Allow-Credentials', 'true'],
            ],
          };
    }),
  ),
  'a stack trace is in a header': front(
    changeResponse((response) =>
      response.status === 200
        ? response
        : { ...response, headers: [...response.headers, ['X-Debug-Exception-File', '/srv/app/src/http/app.js:71']] },
    ),
  ),
};

export const bodyFaults: Faults = {
  'a field is added': front(
    changeResponse((response) => {
      const json = parse(response.body);
      return json === undefined
        ? response
        : { ...response, body: Buffer.from(JSON.stringify({ ...json, timestamp: Date.now() })) };
    }),
  ),
  'successes are wrapped': front(
    changeResponse((response) =>
      response.status === 200 ? { ...response, body: Buffer.from(`{"result":${response.body.toString()}}`) } : response,
    ),
  ),
  'successes are answered 201': front(changeStatus(200, 201)),
  'successes are answered 202 before the intent exists': front(
    onlyIf(isCreation, async (request, forward) => ({ ...(await forward(request)), status: 202 })),
  ),
  'invalid requests are answered 422': front(changeStatus(400, 422)),
  'errors are answered 200': front(changeResponse((response) => ({ ...response, status: 200 }))),
  'a body too large is answered 400': front(changeStatus(413, 400)),
  'another media type is answered 400': front(changeStatus(415, 400)),
  'a byte order mark begins the body': front(
    changeResponse((response) => ({ ...response, body: Buffer.concat([Buffer.from('\ufeff'), response.body]) })),
  ),
  'bodies are compressed though nobody asked': front(
    changeResponse((response) => ({
      ...response,
      headers: [...response.headers, ['Content-Encoding', 'gzip']],
      body: gzipSync(response.body),
    })),
  ),
  'compressed bodies do not say so': front(
    changeResponse((response, { headers }) =>
      /gzip/.test(find(headers, 'Accept-Encoding') ?? '') ? { ...response, body: gzipSync(response.body) } : response,
    ),
  ),
  'Content-Encoding says gzip over plain bodies': front(
    changeResponse((response, { headers }) =>
      /gzip/.test(find(headers, 'Accept-Encoding') ?? '')
        ? { ...response, headers: [...response.headers, ['Content-Encoding', 'gzip']] }
        : response,
    ),
  ),
  'bodies are empty on errors': front(
    changeResponse((response) => (response.status === 200 ? response : { ...response, body: Buffer.alloc(0) })),
  ),
};

/** Refuses what a careless rule takes for an attack, once the key is there. */
const firewall = (pattern: RegExp): Fault =>
  refuse((request) => isOperation(request) && bodyMatches(pattern)(request), 403, 'Forbidden');

export const gatewayFaults: Faults = {
  'the firewall refuses SQL in metadata': firewall(/' OR |UNION SELECT|DROP TABLE/i),
  'the firewall refuses markup in metadata': firewall(/<script|onerror=/i),
  'the firewall refuses JNDI look-ups in metadata': firewall(/\$\{jndi:/),
  'the firewall refuses emoji': firewall(/\p{Extended_Pictographic}/u),
  'the firewall refuses what is not ASCII': firewall(/[^\0-\x7f]/),
  'the firewall refuses escapes such as \\u0000': firewall(/\\u0000/),
  'the firewall refuses zero-width and right-to-left characters': firewall(/[\u200b-\u200f\u202a-\u202e]/),
  'the gateway refuses bodies over 8 KiB': refuse(
    ({ body }) => body.length > 8 * 1024,
    413,
    'Request Entity Too Large',
  ),
  'the gateway refuses bodies over 100 KiB': refuse(
    ({ body }) => body.length > 100 * 1024,
    413,
    'Request Entity Too Large',
  ),
  'the gateway cuts bodies after 64 KiB': front(
    changeRequest((request) => ({ ...request, body: request.body.subarray(0, 64 * 1024) })),
  ),
  'the gateway refuses bodies without a length': refuse(
    ({ headers, body }) => body.length > 0 && find(headers, 'Content-Length') === undefined,
    411,
    'Length Required',
  ),
  'the gateway loses bodies without a length': front(
    changeRequest((request) =>
      find(request.headers, 'Content-Length') === undefined ? { ...request, body: Buffer.alloc(0) } : request,
    ),
  ),
  'the gateway refuses Expect: 100-continue': refuse(
    ({ headers }) => find(headers, 'Expect') === '100-continue',
    417,
    'Expectation Failed',
  ),
  'the gateway refuses requests of scripts': refuse(
    ({ headers }) => /curl|python|node|undici|go-http/i.test(find(headers, 'User-Agent') ?? ''),
    403,
    'Forbidden',
  ),
  'the gateway refuses requests without Accept': refuse(
    (request) => isPost(request) && !find(request.headers, 'Accept'),
    406,
    'Not Acceptable',
  ),
  'the gateway negotiates by Accept': refuse(
    ({ headers }) => /^text\/html$/.test(find(headers, 'Accept') ?? ''),
    406,
    'Not Acceptable',
  ),
  'the gateway refuses header values over 128 characters': refuse(
    ({ headers }) => headers.some(([, value]) => value.length > 128),
    400,
    'Bad Request',
  ),
  'the gateway refuses headers over 4 KiB': refuse(
    ({ headers }) => headers.flat().join(': ').length > 4096,
    431,
    'Request Header Fields Too Large',
  ),
  'the gateway refuses another Origin': refuse(
    ({ headers }) => find(headers, 'Origin') !== undefined,
    403,
    'Forbidden',
  ),
  'the gateway wants a cookie': refuse(
    (request) =>
      isPost(request) && /Mozilla/.test(find(request.headers, 'User-Agent') ?? '') && !find(request.headers, 'Cookie'),
    403,
    'Just a moment...',
  ),
  'the gateway challenges the fortieth request': {
    front: () => {
      let count = 0;
      return async (request, forward) => ((count += 1) % 40 === 0 ? html(403, 'Just a moment...') : forward(request));
    },
  },
  'the gateway answers errors with pages': front(
    changeResponse((response) =>
      response.status >= 400 && response.status !== 401 ? html(response.status, 'Error') : response,
    ),
  ),
  'the gateway keeps error responses': {
    front: () => {
      const kept = new Map<string, ProxyResponse>();
      return async (request, forward) => {
        const known = kept.get(request.path);
        if (known !== undefined) return withOwnRequestId(known);
        const response = await forward(request);
        if (response.status === 404 || response.status === 405) kept.set(request.path, response);
        return response;
      };
    },
  },
  'the gateway keeps responses by path and body': {
    front: () => {
      const kept = new Map<string, ProxyResponse>();
      return async (request, forward) => {
        const name = `${request.method} ${request.path} ${request.body.toString('latin1')}`;
        const known = kept.get(name);
        if (known !== undefined) return withOwnRequestId(known);
        const response = await forward(request);
        kept.set(name, response);
        return response;
      };
    },
  },
  'the gateway drops unknown request headers': front(
    changeRequest((request) => ({
      ...request,
      headers: request.headers.filter(([name]) => /^(host|content-|cv-api-key|accept|user-agent|transfer)/i.test(name)),
    })),
  ),
  'the gateway adds a charset to requests': front(
    changeRequest((request) => {
      const type = find(request.headers, 'Content-Type');
      return type === undefined || request.body.length === 0
        ? request
        : { ...request, headers: set(request.headers, 'Content-Type', `${type || 'application/json'}; charset=utf-8`) };
    }),
  ),
  'the gateway joins repeated headers': front(
    changeRequest((request) => {
      const keys = request.headers.filter(([name]) => /^idempotency-key$/i.test(name)).map(([, value]) => value);
      return keys.length < 2
        ? request
        : { ...request, headers: set(request.headers, 'Idempotency-Key', keys.join(',')) };
    }),
  ),
  'the first success takes 13 seconds': {
    front: () => {
      let isFirst = true;
      return async (request, forward) => {
        const response = await forward(request);
        if (response.status !== 200 || !isFirst) return response;
        isFirst = false;
        return delayed(13_000)(request, async () => response);
      };
    },
  },
  'a response comes after 13 seconds': {
    front: () => {
      let count = 0;
      return async (request, forward) => ((count += 1) === 20 ? delayed(13_000)(request, forward) : forward(request));
    },
  },
  'large bodies never get a response': front(
    onlyIf(
      ({ body }) => body.length > 64 * 1024,
      () =>
        new Promise(() => {
          // The request is lost.
        }),
    ),
  ),
  'responses go to the next request': {
    front: () => {
      let late: ProxyResponse | undefined;
      return async (request, forward) => {
        const response = await forward(request);
        const earlier = late ?? response;
        late = response;
        return earlier;
      };
    },
  },
  'responses go to the next request on successes': {
    front: () => {
      let late: ProxyResponse | undefined;
      return onlyIf(isCreation, async (request, forward) => {
        const response = await forward(request);
        const earlier = late ?? response;
        late = response;
        return withOwnRequestId(earlier);
      });
    },
  },
};
