/** A run on deployments that are right, and on a bad day: no false alarm, and no end without a reason. */
import { once } from 'node:events';
import { createServer, request as open, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { mockTarget, type Target } from '../support/targets.ts';
import { cases } from './cases.ts';
import { openDeployment } from './deployment.ts';
import { createReport } from './report.ts';
import { runCases } from './run.ts';
import { readSettings } from './settings.ts';

let mock: Target;
beforeAll(async () => {
  mock = await mockTarget();
});
afterAll(() => mock.close());

let close: () => unknown = () => {};
afterEach(() => close());

type Listener = (request: IncomingMessage, response: ServerResponse, forward: () => void) => void;

/** The mock behind a server that misbehaves. */
async function front(listener: Listener) {
  const server = createServer((request, response) => listener(request, response, () => forward(request, response)));
  const listen = async (port = 0) => void (await once(server.listen(port, '127.0.0.1'), 'listening'));
  await listen();
  const { port } = server.address() as AddressInfo;
  close = () => server.close().closeAllConnections();
  const restart = (downMs: number) => {
    server.close().closeAllConnections();
    setTimeout(() => void listen(port), downMs);
  };
  return { baseUrl: `http://127.0.0.1:${port}`, restart };
}

function forward(request: IncomingMessage, response: ServerResponse): void {
  const { method, url, rawHeaders } = request;
  const onward = open(mock.baseUrl, { method, path: url!, headers: rawHeaders, setHost: false }, (back) => {
    response.writeHead(back.statusCode!, back.headers);
    back.pipe(response);
  });
  onward.on('error', () => request.socket.destroy());
  request.pipe(onward);
}

/** The cases that a request alone leads to, without those that create something. */
const few = cases.filter(({ arrange, bytes, creates }) => !arrange && bytes === undefined && !creates).slice(0, 40);

async function runOn(baseUrl: string, some = few) {
  const settings = readSettings([`BASE_URL=${baseUrl}`, `API_KEY=${mock.apiKey}`], {});
  return createReport(settings, await runCases(some, [], settings, openDeployment(settings)));
}

describe('the contract is kept by a right deployment', () => {
  it('of which one in 20 connections is reset', async () => {
    let count = 0;
    const { baseUrl } = await front((request, _response, onward) => {
      if (++count % 20 === 0) request.socket.destroy();
      else onward();
    });
    const report = await runOn(baseUrl);
    expect(report.verdict).toBe('kept');
    expect(report.notes).toEqual(['Flaky: 2 of 42 requests got no response until they were repeated.']);
  });

  it('that is down for 2 seconds in the middle', async () => {
    let count = 0;
    const { baseUrl, restart } = await front((_request, _response, onward) => {
      if (++count === 20) restart(2_000);
      else onward();
    });
    expect((await runOn(baseUrl)).verdict).toBe('kept');
  });

  it('whose gateway reports a bad gateway for a moment', async () => {
    let count = 0;
    const { baseUrl } = await front((_request, response, onward) => {
      if (++count % 10 < 2) response.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>Bad Gateway</h1>');
      else onward();
    });
    expect((await runOn(baseUrl)).verdict).toBe('kept');
  });

  it('that limits requests', async () => {
    let count = 0;
    const { baseUrl } = await front((_request, response, onward) => {
      if (++count % 30 === 0) response.writeHead(429, { 'Retry-After': '1' }).end();
      else onward();
    });
    const report = await runOn(baseUrl);
    expect(report.verdict).toBe('kept');
    expect(report.notes).toEqual(['The deployment was busy (429 or 503): waited 1 s.']);
  });

  it('that fails once', async () => {
    let count = 0;
    const { baseUrl } = await front((_request, response, onward) => {
      if (++count === 20) response.writeHead(500, { 'Content-Type': 'application/json' }).end('{}');
      else onward();
    });
    const report = await runOn(baseUrl);
    expect(report.verdict).toBe('kept');
    expect(report.notes).toEqual(['Flaky: 1 of 41 requests failed with 500, and were right when repeated.']);
  });

  it.each(['application/json', 'APPLICATION/JSON;charset="UTF-8"'])('whose media type is %s', async (mediaType) => {
    const { baseUrl } = await front((_request, response, onward) => {
      const writeHead = response.writeHead.bind(response);
      response.writeHead = ((status: number, headers: object) =>
        writeHead(status, { ...headers, 'content-type': mediaType })) as never;
      onward();
    });
    expect((await runOn(baseUrl)).verdict).toBe('kept');
  });

  it('whose malformed requests something in front responds to', async () => {
    const { baseUrl } = await front((_request, _response, onward) => onward());
    const malformed = cases.filter(({ bytes }) => bytes !== undefined).slice(0, 2);
    const report = await runOn(baseUrl, [...few.slice(0, 2), ...malformed]);
    expect(report.verdict).toBe('kept');
    expect(report.cases.map(({ verdict }) => verdict)).toEqual(['passed', 'passed', 'skipped', 'skipped']);
  });
});

describe('it is not found out whether the contract is kept', () => {
  it('where the deployment stays busy', async () => {
    let count = 0;
    const { baseUrl } = await front((_request, response, onward) => {
      if (++count > 5) response.writeHead(503, { 'Retry-After': '3600' }).end();
      else onward();
    });
    const malformed = cases.filter(({ bytes }) => bytes !== undefined);
    const { verdict, conclusion, cases: reported } = await runOn(baseUrl, [...malformed, ...few]);
    expect(verdict).toBe('unknown');
    expect(reported.filter((one) => one.verdict === 'passed')).toHaveLength(5);
    expect(conclusion).toMatch(
      /not found out: 5 responses match it, 3 did not come\. The deployment stays busy: it responds with 503\.$/,
    );
  });

  it('where the deployment responds to no case', async () => {
    const { baseUrl } = await front(() => void close());
    const { verdict, cases: reported } = await runOn(baseUrl);
    expect(verdict).toBe('unknown');
    expect(new Set(reported.map((one) => one.verdict))).toEqual(new Set(['skipped']));
  });
});

describe('the contract is broken', () => {
  it('by a deployment that stops responding; the run ends, and names the last request with a response', async () => {
    let count = 0;
    const { baseUrl } = await front((_request, _response, onward) => {
      if (++count > 5) void close();
      else onward();
    });
    const { verdict, conclusion, causes, cases: reported } = await runOn(baseUrl);
    expect(verdict).toBe('broken');
    const title = (index: number) => `"createPaymentIntent 400 ${few[index]!.example}: ${few[index]!.title}"`;
    expect(conclusion).toContain(`stopped responding at ${title(5)}. Its last response was to ${title(4)}.`);
    expect(causes).toHaveLength(1);
    expect(reported.filter(({ skipReason }) => skipReason?.startsWith('not sent'))).toHaveLength(few.length - 6);
  });

  it('by a request that never gets a response, while others do', async () => {
    const { baseUrl } = await front((request, _response, onward) => {
      if (request.headers['content-type'] === 'application/json; charset=utf-16') request.socket.destroy();
      else onward();
    });
    const { verdict, causes } = await runOn(baseUrl);
    expect(verdict).toBe('broken');
    expect(causes.map(({ what }) => what)).toEqual([
      expect.stringMatching(/^No response to 1 of 40 requests: the connection was closed before a response/),
    ]);
  });

  it('by a response that is wrong once, and called flaky', async () => {
    let count = 0;
    const { baseUrl } = await front((request, response, onward) => {
      if (++count === 20) {
        request.resume();
        response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"success":false,"message":"Not found"}');
      } else onward();
    });
    const { verdict, causes } = await runOn(baseUrl);
    expect(verdict).toBe('broken');
    expect(causes[0]!.what).toMatch(/^1 of 40 responses.*got 404\. Flaky: right when repeated\.$/);
  });
});
