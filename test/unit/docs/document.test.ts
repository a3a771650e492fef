import { expect, it } from 'vitest';
import { referenceDocument } from '../../../src/docs/document.ts';

const server = { url: '/', description: 'This server' };
const json = (examples: object) => ({ content: { 'application/json': { examples } } });
const contract = {
  openapi: '3.1.0',
  info: { title: 'Payments', description: 'What it does.\n\n## Change log\n\n| 1.0 | first |\n' },
  servers: [{ url: 'https://payments.test', description: 'Production' }],
  paths: {
    '/intent': {
      post: {
        responses: {
          200: json({ created: { summary: 'It is made.', value: { message: 'Created' } } }),
          401: json({ invalidApiKey: { summary: 'No key.', value: { error: 'Invalid API key' } } }),
          404: { $ref: '#/components/responses/NotFound' },
        },
      },
    },
    '/refund': { post: { responses: { 404: { $ref: '#/components/responses/NotFound' } } } },
  },
  components: { responses: { NotFound: json({ notFound: { value: { message: 'Not found' } } }) } },
};

it('referenceDocument is the contract, with one server before its own and a table before its change log', () => {
  expect(referenceDocument(contract, server)).toEqual({
    ...contract,
    info: {
      title: 'Payments',
      description: `What it does.



## All responses by name

| status | name | message, and when |
|---|---|---|
| 200 | \`created\` | **Created**<br>It is made. |
| 401 | \`invalidApiKey\` | **Invalid API key**<br>No key. |
| 404 | \`notFound\` | **Not found**<br> |

## Change log

| 1.0 | first |
`,
    },
    servers: [server, { url: 'https://payments.test', description: 'Production' }],
  });
});

const described = (description: string | undefined) =>
  referenceDocument({ ...contract, info: { title: 'Payments', description } }, server).info.description;

it('only a heading of the second level begins the change log', () => {
  expect(described('See the ## Change log\n### Change log\n## Change log of others')).toMatch(
    /^See the ## Change log\n### Change log\n## Change log of others\n\n## All responses by name/,
  );
});

it('there may be nothing to say, no server, and an operation without answers', () => {
  const { info, servers } = referenceDocument(
    {
      info: { title: 'Payments' },
      paths: { '/intent': { get: {}, put: { responses: { 204: {}, 400: { content: {} } } } } },
    },
    server,
  );
  expect(info.description).toBe(
    '\n\n## All responses by name\n\n| status | name | message, and when |\n|---|---|---|\n\n',
  );
  expect(servers).toEqual([server]);
});
