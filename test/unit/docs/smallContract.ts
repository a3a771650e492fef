const headers = {
  'X-Request-Id': { description: 'The ID.', schema: { type: 'string' }, example: 'abc' },
};
const failure = {
  type: 'object',
  required: ['message'],
  properties: { message: { type: 'string', description: 'What is wrong', minLength: 1 } },
};

/** A contract with one of everything that the reference presents. */
export const smallContract = {
  openapi: '3.1.0',
  info: {
    title: 'Payments',
    version: '1.2.0',
    summary: 'Take payments.',
    description: `What it does.

## Errors

| status | what happened | what to do |
|---|---|---|
| 400 | Wrong. | Fix the \`amount\`. |
| 429 | Too many. | Wait. |

## Change log

First version.
`,
  },
  servers: [{ url: 'https://payments.test', description: 'Production' }],
  security: [{ apiKey: [] }],
  paths: {
    '/intent': {
      post: {
        operationId: 'createIntent',
        summary: 'Intent',
        description: 'Creates an intent.',
        parameters: [
          {
            name: 'Idempotency-Key',
            in: 'header',
            description: 'One per call.',
            schema: { type: 'string', maxLength: 9 },
          },
        ],
        requestBody: {
          description: 'The payment.',
          required: true,
          content: {
            'application/json': {
              schema: {
                type: 'object',
                required: ['amount'],
                'x-problems': { required: 'invalidAmount' },
                properties: {
                  amount: { type: 'number', description: 'In dollars.', minimum: 1, 'x-problems': 'invalidAmount' },
                  data: { type: 'object', properties: { kind: { type: 'string', enum: ['a', 'b'] } } },
                },
              },
              examples: {
                first: { summary: 'An amount', value: { amount: 2 } },
                second: { summary: 'Nothing', value: {} },
              },
            },
          },
        },
        responses: {
          200: {
            description: 'It exists.',
            headers,
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  required: ['secret'],
                  properties: { secret: { type: 'string', description: 'For the browser.', enum: ['s'] } },
                },
                examples: { created: { summary: 'Success', value: { secret: 's' } } },
              },
            },
          },
          400: {
            description: 'It is wrong.',
            headers,
            content: {
              'application/json': {
                schema: failure,
                examples: { invalidAmount: { summary: 'Not a number', value: { message: 'Invalid amount' } } },
              },
            },
          },
          429: {
            description: 'Too many requests.',
            headers: {
              ...headers,
              'Retry-After': { description: 'Seconds.', schema: { type: 'integer' }, example: 1 },
            },
            content: {
              'application/json': {
                schema: failure,
                examples: {
                  tooMany: {
                    summary: 'Slow down',
                    value: { message: 'Too many' },
                    'x-headers': { 'Retry-After': '1' },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
  components: {
    securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'cv-api-key', description: 'Your key.' } },
  },
};
