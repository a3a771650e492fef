import { createSend, sendBytes, type WireRequest, type WireResponse } from '../support/exchange.ts';
import type { Settings } from './settings.ts';

/** A deployment, as its settings reach it. */
export interface Deployment {
  send: SendWithin;
  /** Without the additional headers, which can be secrets. */
  sendBare: SendWithin;
  /** Through no proxy. */
  sendBytes: (bytes: string, timeoutMs: number) => Promise<Received>;
}

type SendWithin = (request: WireRequest, timeoutMs: number) => Promise<Received>;

export type Received = WireResponse | NoResponse;

interface NoResponse {
  status: undefined;
  /** Why, in plain words. */
  reason: string;
  isTimeout: boolean;
}

export function openDeployment({ baseUrl, headers, proxies }: Settings): Deployment {
  const sendTo = createSend(proxies);
  const sendBare: SendWithin = (request, timeoutMs) => within(timeoutMs, (signal) => sendTo(baseUrl, request, signal));
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const others = (request: WireRequest) => request.headers.filter(([name]) => !names.has(name.toLowerCase()));
  return {
    sendBare,
    send: (request, timeoutMs) => sendBare({ ...request, headers: [...headers, ...others(request)] }, timeoutMs),
    sendBytes: (bytes, timeoutMs) => within(timeoutMs, (signal) => sendBytes(baseUrl, bytes, signal)),
  };
}

async function within(timeoutMs: number, send: (signal: AbortSignal) => Promise<WireResponse>): Promise<Received> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await send(signal);
  } catch (error) {
    const { aborted: isTimeout } = signal;
    const reason = isTimeout ? `no response within ${timeoutMs / 1000} seconds` : describeError(error as Error);
    return { status: undefined, reason, isTimeout };
  }
}

const UNKNOWN_AUTHORITY =
  'its certificate comes from an authority that is unknown here: NODE_EXTRA_CA_CERTS=<file> makes it known';
const NO_TLS = 'it does not speak TLS there: is its address http://…?';

/** By Node's codes: https://nodejs.org/api/errors.html, https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const WORDS: readonly (readonly [code: RegExp, words: string])[] = [
  [/^ECONNREFUSED$/, 'nothing listens there'],
  [/^ENOTFOUND$/, 'there is no host of this name'],
  [/^EAI_AGAIN$/, 'the name of the host cannot be resolved at the moment'],
  [/^(ECONNRESET|EPIPE)$/, 'the connection was closed before a response'],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, 'the host cannot be reached'],
  [/^HPE_/, 'what comes back is not HTTP/1.1'],
  [/^ERR_PROXY_/, 'the proxy did not open a connection'],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for another name'],
  [/^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN)$/, UNKNOWN_AUTHORITY],
  [/^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?)$/, UNKNOWN_AUTHORITY],
  [/^(EPROTO|ERR_SSL_)/, NO_TLS],
];

function describeError(error: NodeJS.ErrnoException & { errors?: readonly Error[] }): string {
  const { code = '', message } = error;
  // Where a name has several addresses, the error of all of them has no message.
  const detail = message || error.errors?.[0]?.message || code;
  const [, words] = WORDS.find(([pattern]) => pattern.test(code)) ?? [];
  return words === undefined ? detail : `${words} (${detail})`;
}
