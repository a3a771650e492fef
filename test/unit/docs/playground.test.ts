import { expect, it } from 'vitest';
import { playgroundDocument, playgroundPage } from '../../../src/docs/playground.ts';

const server = { url: '/', description: 'This server' };
const production = { url: 'https://payments.test', description: 'Production' };
const key = { name: 'Idempotency-Key', in: 'header' };
const contract = {
  openapi: '3.1.0',
  info: { title: 'Payments' },
  servers: [production],
  paths: {
    '/intent': { post: { operationId: 'createPaymentIntent', parameters: [key] } },
    '/setup': {
      post: { operationId: 'createSetupIntent', responses: { 404: { $ref: '#/components/responses/NotFound' } } },
    },
  },
  components: { responses: { NotFound: {} } },
};

it('sends requests to the given server by default, and offers those of the contract', () => {
  expect(playgroundDocument(contract, server)).toMatchObject({ ...contract, servers: [server, production] });
  expect(playgroundDocument({ ...contract, servers: undefined }, server).servers).toEqual([server]);
});

it('adds parameters of the server after those of the contract, which stays as it is', () => {
  const before = structuredClone(contract);
  const document = playgroundDocument(contract, server, ({ id }) => [{ name: `Choice-${id}`, in: 'header' }]);
  expect(document).toMatchObject({
    paths: {
      '/intent': { post: { parameters: [key, { name: 'Choice-createPaymentIntent', in: 'header' }] } },
      '/setup': { post: { parameters: [{ name: 'Choice-createSetupIntent', in: 'header' }] } },
    },
  });
  expect(contract).toEqual(before);
});

it('is a page that leads back to the reference, with all values escaped', () => {
  const html = playgroundPage({
    title: 'A & B',
    policy: 'a "b"',
    apiKey: '<key>',
    scalar: 'scalar-1.js',
    referenceUrl: '../docs',
  });
  expect(html).toContain('<title>Playground - A &amp; B</title>');
  expect(html).toContain('http-equiv="Content-Security-Policy" content="a &quot;b&quot;"');
  expect(html).toContain('data-api-key="&lt;key&gt;"');
  expect(html).toContain('<script src="scalar-1.js" defer></script>');
  expect(html).toContain('href="../docs"');
});
