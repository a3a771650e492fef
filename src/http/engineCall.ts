import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticate } from '../access/apiKeys.ts';
import { leaveUnread, readBody } from './body.ts';
import { findCaller } from '../access/callerAddress.ts';
import { keepOpen } from './connections.ts';
import type { Operation, RequestBody } from '../contract/document.ts';
import type { Call, OperationResponse } from '../contract/engine.ts';
import { Problem } from '../contract/problems.ts';
import type { EngineRequest } from '../contract/router.ts';
import type { RateLimits } from '../access/rateLimits.ts';
import { contentLength, hasMediaType, headerValues } from './headers.ts';
import { toProblem, CONNECTION_ENDED } from './reply.ts';

export interface AccessOptions {
  authenticate: Authenticate;
  limits?: RateLimits | undefined;
}

/** The engine's form of a request. */
export function engineRequest({ method, url, headers }: FastifyRequest): EngineRequest {
  // A target may be absolute (RFC 9112, section 3.2.2). Some clients send a fragment, which is not part of it.
  const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/]*/, '');
  const end = target.search(/[?#]/);
  const path = end === -1 ? target : target.slice(0, end);
  return { method, path, queryString: end === -1 ? '' : target.slice(end + 1), headers };
}

/** Authenticates, rate limits and reads one request for the engine. */
export class EngineCall implements Call {
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  readonly #options: AccessOptions;

  constructor(request: FastifyRequest, reply: FastifyReply, options: AccessOptions) {
    this.#request = request;
    this.#reply = reply;
    this.#options = options;
  }

  onOperation(operation: Operation): void {
    this.#request.requestLog.operation = operation;
  }

  async authenticate(header: string): Promise<string> {
    const { raw, requestLog, headers } = this.#request;
    const { authenticate, limits } = this.#options;
    const [apiKey, ...repeats] = headerValues(raw, header);
    const tenant = apiKey && repeats.length === 0 ? authenticate(apiKey) : undefined;
    if (tenant === undefined) {
      // Before countFailure: the body may arrive in the meantime.
      leaveUnread(raw);
      await limits?.countFailure(findCaller(this.#request.ips ?? [this.#request.ip]));
      throw new Problem('invalidApiKey');
    }
    requestLog.authenticated(tenant, headers['traceparent']);
    keepOpen(this.#reply.raw);
    await limits?.countRequest(tenant);
    return tenant;
  }

  async readBody({ content, 'x-body-limit-bytes': maxBytes = 0 }: RequestBody): Promise<Uint8Array> {
    const { raw, requestLog } = this.#request;
    const length = contentLength(raw);
    const checkMediaType = () => {
      if (!hasMediaType(raw, Object.keys(content))) throw new Problem('unsupportedMediaType');
    };
    if (length > 0) checkMediaType();
    // HTTP/1.0 has no 100 Continue (RFC 9110, section 10.1.1).
    if (raw.headers.expect && raw.httpVersion === '1.1' && length <= maxBytes) this.#reply.raw.writeContinue();
    const body = await readBody(raw, { maxBytes }).catch((error: unknown) => {
      if (error instanceof Problem) checkMediaType();
      throw error;
    });
    if (requestLog.refusal || !raw.socket.writable) throw CONNECTION_ENDED;
    // A chunked body may turn out to be empty, so it is checked after reading.
    if (length === 0 && body.length > 0) checkMediaType();
    return body;
  }

  /**
   * A disconnected client looks like one that half-closes and still reads. Those are rare, and get a 503: HAProxy's
   * `option abortonclose` makes the same choice for queued requests.
   */
  isAbandoned(): boolean {
    const { socket } = this.#request.raw;
    return socket.readableEnded || socket.destroyed;
  }

  runOperation(run: () => Promise<OperationResponse>): Promise<OperationResponse> {
    return this.#request.requestLog.runOperation(run, toProblem);
  }
}
