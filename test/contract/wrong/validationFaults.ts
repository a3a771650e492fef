import {
  changeBody,
  changeRequest,
  changeResponse,
  example,
  find,
  front,
  isObject,
  isOperation,
  isText,
  onlyIf,
  parse,
  set,
  without,
  withJson,
  type Fault,
  type Faults,
  type Json,
  type ProxyRequest,
} from './fault.ts';

// --- numbers ---

/** Accepts amounts that the contract refuses, as another number. */
const readAmount = (read: (amount: unknown) => unknown): Fault =>
  front(changeBody((body) => ('amount' in body ? { ...body, amount: read(body['amount']) } : body)));

const isNumber = (value: unknown): value is number => typeof value === 'number';

export const amountRuleFaults: Faults = {
  'amounts are rounded to the cent': readAmount((amount) =>
    isNumber(amount) && amount >= 0.5 && amount < 1e6 ? Number(amount.toFixed(2)) : amount,
  ),
  'amounts over 0 and under 0.50 become 0.50': readAmount((amount) =>
    isNumber(amount) && amount > 0 && amount < 0.5 ? 0.5 : amount,
  ),
  'amounts over the maximum become the maximum': readAmount((amount) =>
    isNumber(amount) && amount > 999_999.99 ? 999_999.99 : amount,
  ),
  'negative amounts become positive': readAmount((amount) => (isNumber(amount) ? Math.abs(amount) : amount)),
  'an amount of zero is accepted': readAmount((amount) => (amount === 0 ? 0.5 : amount)),
  'digits in a string are accepted as an amount': readAmount((amount) =>
    isText(amount) && amount !== '' ? Number(amount) : amount,
  ),
  'true is accepted as an amount': readAmount((amount) => (amount === true ? 1 : amount)),
  'an array of one number is accepted as an amount': readAmount((amount) =>
    Array.isArray(amount) && amount.length === 1 ? amount[0] : amount,
  ),
  'an amount of null is a missing amount': front(
    changeBody((body) =>
      Object.fromEntries(Object.entries(body).filter(([name, value]) => name !== 'amount' || value !== null)),
    ),
  ),
  'a missing amount is an invalid amount': front(changeBody((body) => ({ amount: null, ...body }))),
  'scientific notation is refused': front(
    onlyIf(
      ({ body }) => /"amount":\d+e-?\d/.test(body.toString()),
      async () => example('invalidAmount'),
    ),
  ),
};

// --- types and metadata ---

const readTypes = (read: (types: unknown) => unknown): Fault =>
  front(
    changeBody((body) => {
      if (!('paymentMethodTypes' in body)) return body;
      const types = read(body['paymentMethodTypes']);
      const { paymentMethodTypes: _, ...others } = body;
      return types === undefined ? others : { ...others, paymentMethodTypes: types };
    }),
  );

const readMetadata = (read: (metadata: unknown) => unknown): Fault =>
  front(changeBody((body) => ('metadata' in body ? { ...body, metadata: read(body['metadata']) } : body)));

const readEntries = (read: (name: string, value: unknown) => readonly [string, unknown][]): Fault =>
  readMetadata((metadata) =>
    isObject(metadata)
      ? Object.fromEntries(Object.entries(metadata).flatMap(([name, value]) => read(name, value)))
      : metadata,
  );

export const fieldRuleFaults: Faults = {
  'an empty list of types is taken for none': readTypes((types) =>
    Array.isArray(types) && types.length === 0 ? undefined : types,
  ),
  'one type as a string is accepted': readTypes((types) => (isText(types) ? types.split(',') : types)),
  'repeated types are accepted': readTypes((types) =>
    Array.isArray(types) && types.length < 100 ? [...new Set(types)] : types,
  ),
  'unknown types are dropped': readTypes((types) =>
    Array.isArray(types) ? types.filter((type) => type !== 'cash') : types,
  ),
  'types in capitals are accepted': readTypes((types) =>
    Array.isArray(types) ? types.map((type: unknown) => (type === 'Card' ? 'card' : type)) : types,
  ),
  'numbers in metadata are accepted': readEntries((name, value) => [[name, isNumber(value) ? String(value) : value]]),
  'metadata of null is accepted': readMetadata((metadata) => metadata ?? {}),
  'a list as metadata is accepted': readMetadata((metadata) => (Array.isArray(metadata) ? {} : metadata)),
  'metadata values over 500 characters are cut': readEntries((name, value) => [
    [name, isText(value) && value.length > 500 && value.length < 600 ? value.slice(0, 500) : value],
  ]),
  'metadata keys over 40 characters are cut': readEntries((name, value) => [
    [Array.from(name).slice(0, 40).join(''), value],
  ]),
  'more than 50 metadata keys are accepted': readMetadata((metadata) =>
    isObject(metadata) && Object.keys(metadata).length < 100
      ? Object.fromEntries(Object.entries(metadata).slice(0, 50))
      : metadata,
  ),
  'brackets in metadata keys are dropped': readEntries((name, value) => [[name.replaceAll(/[[\]]/g, ''), value]]),
  'halves of surrogate pairs are replaced': readEntries((name, value) => [
    [name.toWellFormed(), isText(value) ? value.toWellFormed() : value],
  ]),
  'characters of metadata are counted in UTF-16': front(
    onlyIf(
      ({ body }) =>
        Object.values((parse(body)?.['metadata'] as Json | undefined) ?? {}).some(
          (value) => isText(value) && value.length > 500 && Array.from(value).length <= 500,
        ),
      async () => example('invalidMetadata'),
    ),
  ),
  'unknown fields are refused': front(
    onlyIf(
      ({ body }) => Object.keys(parse(body) ?? {}).some((name) => ['currency', 'customer'].includes(name)),
      async () => example('invalidBody'),
    ),
  ),
  'the last invalid field is named, not the first': front(
    onlyIf(
      ({ body }) => isObject(parse(body)) && parse(body)!['amount'] === 0 && Array.isArray(parse(body)!['metadata']),
      async () => example('invalidMetadata'),
    ),
  ),
};

