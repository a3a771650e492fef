import { expect, it } from 'vitest';
import { curlLines } from '../../../src/docs/curl.ts';

const first = { amount: 1 };
const document = {
  paths: {
    '/intent': {
      post: {
        requestBody: {
          content: { 'application/json': { examples: { first: { value: first }, second: { value: {} } } } },
        },
      },
      get: {},
    },
    '/note': { put: { requestBody: { content: { 'text/plain': {} } } } },
  },
  components: { securitySchemes: { apiKey: { name: 'cv-api-key' } } },
};

it('curlLines gives a command for each operation, with its key and its first example', () => {
  expect(curlLines(document, 'http://127.0.0.1:1', 'cv_key')).toBe(`curl -X POST http://127.0.0.1:1/intent \\
  -H 'cv-api-key: cv_key' \\
  -H 'Content-Type: application/json' \\
  -d '{"amount":1}'

curl -X GET http://127.0.0.1:1/intent \\
  -H 'cv-api-key: cv_key'

curl -X PUT http://127.0.0.1:1/note \\
  -H 'cv-api-key: cv_key'`);
});
