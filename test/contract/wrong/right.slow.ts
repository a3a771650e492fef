/** Right deployments as people run them: the contract tests must find nothing wrong, whatever stands in front. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { hasNginx, needsNginx, startNginx } from './nginx.ts';
import { runContract } from './command.ts';
import { startDeployment, type Deployment } from './deployment.ts';
import {
  addResponseHeaders,
  API_KEY,
  API_KEY_2,
  changeRequest,
  changeResponse,
  changeResponseHeader,
  front,
  html,
  onlyIf,
  parse,
  type Fault,
  type Middleware,
} from './fault.ts';
import { CONNECTION_RESET } from './proxy.ts';

const started: { close: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0).toReversed()) await one.close();
});

async function start(fault: Fault = {}, settings: Record<string, string> = {}): Promise<Deployment> {
  const deployment = await startDeployment(fault, settings);
  started.push(deployment);
  return deployment;
}

/** Runs with every setting given, and expects that nothing is wrong. */
async function expectContractKept(
  { baseUrl, stripeUrl }: Pick<Deployment, 'baseUrl' | 'stripeUrl'>,
  env: Record<string, string> = {},
): Promise<string> {
  const { code, output } = await runContract(
    { BASE_URL: baseUrl, API_KEY, API_KEY_2, CREATE: '1', STRIPE_KEY: 'rk_test_contract', STRIPE_URL: stripeUrl },
    env,
  );
  expect(output).toContain('The contract is kept');
  expect(code).toBe(0);
  return output;
}

/** Headers of usual gateways, which the contract does not mention. */
const usualHeaders = addResponseHeaders(
  ['Server', 'nginx/1.22.1'],
  ['Via', '1.1 varnish'],
  ['Age', '0'],
  ['Strict-Transport-Security', 'max-age=31536000'],
  ['Vary', 'Accept-Encoding'],
  ['Access-Control-Allow-Origin', '*'],
  ['X-Cache', 'MISS'],
);

const LENIENT: Record<string, Fault> = {
  'nothing in front': {},
  'the headers of usual gateways': front(usualHeaders),
  'a media type without a charset': front(changeResponseHeader('Content-Type', () => 'application/json')),
  'JSON in lines': front(
    changeResponse((response) => ({
      ...response,
      body: Buffer.from(`${JSON.stringify(parse(response.body), undefined, 2)}\n`),
    })),
  ),
  'a gateway that merges slashes': front(
    changeRequest((request) => ({ ...request, path: request.path.replaceAll(/\/{2,}/g, '/') })),
  ),
  'a gateway that refuses TRACE by itself': front(
    onlyIf(
      ({ method }) => method === 'TRACE',
      async () => html(405, 'Not Allowed'),
    ),
  ),
};

/** Resets each connection of which `count` requests have passed, before the request or after its response. */
const reset =
  (when: 'before' | 'after', count: number): Fault['front'] =>
  () => {
    let requests = 0;
    return async (request, forward) => {
      const isReset = (requests += 1) % count === 0;
      if (isReset && when === 'before') throw CONNECTION_RESET;
      const response = await forward(request);
      if (isReset) throw CONNECTION_RESET;
      return response;
    };
  };

/** No response at all for 2 seconds, from the hundredth request on. */
const restart: Fault['front'] = () => {
  let requests = 0;
  let isDown = false;
  const middleware: Middleware = async (request, forward) => {
    if ((requests += 1) === 100) {
      isDown = true;
      void sleep(2_000).then(() => (isDown = false));
    }
    if (isDown) throw CONNECTION_RESET;
    return forward(request);
  };
  return middleware;
};

describe('the contract is kept by a deployment with', () => {
  it.each(Object.entries(LENIENT))('%s', async (_what, fault) => {
    await expectContractKept(await start(fault));
  });

  it('one in 20 connections that is reset before the request arrives', async () => {
    expect(await expectContractKept(await start({ front: reset('before', 20)! }))).toContain('Flaky');
  });

  it('one in 20 connections that is reset before the response arrives', async () => {
    expect(await expectContractKept(await start({ front: reset('after', 20)! }))).toContain('Flaky');
  });

  it('a restart in the middle', async () => {
    await expectContractKept(await start({ front: restart }));
  });

  it('limits that the run exceeds', async () => {
    const limits = { TENANT_REQUESTS_PER_MINUTE: '250', ADDRESS_FAILURES_PER_MINUTE: '20' };
    expect(await expectContractKept(await start({}, limits))).toContain('The deployment was busy');
  });
});

describe.skipIf(!hasNginx)(`the contract is kept behind nginx${needsNginx}`, () => {
  it('with its defaults', async () => {
    const { baseUrl, stripeUrl } = await start();
    const nginx = await startNginx(`location / { proxy_pass ${baseUrl}; }`);
    started.push(nginx);
    await expectContractKept({ baseUrl: `http://127.0.0.1:${nginx.port}`, stripeUrl });
  });

  it('below a path, with TLS by an authority of its own, and gzip', async () => {
    const { baseUrl, stripeUrl } = await start();
    const locations = `
      server_tokens off; gzip on; gzip_types application/json; gzip_min_length 0; gzip_proxied any;
      location /pay/ { proxy_pass ${baseUrl}/; }`;
    const nginx = await startNginx(locations, true);
    started.push(nginx);
    await expectContractKept(
      { baseUrl: `https://localhost:${nginx.port}/pay`, stripeUrl },
      { NODE_EXTRA_CA_CERTS: nginx.authorityFile },
    );
  });
});
