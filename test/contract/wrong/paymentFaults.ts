import {
  changeAmount,
  changeMetadata,
  changeOrder,
  changeResponse,
  findSecret,
  front,
  isCreation,
  isText,
  onlyIf,
  parse,
  set,
  withJson,
  withOwnRequestId,
  withSecret,
  type Fault,
  type Faults,
  type Json,
  type ProxyResponse,
} from './fault.ts';

/** Changes the intent that Stripe holds, as whoever retrieves it sees it. The server behind the fault never retrieves one. */
const storedAs = (change: (intent: Json) => Json): Fault => ({
  stripe: () =>
    onlyIf(
      ({ method }) => method === 'GET',
      changeResponse((response) => {
        const intent = response.status === 200 ? parse(response.body) : undefined;
        return intent === undefined ? response : withJson(response, change(intent));
      }),
    ),
});

/** Replaces secrets: from the second success on, `choose` gets all earlier ones, the oldest first. */
const replaceSecret = (choose: (earlier: readonly string[], own: string) => string): Fault => ({
  front: () => {
    const earlier: string[] = [];
    return changeResponse((response) => {
      const own = findSecret(response);
      if (own === undefined) return response;
      const chosen = earlier.length > 0 ? choose(earlier, own) : own;
      earlier.push(own);
      return withSecret(response, chosen);
    });
  },
});

const changeTypes = (change: (types: readonly unknown[]) => unknown): Fault =>
  front(
    changeOrder((body) => {
      const { paymentMethodTypes: types } = body;
      return Array.isArray(types) && types.length > 0 ? { ...body, paymentMethodTypes: change(types) } : body;
    }),
  );

const changeValues = (change: (value: string, name: string) => string): Fault =>
  front(changeMetadata((name, value) => [name, change(value, name)]));

const omit = (body: Json, name: string): Json =>
  Object.fromEntries(Object.entries(body).filter(([key]) => key !== name));

export const amountFaults: Faults = {
  '1.15 is sent as 114': front(changeAmount((dollars) => Math.trunc(dollars * 100) / 100)),
  'amounts lose their cents': front(changeAmount((dollars) => Math.max(0.5, Math.trunc(dollars)))),
  'amounts are taken for cents': front(changeAmount((dollars) => Math.max(0.5, dollars / 100))),
  'amounts from 1,000 on lose what follows the thousands': front(
    changeAmount((dollars) => (dollars >= 1000 ? Math.trunc(dollars / 1000) : dollars)),
  ),
  'amounts are kept in 32-bit floats': front(changeAmount(Math.fround)),
  '1.10 is read as 1.01': front(changeAmount((dollars) => (dollars === 1.1 ? 1.01 : dollars))),
  'every intent is over the amount of the first': {
    front: () => {
      let amount: unknown;
      return changeOrder((body) => ({ ...body, amount: (amount ??= body['amount']) }));
    },
  },
  'a fee is added to the amount': front(changeAmount((dollars) => Math.min(dollars * 1.03, 999_999.99))),
  'intents are in euros': storedAs((intent) => ({ ...intent, currency: 'eur' })),
  'intents are canceled at once': storedAs((intent) => ({ ...intent, status: 'canceled' })),
  'intents wait for a capture that nobody makes': storedAs((intent) => ({ ...intent, capture_method: 'manual' })),
};

export const methodTypeFaults: Faults = {
  'payment method types are not sent to Stripe': front(changeOrder((body) => omit(body, 'paymentMethodTypes'))),
  'only the first payment method type is sent': changeTypes((types) => types.slice(0, 1)),
  'a type is added': changeTypes((types) => [...new Set([...types, 'us_bank_account'])]),
  'every type becomes card': changeTypes(() => ['card']),
  'without types, only card is offered': front(
    changeOrder((body) => ({
      ...body,
      ...(body['paymentMethodTypes'] === undefined && { paymentMethodTypes: ['card'] }),
    })),
  ),
};