// --- JSON ---

/** Reads what is no JSON, where the contract refuses it. */
const readJson = (read: (text: string, request: ProxyRequest) => unknown): Fault =>
  front(
    onlyIf(
      isOperation,
      changeRequest((request) => {
        if (parse(request.body) !== undefined) return request;
        try {
          const json = read(request.body.toString(), request);
          return json === undefined ? request : withJson(request, json);
        } catch {
          return request;
        }
      }),
    ),
  );

export const jsonFaults: Faults = {
  'a comma after the last field is accepted': readJson((text) => JSON.parse(text.replaceAll(/,\s*([}\]])/g, '$1'))),
  'comments in JSON are accepted': readJson((text) => JSON.parse(text.replaceAll(/\/\*.*?\*\/|\/\/[^\n]*/g, ''))),
  'NaN is accepted as JSON': readJson((text) => JSON.parse(text.replaceAll(/:\s*(NaN|-?Infinity)/g, ':0'))),
  'line breaks in strings are accepted': readJson((text) => JSON.parse(text.replaceAll('\n', String.raw`\n`))),
  'what follows the JSON is ignored': readJson((text) => JSON.parse(text.slice(0, text.indexOf('}') + 1))),
  'a list of one payment is accepted': readJson((text) => (JSON.parse(text) as unknown[])[0]),
  'JSON inside a string is accepted': readJson((text) => JSON.parse(JSON.parse(text) as string)),
  'a JSON null is an empty body': front(
    changeRequest((request) => (request.body.toString() === 'null' ? { ...request, body: Buffer.alloc(0) } : request)),
  ),
  'white space is an empty body': front(
    changeRequest((request) => (request.body.toString() === ' ' ? { ...request, body: Buffer.alloc(0) } : request)),
  ),
  'bytes that are no UTF-8 are replaced': front(
    changeRequest((request) => ({
      ...request,
      body: request.body.includes(0xff) ? Buffer.from(request.body.toString()) : request.body,
    })),
  ),
  'UTF-16 is accepted': readJson((_, { body }) => JSON.parse(body.toString('utf16le'))),
  'a form is accepted': front(
    onlyIf(
      isOperation,
      changeRequest((request) => {
        const amount = /^amount=([\d.]+)$/.exec(request.body.toString())?.[1];
        return amount === undefined
          ? request
          : {
              ...withJson(request, { amount: Number(amount) }),
              headers: set(request.headers, 'Content-Type', 'application/json'),
            };
      }),
    ),
  ),
  'fields are taken from the query': front(
    onlyIf(
      isOperation,
      changeRequest((request) => {
        const body = parse(request.body);
        const amount = new URL(request.path, 'http://a').searchParams.get('amount');
        return body === undefined || amount === null ? request : withJson(request, { amount: Number(amount), ...body });
      }),
    ),
  ),
  'a very deep body is answered 500': front(
    onlyIf(
      ({ body }) => body.includes('[[[[[[[['),
      async () => example('internalError'),
    ),
  ),
  'field names are read without case': front(
    changeBody((body) =>
      Object.fromEntries(
        Object.entries(body).map(([name, value]) => [name.toLowerCase() === 'amount' ? 'amount' : name, value]),
      ),
    ),
  ),
};

// --- media type and idempotency key ---

