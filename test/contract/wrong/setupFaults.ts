import { operations } from '../../support/contractDocument.ts';
import {
  changeBody,
  changeResponse,
  changeResponseHeader,
  example,
  find,
  findSecret,
  front,
  isCreation,
  isObject,
  isOperation,
  isText,
  onlyIf,
  parse,
  set,
  type Fault,
  type Faults,
  type Json,
  type ProxyRequest,
} from './fault.ts';

const setup = operations.find(({ operationId }) => operationId === 'createSetupIntent')!;
const isSetup = (request: ProxyRequest) => isOperation(request) && request.path.startsWith(setup.path);

const isValidKey = (key: unknown): key is string => isText(key) && /^[!#-~][!-~]{0,254}$/.test(key);
const withoutKey = ({ idempotencyKey: _key, ...others }: Json): Json => others;

/** The operation that saves a payment method. */
export const setupFaults: Faults = {
  'setup needs a body': front(
    onlyIf(
      (request) => isSetup(request) && request.body.length === 0,
      async () => example('invalidBody'),
    ),
  ),
  'setup needs a media type without a body': front(
    onlyIf(
      (request) => isSetup(request) && request.body.length === 0 && find(request.headers, 'Content-Type') === undefined,
      async () => example('unsupportedMediaType'),
    ),
  ),
  'setup needs an amount': front(
    onlyIf(
      (request) => isSetup(request) && !isText(parse(request.body)?.['amount']),
      async () => example('amountRequired'),
    ),
  ),
  'setup is unknown': front(
    onlyIf(
      ({ path }) => path.startsWith(setup.path),
      async () => example('notFound'),
    ),
  ),
  'setup responds in the shape of the payment': front(
    onlyIf(
      isSetup,
      changeResponse((response) => {
        const secret = findSecret(response);
        return secret === undefined
          ? response
          : {
              ...response,
              body: Buffer.from(
                example('created')
                  .body.toString()
                  .replace(/pi_\w+/, secret),
              ),
            };
      }),
    ),
  ),
  'setup creates a payment intent': front(
    onlyIf(isSetup, async (request, forward) => {
      const response = await forward(request);
      return { ...response, body: Buffer.from(response.body.toString().replace('seti_', 'pi_')) };
    }),
  ),
};

export const bodyKeyFaults: Faults = {
  'the idempotency key in the body is ignored': front(
    changeBody((body) => (isValidKey(body['idempotencyKey']) ? withoutKey(body) : body)),
  ),
  'the idempotency key in the body is stored as metadata': front(
    changeBody((body) => {
      const { idempotencyKey: key, metadata = {} } = body;
      return isValidKey(key) && isObject(metadata) ? { ...body, metadata: { ...metadata, idempotencyKey: key } } : body;
    }),
  ),
  'the key in the header and another in the body are accepted': front(async (request, forward) => {
    const body = parse(request.body);
    const isGivenTwice = isValidKey(body?.['idempotencyKey']) && find(request.headers, 'Idempotency-Key') !== undefined;
    return forward(isGivenTwice ? { ...request, body: Buffer.from(JSON.stringify(withoutKey(body))) } : request);
  }),
  'an invalid idempotency key in the body is ignored': front(
    changeBody((body) => ('idempotencyKey' in body && !isValidKey(body['idempotencyKey']) ? withoutKey(body) : body)),
  ),
  'the operations share their idempotency keys': sharedKeys(),
};

function sharedKeys(): Fault {
  return {
    front: () => {
      const paths = new Map<string, string>();
      return onlyIf(isCreation, async (request, forward) => {
        const key = find(request.headers, 'Idempotency-Key');
        if (key === undefined) return forward(request);
        const known = paths.get(key) ?? request.path;
        paths.set(key, known);
        return known === request.path ? forward(request) : example('idempotencyKeyReused');
      });
    },
  };
}

export const errorCodeFaults: Faults = {
  'X-Error-Code is missing': front(changeResponseHeader('X-Error-Code', () => undefined)),
  'X-Error-Code is the status': front(
    changeResponse((response) =>
      response.status === 200
        ? response
        : { ...response, headers: set(response.headers, 'X-Error-Code', String(response.status)) },
    ),
  ),
  'X-Error-Code is in snake_case': front(
    changeResponseHeader('X-Error-Code', (code) => code?.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)),
  ),
  'X-Error-Code is missing where another method is refused': front(
    changeResponse((response) =>
      response.status === 405 ? { ...response, headers: set(response.headers, 'X-Error-Code', undefined) } : response,
    ),
  ),
};
