import { http, type HttpHandler } from 'msw';
import document from '../../generated/openapi.json' with { type: 'json' };
import responses from '../../generated/responses.json' with { type: 'json' };
import { validators } from '../../generated/validators.ts';
import { createFetchEngine } from './fetchEngine.ts';
import { createControls, readOptions, type MockOptions } from './options.ts';
import type { MockControls } from './responder.ts';

export type { MockControls, RecordedRequest } from './responder.ts';
export type { ScenarioName } from './scenarioQueue.ts';

export interface MswMockOptions extends MockOptions {
  /**
   * The base URL of the service, absolute, or in a browser relative to the page. All requests below it are handled. Default: any
   * origin, and only the paths of the contract.
   */
  baseUrl?: string;
}

export interface MswMock extends MockControls {
  /** For setupWorker() of msw/browser, or setupServer() of msw/node. */
  handlers: HttpHandler[];
}

/** The mock as handlers for MSW, in browsers and in Node. Throws for an unknown option or scenario. */
export function mswPaymentsMock({ baseUrl, ...options }: MswMockOptions = {}): MswMock {
  const { handle, isKnown, responder } = createFetchEngine({
    document,
    responses,
    validators,
    defaults: readOptions(options, ['baseUrl']),
  });
  const base = baseUrl === undefined ? undefined : new URL(baseUrl, pageUrl());
  const prefix = base?.pathname.replace(/\/$/, '');

  /** The path below the base URL; undefined for the request of another service. */
  const findPath = (url: string): string | undefined => {
    const { origin, pathname } = new URL(url);
    if (!base) return isKnown(pathname) ? pathname : undefined;
    return origin === base.origin && pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix!.length) : undefined;
  };
  const handler = http.all(
    ({ request }) => findPath(request.url) !== undefined,
    ({ request }) => handle(request, findPath(request.url)!),
  );
  return Object.assign(createControls(responder), { handlers: [handler] });
}

/** Only browsers have a page. */
const pageUrl = (): string | undefined => (globalThis as { location?: { href: string } }).location?.href;
