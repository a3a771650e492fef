import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { liveTarget } from '../support/targets.ts';
import { openDeployment } from './deployment.ts';
import { findObstacle } from './probes.ts';
import { readSettings } from './settings.ts';

const REFUSAL = '{"status":401,"error":"Invalid API key"}';

let close: () => unknown = () => {};
afterEach(() => close());

/** What the probes find at a server, and the requests that it received. */
async function probe(listener: (request: IncomingMessage, response: ServerResponse) => void) {
  const received: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    received.push(request);
    listener(request, response);
  });
  close = () => server.close().closeAllConnections();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = readSettings([`BASE_URL=${baseUrl}`, 'API_KEY=key', 'HEADER=X-Gate: open'], {});
  return { baseUrl, received, obstacle: await findObstacle(settings, openDeployment(settings)) };
}

const respond =
  (status: number, body: string, contentType = 'application/json') =>
  (_request: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(status, { 'Content-Type': contentType }).end(body);

describe('a redirect', () => {
  it('is reported, and the key and additional headers are not sent', async () => {
    const { obstacle, received } = await probe((_request, response) => {
      response.writeHead(308, { Location: 'https://api.test/elsewhere?token=secret' }).end();
    });
    expect(obstacle).toMatch(/ redirects to https:\/\/api\.test\/elsewhere: /);
    expect(received.map(({ headers }) => [headers['cv-api-key'], headers['x-gate']])).toEqual([[undefined, undefined]]);
  });
});

describe('the API key is refused', () => {
  it('where every request gets 401', async () => {
    expect((await probe(respond(401, REFUSAL))).obstacle).toMatch(/refuses the API key/);
  });

  it('where some requests get 429, because strangers are limited', async () => {
    let count = 0;
    const { obstacle } = await probe((request, response) =>
      ++count < 4 ? respond(401, REFUSAL)(request, response) : respond(429, '{}')(request, response),
    );
    expect(obstacle).toMatch(/refuses the API key/);
  });

  it('where every request gets 429 at first', async () => {
    let count = 0;
    const { obstacle } = await probe((request, response) => {
      if (++count === 1 || count > 7) respond(401, REFUSAL)(request, response);
      else response.writeHead(429, { 'Retry-After': '1' }).end();
    });
    expect(obstacle).toMatch(/refuses the API key/);
  });

  it('by something in front, where every request gets a page with 403', async () => {
    expect((await probe(respond(403, '<html>', 'text/html'))).obstacle).toMatch(/^Something in front of .* 403\./);
  });
});

describe('it is left to the cases', () => {
  it.each([
    ['a 401 with another body', respond(401, '{"error":"no"}')],
    ['another status with the right body', respond(403, REFUSAL.replace('401', '403'))],
    ['a failure', respond(500, '')],
  ])('%s', async (_what, listener) => {
    expect((await probe(listener)).obstacle).toBe(undefined);
  });

  it('a 401 to some requests only', async () => {
    const { obstacle } = await probe((request, response) =>
      respond(request.headers['content-type'] === 'text/plain' ? 415 : 401, REFUSAL)(request, response),
    );
    expect(obstacle).toBe(undefined);
  });

  it('a closed connection, once the deployment has responded', async () => {
    const { obstacle } = await probe((request, response) => {
      if (request.headers['cv-api-key'] === undefined) respond(401, REFUSAL)(request, response);
      else request.socket.destroy();
    });
    expect(obstacle).toBe(undefined);
  });
});

describe('a busy deployment', () => {
  it('is waited for as long as it asks for', async () => {
    let count = 0;
    const { obstacle, received } = await probe((request, response) => {
      if (count++ === 0) response.writeHead(503, { 'Retry-After': '1' }).end();
      else respond(400, '{}')(request, response);
    });
    expect(obstacle).toBe(undefined);
    expect(received.length).toBeGreaterThan(2);
  });

  it('is reported where it asks for too much patience', async () => {
    const { obstacle } = await probe((_request, response) => {
      response.writeHead(503, { 'Retry-After': '3600' }).end();
    });
    expect(obstacle).toMatch(/ is busy: it responds with 503\.$/);
  });
});

it('a connection that is reset once does not matter', async () => {
  let count = 0;
  const { obstacle } = await probe((request, response) => {
    if (++count === 1) request.socket.destroy();
    else respond(400, '{}')(request, response);
  });
  expect(obstacle).toBe(undefined);
});

it('a deployment that never responds is given up', async () => {
  expect((await probe(() => {})).obstacle).toMatch(/does not respond: no response within [\d.]+ seconds$/);
});

/** What the probes find where Stripe responds so. */
const probeStripe = async (listener: RequestListener) => {
  const live = await liveTarget();
  const stripe = createServer(listener);
  close = async () => {
    stripe.close().closeAllConnections();
    await live.close();
  };
  await once(stripe.listen(0, '127.0.0.1'), 'listening');
  const { port } = stripe.address() as AddressInfo;
  const given = ['CREATE=1', 'STRIPE_KEY=rk_test_1', `STRIPE_URL=http://127.0.0.1:${port}`];
  const settings = readSettings([`BASE_URL=${live.baseUrl}`, `API_KEY=${live.apiKey}`, ...given], {});
  return findObstacle(settings, openDeployment(settings));
};

describe('STRIPE_KEY', () => {
  it.each([401, 403])('that Stripe refuses with %d is reported', async (status) => {
    expect(await probeStripe(respond(status, '{}'))).toBe(
      `Stripe refuses STRIPE_KEY: ${status}. It must be allowed to read payment intents and setup intents.`,
    );
  });

  it('that gets no response is reported', async () => {
    expect(await probeStripe((request) => request.socket.destroy())).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+ does not respond: /,
    );
  });

  it('is right where Stripe only does not know the intent', async () => {
    expect(await probeStripe(respond(404, '{}'))).toBe(undefined);
  });
});