export const metadataFaults: Faults = {
  'metadata is not sent to Stripe': front(changeOrder((body) => omit(body, 'metadata'))),
  'only email and phone are stored': front(
    changeMetadata((name, value) => (['email', 'phone'].includes(name) ? [name, value] : undefined)),
  ),
  'metadata keys are lower-cased': front(changeMetadata((name, value) => [name.toLowerCase(), value])),
  'the key __proto__ is lost': front(
    changeMetadata((name, value) => (name === '__proto__' ? undefined : [name, value])),
  ),
  'metadata is normalised to NFC': changeValues((value) => value.normalize('NFC')),
  'metadata loses its emoji': changeValues((value) => value.replaceAll(/[\u{10000}-\u{10ffff}]/gu, '?')),
  'metadata values are trimmed': changeValues((value) => value.trim()),
  'metadata is escaped for HTML': changeValues((value) =>
    value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').slice(0, 500),
  ),
  'numbers in metadata lose their leading zeros': changeValues((value) =>
    /^\d{1,15}$/.test(value) ? String(Number(value)) : value,
  ),
  'percent signs in metadata are decoded': changeValues((value) => {
    try {
      return decodeURIComponent(value);
    } catch {
      return value;
    }
  }),
  'e-mail addresses are lower-cased': changeValues((value, name) => (name === 'email' ? value.toLowerCase() : value)),
  'metadata carries over to the next payment': {
    front: () => {
      let kept: Json = {};
      return changeOrder((body) => {
        const { metadata = {} } = body;
        const merged = { ...kept, ...(metadata as Json) };
        kept =
          Object.values(metadata as Json).every(isText) && Object.keys(metadata as Json).length < 5
            ? (metadata as Json)
            : kept;
        return Object.keys(merged).length <= 50 ? { ...body, metadata: merged } : body;
      });
    },
  },
};

export const secretFaults: Faults = {
  'the secret is that of the payment before': replaceSecret((earlier) => earlier.at(-1)!),
  'one secret is cached for everybody': replaceSecret(([oldest]) => oldest!),
  'every seventh response has the secret of another': replaceSecret((earlier, own) =>
    earlier.length % 7 === 0 ? earlier[0]! : own,
  ),
  'the secret mixes two intents': replaceSecret(
    (earlier, own) => `${own.split('_secret_')[0]}_secret_${earlier.at(-1)!.split('_secret_')[1]}`,
  ),
  'the intent is in another Stripe account': {
    stripe: () =>
      onlyIf(
        ({ method }) => method === 'POST',
        (request, forward) =>
          forward({ ...request, headers: set(request.headers, 'Authorization', 'Bearer sk_test_another') }),
      ),
  },
  'every payment reaches Stripe twice': front(
    onlyIf(isCreation, async (request, forward) => {
      await forward(request);
      return forward(request);
    }),
  ),
  'every payment is mirrored to a second server': front(
    onlyIf(isCreation, async (request, forward) => {
      const response = await forward(request);
      await forward(request);
      return response;
    }),
  ),
  'equal payments within a second get one response': {
    front: () => {
      const pending = new Map<string, Promise<ProxyResponse>>();
      return onlyIf(isCreation, async (request, forward) => {
        const name = JSON.stringify([request.path, request.headers, request.body.toString()]);
        const isFirst = !pending.has(name);
        if (isFirst) {
          pending.set(name, forward(request));
          setTimeout(() => pending.delete(name), 1_000).unref();
        }
        const response = await pending.get(name)!;
        return isFirst ? response : withOwnRequestId(response);
      });
    },
  },
  'equal payments at the same time get one response': {
    front: () => {
      const pending = new Map<string, Promise<ProxyResponse>>();
      return onlyIf(isCreation, async (request, forward) => {
        const name = JSON.stringify([request.path, request.headers, request.body.toString()]);
        const running = pending.get(name);
        if (running !== undefined) return withOwnRequestId(await running);
        const response = forward(request);
        pending.set(name, response);
        await response.finally(() => pending.delete(name));
        return response;
      });
    },
  },
};