const acceptMediaType = (isGood: (type: string | undefined) => boolean): Fault =>
  front(
    onlyIf(
      isOperation,
      changeRequest((request) =>
        request.body.length > 0 && isGood(find(request.headers, 'Content-Type'))
          ? { ...request, headers: set(request.headers, 'Content-Type', 'application/json') }
          : request,
      ),
    ),
  );

const readKey = (read: (key: string) => string | undefined): Fault =>
  front(
    changeRequest((request) => {
      const keys = request.headers.filter(([name]) => name.toLowerCase() === 'idempotency-key');
      const key = keys[0]?.[1];
      return keys.length !== 1 || key === undefined
        ? request
        : { ...request, headers: set(request.headers, 'Idempotency-Key', read(key)) };
    }),
  );

export const headerRuleFaults: Faults = {
  'any media type is accepted': acceptMediaType(() => true),
  'other JSON media types are accepted': acceptMediaType((type) => Boolean(type?.endsWith('+json'))),
  'a missing media type is accepted': acceptMediaType((type) => type === undefined),
  'two media types are accepted': acceptMediaType((type) => Boolean(type?.startsWith('application/json,'))),
  'a charset beside the media type is refused': front(
    onlyIf(
      ({ headers, body }) => body.length > 0 && /charset=utf-8/i.test(find(headers, 'Content-Type') ?? ''),
      async () => example('unsupportedMediaType'),
    ),
  ),
  'the media type is compared with its case': front(
    onlyIf(
      ({ headers, body }) => body.length > 0 && /Application\/JSON/.test(find(headers, 'Content-Type') ?? ''),
      async () => example('unsupportedMediaType'),
    ),
  ),
  'a content encoding is ignored': front(
    changeRequest((request) => ({ ...request, headers: without(request.headers, 'Content-Encoding') })),
  ),
  'bodies up to 1 MiB are accepted': front(
    changeRequest((request) =>
      request.body.length > 131_072
        ? {
            ...request,
            body: Buffer.from(
              request.body
                .toString()
                .trimEnd()
                .replace(/,"more":"x*"/, ''),
            ),
          }
        : request,
    ),
  ),
  'only declared sizes are limited to 128 KiB': front(
    onlyIf(
      ({ body, headers }) => body.length > 131_072 && find(headers, 'Content-Length') === undefined,
      async () => example('invalidBody'),
    ),
  ),
  'an empty idempotency key is taken for none': readKey((key) => key || undefined),
  'an idempotency key over 255 characters is cut': readKey((key) => key.slice(0, 255)),
  'spaces in an idempotency key are accepted': readKey((key) => key.replaceAll(' ', '-')),
  'an open quote in an idempotency key is accepted': readKey((key) => (/^"[^"]*$/.test(key) ? key.slice(1) : key)),
  'invalid idempotency keys are ignored': readKey((key) =>
    /^[!#-~][!-~]{0,254}$|^"..*"$/.test(key) ? key : undefined,
  ),
  'the first of two idempotency keys is taken': front(
    changeRequest((request) => {
      const value = find(request.headers, 'Idempotency-Key');
      return { ...request, headers: set(request.headers, 'Idempotency-Key', value) };
    }),
  ),
  'an idempotency key of 255 characters is refused': front(
    onlyIf(
      ({ headers }) => (find(headers, 'Idempotency-Key')?.length ?? 0) === 255,
      async () => example('invalidIdempotencyKey'),
    ),
  ),
  'a quoted idempotency key is refused': front(
    onlyIf(
      ({ headers }) => /^".+"$/.test(find(headers, 'Idempotency-Key') ?? ''),
      async () => example('invalidIdempotencyKey'),
    ),
  ),
  'only UUIDs are accepted as idempotency keys': front(
    onlyIf(
      ({ headers }) => {
        const key = find(headers, 'Idempotency-Key');
        return key !== undefined && !/^"?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"?$/i.test(key);
      },
      async () => example('invalidIdempotencyKey'),
    ),
  ),
  'an idempotency key is required': front(
    onlyIf(
      (request) =>
        isOperation(request) &&
        find(request.headers, 'Idempotency-Key') === undefined &&
        find(request.headers, 'cv-api-key') !== undefined &&
        isObject(parse(request.body)),
      async (request, forward) => {
        const response = await forward(request);
        return response.status === 200 ? example('invalidIdempotencyKey') : response;
      },
    ),
  ),
  'messages are in another language': front(
    changeResponse((response) => ({
      ...response,
      body: Buffer.from(response.body.toString().replace('Amount is required', 'Betrag fehlt')),
    })),
  ),
  'all invalid requests get one message': front(
    changeResponse((response) =>
      response.status === 400 ? { ...response, body: example('invalidBody').body } : response,
    ),
  ),
};
